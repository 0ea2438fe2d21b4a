"""The rules about posture for a whole cluster: coverage, places, and rules that are not decided."""

from pathlib import Path

from tests.lint.test_false_alarms import CILIUM, WEB, pod, policy
from tests.semantics.judges import cluster_of

from ringfence import Cluster
from ringfence.lint import RULES, LintSettings, controls

CLOSED = policy({"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress", "Egress"]})


def test_coverage_counts_workloads_and_leaves_out_those_of_the_system() -> None:
    objects = [WEB, pod("api"), pod("dns", "kube-system"), CLOSED]
    assert str(cluster_of(objects).lint(select=["posture"]).coverage) == (
        "isolated workloads: 1 of 2 ingress, 1 of 2 egress"
    )
    everything = LintSettings(system_namespaces=())
    coverage = cluster_of(objects).lint(select=["RF201"], settings=everything).coverage
    assert coverage is not None
    assert (coverage.workloads, coverage.ingress, coverage.egress) == (3, 1, 1)


def test_without_a_word_nothing_is_said_about_posture() -> None:
    found = cluster_of([WEB]).lint()
    assert found.coverage is None
    assert not any(one.rule.startswith("RF2") for one in found.found)


def test_a_policy_that_is_not_read_makes_it_unknown_whether_its_pods_are_isolated() -> None:
    found = cluster_of([WEB, pod("api"), CILIUM]).lint(select=["RF201"])
    assert [one.object for one in found.found] == ["Pod shop/api"]
    (skipped,) = found.skipped
    assert skipped.reason.startswith("not decided for Pod shop/web: CiliumNetworkPolicy")


def test_a_namespace_is_decided_by_the_policies_for_pods_without_labels() -> None:
    guard = {**CILIUM, "spec": {"endpointSelector": {}, "ingress": [{}]}}
    found = cluster_of([WEB, pod("front", "front"), guard]).lint(select=["RF203"])
    assert [one.object for one in found.found] == ["Namespace front"]
    assert found.skipped[0].reason.startswith("not decided for Namespace shop")


def test_a_finding_about_a_workload_stands_where_the_workload_is_written(tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("# a pod\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n")
    (found,) = Cluster.load(file).lint(select=["RF201"]).found
    assert (found.place.file, found.place.line) == (str(file), 2)


def test_every_control_names_rules_that_exist_and_has_a_tag_of_its_own() -> None:
    known = {rule.identifier for rule in RULES}
    assert all(one.rules and known.issuperset(one.rules) for one in controls())
    assert len({one.tag for one in controls()}) == len(controls())


def test_a_rule_for_the_whole_internet_is_named_by_its_path() -> None:
    addresses = {"ipBlock": {"cidr": "0.0.0.0/0"}}
    admitting = {"from": [addresses], "ports": [{"port": 80}]}
    sending = {"to": [addresses], "ports": [{"port": 443}]}
    wide = policy({"podSelector": {}, "ingress": [admitting], "egress": [sending]})
    found = cluster_of([WEB, wide]).lint(select=["RF206", "RF207"]).found
    assert [(one.rule, one.path) for one in found] == [("RF206", "spec.ingress[0]"), ("RF207", "spec.egress[0]")]
