"""Assumptions: facts missing from the input that an answer depends on; only those that could change it are named."""

import pytest
from tests.engine.members import member_in, state_of
from tests.semantics.objects import Object, admits, labelled, namespace, namespaces, pod, policy, port

from ringfence.engine.answers.explanations import explain
from ringfence.sets.traffic import Traffic

HTTP = Traffic.of("TCP", [(80, 80)])
TEAM = namespaces(labelled(team="a"))
SURELY = namespaces({})


def assumed(*objects: Object, source: str = "y/client", destination: str = "x/server") -> tuple[str, ...]:
    """What the answer assumes; the namespace y is not in the input, so its labels are not known."""
    world = [namespace("x"), pod("x/server", {"app": "server"}), pod("y/client", {"app": "client"})]
    state = state_of([*world, *objects])
    return explain(state, member_in(state, source), member_in(state, destination), HTTP).assumptions


def admitting(*rules: Object) -> Object:
    return policy("x/p", labelled(app="server"), ingress=list(rules))


def test_a_denial_may_be_another_with_labels_that_the_input_lacks() -> None:
    (assumption,) = assumed(admitting(admits(TEAM)))
    assert "y" in assumption


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([admits(TEAM), admits(SURELY)], id="another rule surely allows"),
        pytest.param([admits(TEAM, SURELY)], id="another peer of the rule surely matches"),
        pytest.param([admits(TEAM, ports=[port(81)])], id="the rule is about another port"),
        pytest.param([admits(namespaces(labelled(team="a"), labelled(app="other")))], id="another pod"),
        pytest.param([], id="nothing is allowed anyway"),
    ],
)
def test_what_could_not_reverse_the_answer_is_not_named(rules: list[Object]) -> None:
    assert assumed(admitting(*rules)) == ()


def test_a_namespace_in_the_input_has_no_other_labels() -> None:
    assert assumed(admitting(admits(TEAM)), namespace("y")) == ()


def test_the_other_side_surely_denies_so_nothing_matters() -> None:
    assert assumed(admitting(admits(TEAM)), policy("y/p", egress=[])) == ()


def test_policies_are_assumed_not_to_apply_to_a_pod_that_uses_its_nodes_network() -> None:
    host = pod("x/host", {"app": "server"}, hostNetwork=True)
    found = assumed(host, admitting(), policy("x/other", labelled(app="db"), ingress=[]), destination="x/host")
    assert found == ("x/host uses its node's network: x/p is assumed not to apply to it",)
    assert assumed(host, policy("x/p", labelled(app="server"), egress=[]), destination="x/host") == ()
