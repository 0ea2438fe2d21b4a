"""RF108 about administrators' rules, and about rules whose traffic the administrators' policies decide before
NetworkPolicies.

The cases differ in the order and the actions of rules about the same pods.
"""

import pytest
from tests.lint.test_false_alarms import Object, policy
from tests.semantics.judges import cluster_of

from ringfence.lint import FindingLevel, LintFinding

BLUE: Object = {"namespaces": {"matchLabels": {"team": "blue"}}}
GREEN: Object = {"namespaces": {"matchLabels": {"team": "green"}}}
RED: Object = {"namespaces": {"matchLabels": {"group": "red"}}}
TEAMS: Object = {"namespaces": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}
OF_BLUE: Object = {"namespaceSelector": {"matchLabels": {"team": "blue"}}}


def administrators(name: str, priority: int, *rules: tuple[str, Object], tier: str = "Admin") -> Object:
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "tier": tier,
            "priority": priority,
            "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
            "ingress": [{"action": action, "from": [peer]} for action, peer in rules],
        },
    }


def found_in(*objects: Object) -> list[LintFinding]:
    return list(cluster_of(list(objects)).lint(select=["RF108"]).found)


ALLOWING = policy({"podSelector": {}, "ingress": [{"from": [OF_BLUE]}]})


@pytest.mark.parametrize(
    ("policies", "paths"),
    [
        pytest.param(
            [administrators("a", 1, ("Deny", TEAMS), ("Deny", BLUE))], ["spec.ingress[1]"], id="an earlier rule decides"
        ),
        pytest.param(
            [administrators("a", 1, ("Deny", BLUE), ("Deny", TEAMS))], ["spec.ingress[0]"], id="the next does the same"
        ),
        pytest.param(
            [administrators("a", 1, ("Deny", BLUE), ("Accept", GREEN), ("Deny", BLUE))],
            ["spec.ingress[2]"],
            id="of two that do the same with another one between them the second",
        ),
        pytest.param(
            [administrators("a", 1, ("Pass", TEAMS), ("Accept", BLUE), ("Deny", RED))],
            ["spec.ingress[1]"],
            id="it is never reached",
        ),
        pytest.param(
            [administrators("a", 1, ("Accept", BLUE), ("Pass", TEAMS))],
            [],
            id="where nothing isolates, to pass on is to allow, until somebody isolates",
        ),
        pytest.param(
            [administrators("a", 1, ("Deny", TEAMS)), administrators("b", 2, ("Deny", BLUE))],
            [""],
            id="a policy with a lower priority decides",
        ),
        pytest.param(
            [administrators("a", 1, ("Deny", TEAMS)), administrators("b", 1, ("Deny", BLUE))],
            [],
            id="of equal priorities it is not defined which decides",
        ),
        pytest.param(
            [administrators("a", 1, ("Deny", BLUE)), administrators("b", 9, ("Deny", BLUE), tier="Baseline")],
            [],
            id="the baseline is there without the policy of the tier Admin",
        ),
    ],
)
def test_of_policies_of_administrators_only_what_their_own_tier_decides_is_found(
    policies: list[Object], paths: list[str]
) -> None:
    assert [one.path for one in found_in(*policies)] == paths


@pytest.mark.parametrize("peer", [BLUE, TEAMS])
def test_a_rule_of_administrators_that_networkpolicies_make_idle_is_not_found(peer: Object) -> None:
    objects = [administrators("a", 1, ("Deny", peer)), policy({"podSelector": {}, "policyTypes": ["Ingress"]})]
    assert [str(one.part.policy) for one in cluster_of(objects).redundant()] == ["a"]
    assert found_in(*objects) == []


@pytest.mark.parametrize(("action", "verb"), [("Deny", "denies"), ("Accept", "allows")])
def test_what_administrators_decide_before_a_networkpolicy_is_a_note_without_a_correction(
    action: str, verb: str
) -> None:
    (found,) = found_in(administrators("a", 1, (action, TEAMS)), ALLOWING)
    assert (found.object, found.level, found.edit) == ("NetworkPolicy shop/p", FindingLevel.NOTE, None)
    assert f"ClusterNetworkPolicy a spec.ingress[0] {verb} it before NetworkPolicies are asked" in found.message
    assert "when administrators change their policies" in found.remedy
