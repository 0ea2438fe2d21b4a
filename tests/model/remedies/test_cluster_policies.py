"""How lists of the administrators' policies are mended that are empty or too long: not as those of a NetworkPolicy."""

import json

import pytest
from tests.model.remedies.mistaken import problems
from tests.semantics.objects import Object

PODS: Object = {"namespaces": {}}
PORT: Object = {"tcp": {"destinationPort": {"number": 80}}}
NO_PEERS = "name the peers of the rule, each after a dash; `- namespaces: {}` are all pods"


def remedies(*rules: Object) -> list[str]:
    """The remedies of a policy with these rules for egress; a rule without peers has one for all pods."""
    egress = [{"action": "Deny", "to": [PODS], **rule} for rule in rules]
    policy = {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"tier": "Admin", "priority": 1, "subject": PODS, "egress": egress},
    }
    return [problem.remedy for problem in problems(json.dumps(policy))]


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        ({"to": []}, NO_PEERS),
        ({"protocols": []}, "add an entry; for all traffic, leave out `protocols`"),
        ({"to": [{"networks": []}]}, "add a CIDR, or remove this peer"),
        ({"to": [{"domainNames": []}]}, "add a name, or remove this peer"),
    ],
)
def test_an_empty_list(rule: Object, remedy: str) -> None:
    assert remedies(rule) == [remedy]


@pytest.mark.parametrize(
    ("rules", "remedy"),
    [
        ([{}] * 26, "move the last rules to another policy, whose `priority` is the next number"),
        ([{"to": [PODS] * 26}], "move some peers to another rule right behind, with the same action and ports"),
        ([{"protocols": [PORT] * 26}], "move some ports to another rule right behind, with the same action and peers"),
        (
            [{"to": [{"networks": [f"10.{i}.0.0/16" for i in range(26)]}]}],
            "move some to another peer of this rule",
        ),
    ],
)
def test_a_list_that_is_too_long(rules: list[Object], remedy: str) -> None:
    assert remedies(*rules) == [remedy]
