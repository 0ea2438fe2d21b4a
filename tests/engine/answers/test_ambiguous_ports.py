"""Port names that several containers of a pod have: all of their ports are assumed, and the answer says so."""

import pytest
from tests.engine.members import member_in, state_of
from tests.semantics.objects import Object, admits, container_port, pod, pods, policy, port, sends

from ringfence.engine.answers.explanations import explain
from ringfence.sets.traffic import Traffic

CLIENT = pod("x/client")
ASSUMED = (
    "containers of x/app give the name web to TCP 8080,9090: a rule that names it is assumed to mean all of these "
    "ports; network plugins differ"
)


def app(*numbers: int) -> Object:
    """The pod x/app, each of whose containers has another port called web."""
    return pod("x/app", containers=[{"name": f"c{one}", "ports": [container_port("web", one)]} for one in numbers])


def assumptions(world: list[Object], number: int | None) -> tuple[str, ...]:
    state = state_of(world)
    asked = None if number is None else Traffic.of("TCP", [(number, number)])
    return explain(state, member_in(state, "x/client"), member_in(state, "x/app"), asked).assumptions


BY_NAME = policy("x/p", ingress=[admits(ports=[port("web")])])


@pytest.mark.parametrize("number", [8080, 9090, None])
def test_an_answer_about_one_of_the_ports_assumes_that_all_are_meant(number: int | None) -> None:
    assert assumptions([CLIENT, app(9090, 8080), BY_NAME], number) == (ASSUMED,)


def test_so_does_one_about_the_egress_of_the_client() -> None:
    closed = policy("x/p", {"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}, egress=[])
    named = policy("x/q", egress=[sends(pods({}), ports=[port("web")])])
    assert assumptions([CLIENT, app(9090, 8080), closed, named], 9090) == (ASSUMED,)


@pytest.mark.parametrize(
    ("world", "number"),
    [
        pytest.param([app(9090, 8080), BY_NAME], 80, id="another port"),
        pytest.param([app(8080), BY_NAME], 8080, id="a name of one port"),
        pytest.param([app(8080, 8080), BY_NAME], 8080, id="the same port twice"),
        pytest.param([app(9090, 8080)], 8080, id="no rule names it"),
        pytest.param(
            [app(9090, 8080), policy("x/p", ingress=[admits(ports=[port("web"), port(8080)])])],
            8080,
            id="the number is allowed as well",
        ),
        pytest.param(
            [app(9090, 8080), policy("x/p", ingress=[admits(pods({"matchLabels": {"a": "b"}}), ports=[port("web")])])],
            8080,
            id="the rule is about other peers",
        ),
    ],
)
def test_nothing_is_assumed_where_it_makes_no_difference(world: list[Object], number: int) -> None:
    assert assumptions([CLIENT, *world], number) == ()
