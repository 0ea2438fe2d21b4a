"""Which objects are accepted, which are refused, and what is reported about them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from ringfence import Cluster, RingfenceError
from ringfence.admission import Admission
from ringfence.model.origin import Place
from ringfence.model.problems import ProblemCode, Severity
from ringfence.model.unread_kinds import unlisted_kind, unread_kind
from ringfence.sources.loaded_objects import LoadedObjects
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod, policy

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {%s, namespace: prod}
spec: {podSelector: {}, policyTypes: [%s]}
---
"""
PODS = "".join(
    f"{{apiVersion: v1, kind: Pod, metadata: {{{name}, namespace: prod}}}}\n---\n"
    for name in ("name: web", "name: db", "generateName: job-", "generateName: job-")
)


def test_a_kind_of_policies_that_could_not_be_listed_leaves_what_it_may_change_in_doubt() -> None:
    kind = unread_kind("CiliumNetworkPolicy.cilium.io")
    assert kind is not None
    policy = unlisted_kind(kind, "", Place("https://server"))
    assert policy is not None
    cluster = cluster_of([pod("x/a"), pod("x/b")])
    admission = Admission(cluster.state, "x", live=True, server_version=None)
    assert admission.load(LoadedObjects([], [], Counter(), unlisted=[policy])) == []
    assert any("cannot be listed" in one for one in cluster.can("x/a", "x/b").assumptions)


def loaded(folder: Path, *texts: str) -> Cluster:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    return Cluster.load(folder)


def messages(cluster: Cluster) -> list[str]:
    return [f"{Path(problem.place.file).name}: {problem.message}" for problem in cluster.problems]


class TestGeneratedNames:
    """Each object with a `generateName` is an object of its own, as on the API server."""

    def test_policies_do_not_replace_one_another(self, tmp_path: Path) -> None:
        both = POLICY % ("generateName: deny-", "Ingress") + POLICY % ("generateName: deny-", "Egress")
        reasons = loaded(tmp_path, PODS, both).can("prod/web", "prod/db").reasons[0]
        assert [reasons.egress.isolated, reasons.ingress.isolated] == [True, True]

    def test_pods_do_not_replace_one_another(self, tmp_path: Path) -> None:
        names = [member.name for member in loaded(tmp_path, PODS).state.members_in("prod")]
        assert names == ["web", "db", "job-1", "job-2"]

    def test_a_name_that_is_taken_is_not_generated(self, tmp_path: Path) -> None:
        generated, named = POLICY % ("generateName: deny-", "Ingress"), POLICY % ("name: deny-1", "Egress")
        cluster = loaded(tmp_path, generated, named)
        assert [policy.metadata.name for policy in cluster.policies()] == ["deny-1", "deny-2"]
        assert not cluster.problems


class TestDuplicates:
    """Of several objects with the same name the last counts, as with `kubectl apply`."""

    def test_the_last_counts_and_a_warning_names_both(self, tmp_path: Path) -> None:
        cluster = loaded(tmp_path, POLICY % ("name: deny", "Ingress"), POLICY % ("name: deny", "Egress"))
        assert [policy.spec.policy_types for policy in cluster.policies()] == [("Egress",)]
        assert messages(cluster) == [f"1.yaml: defined before at {tmp_path / '0.yaml'}:2; this one counts"]

    def test_the_warning_names_the_object(self, tmp_path: Path) -> None:
        twice = "{apiVersion: v1, kind: %s, metadata: {name: a}}\n---\n"
        cluster = loaded(tmp_path, *[twice % "Node", twice % "Pod"] * 2)
        found = [(problem.severity, problem.object) for problem in cluster.problems]
        assert found == [(Severity.WARNING, "Node a"), (Severity.WARNING, "Pod default/a")]

    def test_a_refused_object_replaces_nothing(self, tmp_path: Path) -> None:
        cluster = loaded(tmp_path, POLICY % ("name: deny", "Ingress"), POLICY % ("name: deny", "Outgress"))
        assert [policy.spec.policy_types for policy in cluster.policies()] == [("Ingress",)]
        assert messages(cluster) == [
            '1.yaml: spec.policyTypes[0]: Unsupported value: "Outgress": supported values: "Ingress", "Egress"'
        ]


class TestPoliciesThatAreNotRead:
    """What they may change is an assumption of the answers about the pods that they select."""

    ANTREA: Final = {
        "apiVersion": "crd.antrea.io/v1beta1",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"appliedTo": [{"namespaceSelector": {}}], "egress": [{}]},
    }
    KIND: Final = "ClusterNetworkPolicy.crd.antrea.io"
    DOUBT: Final = f"{KIND} p (added by a program) is not read: it may change the egress of the pods that it selects"

    def test_a_program_can_add_and_remove_them(self) -> None:
        cluster = cluster_of([pod("x/a"), pod("x/b"), self.ANTREA])
        assert cluster.can("x/a", "x/b").assumptions == cluster.assumptions() == (self.DOUBT,)
        assert cluster.assumptions("y") == ()
        cluster.remove(self.KIND, "default", "p")
        assert cluster.can("x/a", "x/b").assumptions == cluster.assumptions() == ()

    def test_those_of_a_namespace_are_removed_with_its_name(self) -> None:
        cilium = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "p"}}
        cluster = cluster_of([pod("default/a"), cilium])
        cluster.remove("CiliumNetworkPolicy.cilium.io", "", "p")
        assert cluster.assumptions() == ()

    def test_two_with_one_generated_name_both_count(self, tmp_path: Path) -> None:
        written = """\
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {generateName: p-, namespace: prod}, spec: {
  endpointSelector: {}, ingress: [{}]}}
---
"""
        assert len(loaded(tmp_path, PODS, written, written).assumptions()) == 2


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({}, "None of None is a kind that ringfence does not read"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "'ConfigMap' of 'v1' is a kind that ringfence does not read"),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}},
            "Pod: metadata.name: Required value: objects are added and removed by name",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 7}},
            'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field '
            "ObjectMeta.metadata.name of type string",
        ),
        (
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "a"},
                "spec": {"x": 1},
            },
            'strict decoding error: unknown field "spec.x"',
        ),
    ],
)
def test_an_object_that_cannot_be_used_is_refused_and_changes_nothing(obj: dict[str, Any], message: str) -> None:
    cluster = Cluster()
    with pytest.raises(RingfenceError) as refusal:
        cluster.upsert(obj)
    assert str(refusal.value) == message
    assert not list(cluster.state.members())


class TestProblemsOfPolicies:
    RULE = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, %s}}"

    def test_an_error_leaves_the_policy_out(self, tmp_path: Path) -> None:
        cluster = loaded(tmp_path, self.RULE % "policyTypes: [Outgress]")
        assert [(one.severity, one.object) for one in cluster.problems] == [
            (Severity.ERROR, "NetworkPolicy default/p"),
        ]
        assert cluster.policies() == []

    def test_a_warning_does_not(self, tmp_path: Path) -> None:
        cluster = loaded(tmp_path, self.RULE % "ingress: [{from: [{ipBlock: {cidr: FD00::/8}}]}]")
        assert [(one.severity, one.object) for one in cluster.problems] == [
            (Severity.WARNING, "NetworkPolicy default/p"),
        ]
        assert [policy.metadata.name for policy in cluster.policies()] == ["p"]


def test_an_invalid_policy_is_refused_with_all_its_errors_and_changes_nothing() -> None:
    cluster = Cluster()
    valid = policy("prod/p", ingress=[])
    cluster.upsert(valid)
    with pytest.raises(RingfenceError) as refusal:
        cluster.upsert(policy("prod/p", policyTypes=["Outgress", "Ingress", "In"]))
    assert str(refusal.value).startswith('NetworkPolicy "p" is invalid: spec.policyTypes')
    assert [one.spec.policy_types for one in cluster.policies()] == [("Ingress",)]


class TestStoredPolicies:
    """A server has stored them, so they are in force there, whatever a newer server would say to them."""

    HOST_BITS: Final[dict[str, Any]] = {"ingress": [{"from": [{"ipBlock": {"cidr": "10.9.0.5/24"}}]}]}

    @pytest.mark.parametrize("metadata", [{"uid": "4f1"}, {"resourceVersion": "17"}])
    def test_bits_beyond_the_prefix_length_are_masked(self, metadata: dict[str, str], tmp_path: Path) -> None:
        cluster = dumped(tmp_path, policy("prod/lan", **self.HOST_BITS), **metadata)
        assert [(one.severity, one.code) for one in cluster.problems] == [(Severity.WARNING, "nonstandard-cidr")]
        assert cluster.can("10.9.0.77", "prod/db", port=80)
        assert not cluster.can("10.9.1.77", "prod/db", port=80)

    def test_those_that_are_to_be_created_are_refused(self, tmp_path: Path) -> None:
        cluster = dumped(tmp_path, policy("prod/lan", **self.HOST_BITS))
        assert [one.severity for one in cluster.problems] == [Severity.ERROR]
        assert cluster.policies() == []

    def test_of_one_that_is_invalid_the_isolation_remains(self, tmp_path: Path) -> None:
        cluster = dumped(tmp_path, policy("prod/lan", ingress=[{"ports": [{"port": 0}]}]), uid="4f1")
        assert [one.severity for one in cluster.problems] == [Severity.ERROR]
        assert not cluster.can("10.9.0.77", "prod/db", port=80)

    def test_one_with_a_field_of_a_newer_server_counts_with_an_error(self, tmp_path: Path) -> None:
        cluster = dumped(tmp_path, policy("prod/lan", ingress=[], newField=1), uid="4f1")
        assert [(one.severity, one.code) for one in cluster.problems] == [(Severity.ERROR, "unknown-field")]
        assert not cluster.can("10.9.0.77", "prod/db", port=80)

    def test_those_of_a_live_cluster_are_stored(self) -> None:
        cluster = Cluster(live=True)
        cluster.upsert(policy("prod/lan", **self.HOST_BITS))
        assert [one.metadata.name for one in cluster.policies()] == ["lan"]

    def test_what_is_supposed_of_a_live_cluster_is_not_stored_yet(self, tmp_path: Path) -> None:
        (tmp_path / "lan.json").write_text(json.dumps(policy("prod/lan", **self.HOST_BITS)))
        cluster = Cluster(live=True)
        cluster.suppose(tmp_path)
        assert [one.severity for one in cluster.problems] == [Severity.ERROR]
        assert cluster.policies() == []
        cluster.upsert(policy("prod/lan", **self.HOST_BITS))
        assert [one.metadata.name for one in cluster.policies()] == ["lan"]

    def test_a_program_adds_them_too(self) -> None:
        cluster = Cluster()
        written = policy("prod/lan", **self.HOST_BITS)
        cluster.upsert({**written, "metadata": {**written["metadata"], "uid": "4f1"}})
        assert [one.metadata.name for one in cluster.policies()] == ["lan"]


@pytest.mark.parametrize("field", ["status", "metadata.clusterName"])
def test_a_field_of_earlier_versions_is_a_warning_and_the_policy_counts(field: str, tmp_path: Path) -> None:
    written = policy("prod/lan", ingress=[])
    if field == "status":
        written["status"] = {}
    else:
        written["metadata"]["clusterName"] = ""
    cluster = dumped(tmp_path, written)
    (problem,) = cluster.problems
    assert (problem.severity, problem.code) == (Severity.WARNING, "former-field")
    assert problem.message.startswith(f'unknown field "{field}": Kubernetes ')
    assert not cluster.can("10.9.0.77", "prod/db", port=80)
    added = Cluster()
    added.upsert(written)
    assert len(added.policies()) == 1


def dumped(folder: Path, written: dict[str, Any], **metadata: str) -> Cluster:
    """A cluster from a file with the policy, and with a pod `prod/db`."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db", "namespace": "prod"}}
    changed = {**written, "metadata": {**written["metadata"], **metadata}}
    (folder / "dump.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod, changed]}))
    return Cluster.load(folder)


def test_a_policy_that_is_not_read_and_names_no_namespace_is_in_that_of_the_cluster(tmp_path: Path) -> None:
    policy = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "p"}}
    policy["spec"] = {"endpointSelector": {}, "ingress": [{}]}
    (tmp_path / "f.json").write_text(json.dumps(policy))
    added = Cluster(namespace="prod")
    added.upsert(policy)
    for cluster in (Cluster.load(tmp_path, namespace="prod"), added):
        cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db"}})
        assert "CiliumNetworkPolicy.cilium.io prod/p" in " ".join(cluster.can("10.0.0.1", "prod/db").assumptions)


def test_objects_without_a_namespace_are_in_that_of_the_cluster() -> None:
    cluster = Cluster(namespace="prod")
    cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}})
    assert [member.namespace for member in cluster.state.members()] == ["prod"]
    cluster.remove("Pod", "", "web")
    assert not list(cluster.state.members())


class TestALaterVersionOfAnAdministratorsPolicy:
    """It is read as the version that is known, with a warning; its limits are not known, so none is held against it."""

    @staticmethod
    def cluster(folder: Path, version: str, **spec: object) -> Cluster:
        objects: list[dict[str, object]] = [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "x", "name": name}, "spec": {}}
            for name in ("a", "b")
        ]
        policy = {
            "apiVersion": f"policy.networking.k8s.io/{version}",
            "kind": "ClusterNetworkPolicy",
            "metadata": {"name": "guard"},
            "spec": {"tier": "Admin", "priority": 2000, "subject": {"namespaces": {}}, **spec},
        }
        (folder / "objects.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects, policy]})
        )
        return Cluster.load(folder)

    @pytest.mark.parametrize("version", ["v1alpha3", "v1beta1", "v1"])
    def test_it_counts(self, tmp_path: Path, version: str) -> None:
        cluster = self.cluster(tmp_path, version, ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}])
        (problem,) = cluster.problems
        assert (problem.severity, problem.code) == (Severity.WARNING, ProblemCode.UNKNOWN_VERSION)
        assert problem.message.endswith("is not known: it is read as policy.networking.k8s.io/v1alpha2")
        assert cluster.can("x/a", "x/b").none

    @pytest.mark.parametrize(("action", "is_allowed"), [("Accept", True), ("Deny", False), ("Pass", False)])
    def test_a_peer_of_a_kind_that_is_not_known_fails_closed(
        self, tmp_path: Path, action: str, is_allowed: bool
    ) -> None:
        rule = {"action": action, "from": [{"serviceAccounts": {}}]}
        cluster = self.cluster(tmp_path, "v1beta1", ingress=[rule])
        version, unknown = cluster.problems
        assert version.code == ProblemCode.UNKNOWN_VERSION
        assert unknown.message == 'unknown field "spec.ingress[0].from[0].serviceAccounts"'
        assert unknown.remedy.startswith("use a version of ringfence that knows it")
        verdict = cluster.can("x/a", "x/b")
        assert bool(verdict) is is_allowed
        closed = "from[0] has no known field, so the rule fails closed and denies every peer"
        assert (closed in verdict.explain()) is not is_allowed

    def test_an_earlier_version_is_an_error(self, tmp_path: Path) -> None:
        (problem,) = self.cluster(tmp_path, "v1alpha1").problems
        assert (problem.severity, problem.code) == (Severity.ERROR, ProblemCode.UNKNOWN_VERSION)
