"""What most pods of a node would lose if one program replaced another one."""

import pytest
from tests.agent.events import read
from tests.semantics.objects import Object, labelled, pod, policy

from ringfence.agent.losses import most_lost
from ringfence.dataplane.compile import Compiler, NodeGuard
from ringfence.dataplane.program import Program
from ringfence.engine.state import State
from ringfence.model.cidrs import parse_cidr
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

RANGES = Addresses.of(parse_cidr("10.0.0.0/24"), parse_cidr("fd00::/64"))
CLOSED = policy("x/closed", labelled(app="db"), ingress=[])
CAPTIVE = policy("x/captive", labelled(app="db"), egress=[])


def pods(*numbers: int, app: str = "db") -> list[Object]:
    return [pod(f"x/{app}-{i}", {"app": app}, addresses=[f"10.0.0.{i}", f"fd00::{i:x}"], nodeName="n") for i in numbers]


def program(*objects: Object, held: Addresses = RANGES) -> Program:
    state = State(live=True)
    for obj in objects:
        state.upsert(read(obj))
    return Compiler(state, lambda member: True, NodeGuard(held)).program()


ALL = [*pods(1, 2, 3, 4), CLOSED]


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        pytest.param(ALL, "", id="nothing changes"),
        pytest.param(pods(1, 2, 3, 4), "8 of 8 isolated addresses would be open", id="no policies are left"),
        pytest.param([*ALL, *pods(1, 2, app="db")], "", id="a pod more or less"),
        pytest.param([*pods(1, 2), *pods(3, 4, app="web"), CLOSED], "", id="half of the pods are relabelled"),
        pytest.param(
            [*pods(1), *pods(2, 3, 4, app="web"), CLOSED],
            "6 of 8 isolated addresses would be open",
            id="more than half of the pods are relabelled",
        ),
        pytest.param([*pods(1, 2, 3, 4), CAPTIVE], "8 of 8 isolated addresses would be open", id="another direction"),
        pytest.param([CLOSED], "4 of 4 IPv4 addresses of pods would be closed: 0 pods are left", id="no pods are left"),
        pytest.param(
            [*pods(1), CLOSED], "3 of 4 IPv4 addresses of pods would be closed: 1 pods are left", id="one pod is left"
        ),
        pytest.param([*pods(1, 2), CLOSED], "", id="half of the pods are left"),
        pytest.param([*pods(11, 12, 13, 14), CLOSED], "", id="all pods are replaced"),
    ],
)
def test_a_program_that_closes_or_opens_most_pods_is_a_loss(after: list[Object], lost: str) -> None:
    count = sum(obj["kind"] == "Pod" for obj in after)
    assert most_lost(program(*ALL), program(*after), count) == lost


OTHERS = pod("y/a", {"app": "db"}, addresses=["10.0.0.100"], nodeName="n")
OTHERS_CLOSED = policy("y/closed", labelled(app="db"), ingress=[])


def closing(*objects: Object) -> Program:
    """The program that closes the pods of the namespace x, because their policies are not in force."""
    state = State(live=True)
    for obj in objects:
        state.upsert(read(obj))
    return Compiler(state, lambda member: True, NodeGuard(RANGES)).program(frozenset({"x"}))


def test_pods_that_were_closed_for_a_moment_do_not_count_beside_isolated_ones() -> None:
    before = closing(*ALL, OTHERS, OTHERS_CLOSED)
    assert most_lost(before, program(*pods(1, 2, 3, 4), OTHERS, OTHERS_CLOSED), 5) == ""
    nothing = program(*pods(1, 2, 3, 4), OTHERS)
    assert most_lost(before, nothing, 5) == "1 of 1 isolated addresses would be open"


def test_closed_pods_count_where_no_other_pods_are_isolated() -> None:
    assert most_lost(closing(*ALL), program(*pods(1, 2, 3, 4)), 4) == "16 of 16 isolated addresses would be open"


def test_pods_that_are_not_held_are_open_when_they_are_gone() -> None:
    before, after = program(*ALL, held=NO_ADDRESSES), program(CLOSED, held=NO_ADDRESSES)
    assert most_lost(before, after, 0) == "8 of 8 isolated addresses would be open"


def test_pods_that_are_no_longer_held_lose_nothing() -> None:
    assert most_lost(program(*ALL), program(*ALL, held=NO_ADDRESSES), 4) == ""


def test_a_kernel_that_holds_nothing_loses_nothing() -> None:
    assert most_lost(Program(), program(*ALL), 4) == ""
    assert most_lost(program(), program(CLOSED), 0) == ""
