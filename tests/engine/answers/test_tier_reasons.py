"""The tier that decides: the first one that does not pass, with the same decision as the engine's answer."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from tests.cluster_policy_strategies import clusters
from tests.engine.members import member_in
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, container_port, pod, policy
from tests.semantics.test_agreement import pairs, ports

from ringfence import Cluster
from ringfence.engine.answers import TierReason, allowing_rules, explain, reasons_by_tier
from ringfence.engine.policies import Action
from ringfence.sets.traffic import Traffic

PODS = [pod("x/a"), pod("x/b")]
HTTP = Traffic.of("TCP", ((80, 80),))
HTTPS = Traffic.of("TCP", ((443, 443),))


def guard(name: str, tier: str, priority: int, *actions: str, ports: tuple[int, ...] = ()) -> Object:
    """A ClusterNetworkPolicy for the ingress of all pods, with rules that do one thing after the other."""
    protocols = {"protocols": [{"tcp": {"destinationPort": {"number": port}}} for port in ports]} if ports else {}
    rules = [{"action": action, "from": [{"namespaces": {}}], **protocols} for action in actions]
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": tier, "priority": priority, "subject": {"namespaces": {}}, "ingress": rules},
    }


def ingress(*policies: Object, asked: Traffic | None = HTTP) -> list[tuple[str, Action | None, str, bool]]:
    """Each tier: its name, its decision, the policy that decides, and whether the tier is evaluated."""
    state = cluster_of([*PODS, *policies]).state
    reason = explain(state, member_in(state, "x/a"), member_in(state, "x/b"), asked)
    return [
        (tier.name, tier.decision, str(tier.by.policy.policy) if tier.by else "", tier.is_asked)
        for tier in reasons_by_tier(reason.ingress, asked)
    ]


def test_a_tier_that_decides_is_the_last_that_is_asked() -> None:
    assert ingress(guard("g", "Admin", 1, "Deny"), policy("x/p"), guard("h", "Baseline", 1, "Accept")) == [
        ("Admin", Action.DENY, "g", True),
        ("NetworkPolicy", None, "", False),
    ]


def test_a_pass_and_a_tier_without_a_match_leave_it_to_the_next() -> None:
    assert ingress(guard("g", "Admin", 1, "Pass", "Deny"), policy("x/p")) == [
        ("Admin", Action.PASS, "g", True),
        ("NetworkPolicy", Action.DENY, "", True),
    ]
    assert ingress(guard("g", "Admin", 1, "Deny", ports=(81,)), guard("h", "Baseline", 1, "Accept")) == [
        ("Admin", Action.PASS, "", True),
        ("Baseline", Action.ALLOW, "h", True),
    ]


def test_the_lowest_priority_comes_first() -> None:
    assert ingress(guard("late", "Admin", 2, "Accept"), guard("soon", "Admin", 1, "Deny")) == [
        ("Admin", Action.DENY, "soon", True)
    ]


def test_what_is_decided_in_parts_has_no_single_rule() -> None:
    both = Traffic.of("TCP", ((80, 81),))
    assert ingress(guard("g", "Admin", 1, "Deny", ports=(81,)), asked=both) == [("Admin", None, "", True)]
    assert ingress(guard("g", "Admin", 1, "Deny", ports=(81,)), asked=None) == [("Admin", None, "", True)]


@given(clusters(), ports)
def test_the_tiers_decide_what_the_engine_says(objects: list[Object], asked: tuple[str, int]) -> None:
    cluster, (protocol, port) = cluster_of(objects), asked
    for source, destination in pairs(objects):
        answer = cluster.can(source, destination, port=port, protocol=protocol)
        for reason in (explained.reason for explained in answer.explanations):
            for side in (reason.egress, reason.ingress):
                tiers = reasons_by_tier(side, reason.asked)
                is_whole = all(tier.decision is not None for tier in tiers if tier.is_asked)
                if is_whole and not side.exempt:
                    assert is_allowed_by(tiers) is side.allowed, (side.direction, source, destination)


def is_allowed_by(tiers: tuple[TierReason, ...]) -> bool:
    """The decision of the first tier that decides."""
    decisions = [tier.decision for tier in tiers if tier.is_asked]
    return next((one is Action.ALLOW for one in decisions if one is not Action.PASS), True)


@pytest.mark.parametrize(
    ("policies", "rules", "is_open"),
    [
        pytest.param([guard("g", "Admin", 1, "Accept"), policy("x/p")], ["g 0"], False, id="it decides"),
        pytest.param([guard("g", "Admin", 1, "Pass", "Accept")], [], True, id="one that comes too late"),
        pytest.param(
            [guard("g", "Admin", 1, "Pass"), policy("x/p", ingress=[admits(), admits()])], ["x/p 0", "x/p 1"], False,
            id="NetworkPolicies are a union",
        ),
        pytest.param([guard("g", "Admin", 1, "Accept", ports=(81,))], [], True, id="about other ports"),
        pytest.param([guard("g", "Baseline", 1, "Accept")], ["g 0"], False, id="the last tier"),
    ],
)  # fmt: skip
def test_the_rules_that_let_something_pass(policies: list[Object], rules: list[str], is_open: bool) -> None:
    state = cluster_of([*PODS, *policies]).state
    side = explain(state, member_in(state, "x/a"), member_in(state, "x/b"), HTTP).ingress
    found, undecided = allowing_rules(side, HTTP)
    assert [f"{one.policy.policy} {one.rule.index}" for one in found] == rules
    assert bool(undecided) is is_open


class TestPortNames:
    """Cluster policies write a port name without a protocol, so no reason may name one that nobody wrote."""

    def reason(self, destination: Object) -> tuple[str, tuple[str, ...]]:
        named = guard("g", "Admin", 1, "Accept")
        named["spec"]["ingress"][0]["protocols"] = [{"destinationNamedPort": "http"}]
        state = cluster_of([pod("x/a"), destination, named]).state
        found = explain(state, member_in(state, "x/a"), member_in(state, "x/b"), HTTPS)
        ((rule,),) = (policy.rules for policy in found.ingress.policies)
        return rule.reason, rule.hints

    def test_a_port_with_the_name_under_one_protocol_is_enough(self) -> None:
        assert self.reason(pod("x/b", ports=[container_port("http", 80)])) == (
            "TCP 443 is not among its ports (TCP 80)",
            (),
        )

    def test_a_name_that_no_port_has_is_written_as_in_the_policy(self) -> None:
        missing = "TCP 443 is not among its ports: it names http, and the destination has no port with that name"
        assert self.reason(pod("x/b")) == (missing, ())


def test_a_rule_of_a_later_version_that_cannot_be_evaluated_says_why_it_accepts_nothing(tmp_path: Path) -> None:
    later = {**guard("later", "Admin", 1, "Accept"), "apiVersion": "policy.networking.k8s.io/v1beta1"}
    later["spec"]["ingress"][0]["from"] = [{"serviceAccounts": {}}]
    file = tmp_path / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*PODS, later]}))
    state = Cluster.load(file).state
    found = explain(state, member_in(state, "x/a"), member_in(state, "x/b"), HTTP)
    ((rule,),) = (policy.rules for policy in found.ingress.policies)
    assert not rule.matches
    assert rule.reason == "it has an error or a field of a later version of the API, so it accepts nothing"
