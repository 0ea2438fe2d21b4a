"""The mutants of policies: their kinds and places; an API server would accept each of them."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.example_counts import examples
from tests.semantics.objects import Object

from ringfence.analysis.mutants import Mutant, Mutation, mutants_of
from ringfence.cluster import Cluster
from ringfence.model.objects import NetworkPolicy

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector:
    matchLabels: {app: db, tier: data}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    - namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}
    - podSelector: {}
      namespaceSelector: {matchLabels: {team: infra}}
    ports:
    - {port: 5432}
    - {port: 8000, endPort: 8080, protocol: UDP}
  egress:
  - to:
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
"""


def mutants(folder: Path, text: str) -> list[Mutant]:
    path = folder / "a.yaml"
    path.write_text(dedent(text))
    return [one for policy in Cluster.load(path).state.tiers.policies() for one in mutants_of(policy)]


def test_every_part_of_a_policy_has_its_mutants(tmp_path: Path) -> None:
    assert [str(one).removeprefix("prod/db").lstrip() for one in mutants(tmp_path, POLICY)] == [
        ": without the policy",
        "spec.policyTypes[0]: without the policy type Ingress",
        "spec.policyTypes[1]: without the policy type Egress",
        "spec.podSelector.matchLabels.app: without app=db in its selector",
        "spec.podSelector.matchLabels.tier: without tier=data in its selector",
        "spec.ingress[0]: without the rule",
        "spec.ingress[0].from: with all peers",
        "spec.ingress[0].ports: with all ports",
        "spec.ingress[0].from[0]: without the peer",
        "spec.ingress[0].from[0].podSelector.matchLabels.app: without app=web in its podSelector",
        "spec.ingress[0].from[1]: without the peer",
        "spec.ingress[0].from[1].namespaceSelector.matchExpressions[0]: without team In (a,b) in its namespaceSelector",
        "spec.ingress[0].from[1]: as one peer with the entry before it",
        "spec.ingress[0].from[2]: without the peer",
        "spec.ingress[0].from[2].namespaceSelector.matchLabels.team: without team=infra in its namespaceSelector",
        "spec.ingress[0].from[2]: as two peers, one for each selector",
        "spec.ingress[0].ports[0]: without TCP 5432",
        "spec.ingress[0].ports[1]: without UDP 8000-8080",
        "spec.ingress[0].ports[1].endPort: without the endPort of UDP 8000-8080",
        "spec.egress[0]: without the rule",
        "spec.egress[0].to: with all peers",
        "spec.egress[0].to[0].ipBlock.cidr: with 0.0.0.0/0 in place of 10.0.0.0/8",
        "spec.egress[0].to[0].ipBlock.except[0]: without the exception 10.1.0.0/16",
    ]


def test_a_mutant_is_where_its_field_is_written(tmp_path: Path) -> None:
    lines = POLICY.splitlines()
    for one in mutants(tmp_path, POLICY):
        assert one.place
        assert one.place.file.endswith("a.yaml")
        written = lines[one.place.line - 1]
        match one.path.rpartition(".")[2]:
            case "app":
                assert "app: " in written
            case "endPort":
                assert "endPort" in written
            case "except[0]" | "cidr":
                assert "ipBlock" in written
            case "policyTypes[0]" | "policyTypes[1]":
                assert "policyTypes" in written


def test_the_changes_are_what_they_say(tmp_path: Path) -> None:
    found = {}
    for one in mutants(tmp_path, POLICY):
        if isinstance(one.after, NetworkPolicy):
            found[one.path, one.text] = one.after.spec
    joined = found["spec.ingress[0].from[1]", "as one peer with the entry before it"].ingress[0].peers
    assert len(joined) == 2
    assert joined[0].pod_selector
    assert joined[0].namespace_selector
    divided = found["spec.ingress[0].from[2]", "as two peers, one for each selector"].ingress[0].peers
    assert [(one.pod_selector is None, one.namespace_selector is None) for one in divided[2:]] == [
        (True, False),
        (False, True),
    ]
    block = found["spec.egress[0].to[0].ipBlock.cidr", "with 0.0.0.0/0 in place of 10.0.0.0/8"].egress[0].peers[0]
    assert block.ip_block
    assert (block.ip_block.cidr, block.ip_block.excepts) == ("0.0.0.0/0", ("10.1.0.0/16",))
    no_type = found["spec.policyTypes[1]", "without the policy type Egress"]
    assert no_type.policy_types == ("Ingress",)


def test_the_only_peer_and_the_only_port_are_not_removed_because_the_rule_would_mean_all(tmp_path: Path) -> None:
    single = """\
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: a}
        spec:
          podSelector: {}
          ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]
        """
    assert [one.text for one in mutants(tmp_path, single)] == [
        "without the policy",
        "without the rule",
        "with all peers",
        "with all ports",
    ]


def test_a_block_of_ipv6_becomes_all_of_ipv6(tmp_path: Path) -> None:
    text = POLICY.replace("10.0.0.0/8, except: [10.1.0.0/16]", '"fd00::/8"')
    assert "with ::/0 in place of fd00::/8" in [one.text for one in mutants(tmp_path, text)]


def test_policies_of_administrators_have_mutants_of_rules_peers_ports_and_selectors() -> None:
    policies = Cluster.load("examples/admin/dns-for-all").state.tiers.policies()
    found = [one for policy in policies if policy.name == "dns-for-all" for one in mutants_of(policy)]
    assert [str(one) for one in found] == [
        "dns-for-all: without the policy",
        "dns-for-all spec.egress[0]: without the rule",
        "dns-for-all spec.egress[0].action: with the action Deny",
        "dns-for-all spec.egress[0].protocols: with all ports",
        "dns-for-all spec.egress[0].to[0].pods.namespaceSelector.matchLabels.kubernetes.io/metadata.name: "
        "without kubernetes.io/metadata.name=kube-system in its selector",
        "dns-for-all spec.egress[0].to[0].pods.podSelector.matchLabels.k8s-app: "
        "without k8s-app=kube-dns in its selector",
        "dns-for-all spec.egress[0].protocols[0]: without the port entry",
        "dns-for-all spec.egress[0].protocols[1]: without the port entry",
    ]


RULES = "egress: [{action: Deny, to: [{namespaces: {}}]}, {action: Pass, to: [{namespaces: {}}]}]"


@pytest.mark.parametrize(
    ("kind", "version", "head", "allowing"),
    [
        ("ClusterNetworkPolicy", "v1alpha2", "tier: Admin, priority: 1, ", "Accept"),
        ("AdminNetworkPolicy", "v1alpha1", "priority: 1, ", "Allow"),
    ],
)
def test_the_action_of_a_rule_is_reversed(tmp_path: Path, kind: str, version: str, head: str, allowing: str) -> None:
    text = (
        f"apiVersion: policy.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: p}}\n"
        f"spec: {{{head}subject: {{namespaces: {{}}}}, {RULES}}}\n"
    )
    reversed_actions = [str(one) for one in mutants(tmp_path, text) if one.mutation is Mutation.OPPOSITE_ACTION]
    assert reversed_actions == [
        f"p spec.egress[0].action: with the action {allowing}",
        "p spec.egress[1].action: with the action Deny",
    ]


@settings(max_examples=examples(30))
@given(st.one_of(strategies.clusters(), cluster_policy_strategies.clusters()))
def test_every_mutant_is_another_policy_of_the_same_name_that_a_server_takes(
    objects: list[Object],
) -> None:
    cluster = Cluster()
    for one in objects:
        cluster.upsert(one)
    for policy in list(cluster.state.tiers.policies()):
        for mutant in mutants_of(policy):
            if mutant.after is not None:
                assert mutant.after != policy.policy
                assert mutant.after.metadata == policy.policy.metadata
                cluster.upsert(mutant.after)
