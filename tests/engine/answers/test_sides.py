"""One side of a question: the pod whose port it is about, and the address families."""

import pytest
from tests.engine.members import member_in, state_of
from tests.semantics.objects import block, container_port, pod, policy, sends

from ringfence.engine.answers.sides import Side, named_ports
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, FAMILIES, Family

IPV4_ONLY = policy("x/p", egress=[sends(block("10.0.0.0/24"))])
"""The two families make a difference: the pods' IPv4 addresses are in the block, those of IPv6 are not."""


def world(*more: dict[str, object]) -> State:
    return state_of(
        [
            pod("x/dual", addresses=["10.0.0.1", "fd00::1"], ports=[container_port("http", 80)]),
            pod("x/other", addresses=["10.0.0.2", "fd00::2"]),
            pod("x/four", addresses=["10.0.0.3"]),
            pod("x/six", addresses=["fd00::4"]),
            pod("x/host", hostNetwork=True, ports=[container_port("http", 80)]),
            *more,
        ]
    )


def side(state: State, subject: str, peer: str, direction: Direction = Direction.EGRESS) -> Side:
    return Side(state, member_in(state, subject), direction, member_in(state, peer), None)


def test_the_destination_is_the_peer_for_egress_and_the_subject_for_ingress() -> None:
    state = world()
    assert str(side(state, "x/dual", "x/four").destination) == "x/four"
    assert str(side(state, "x/dual", "x/four", Direction.INGRESS).destination) == "x/dual"


@pytest.mark.parametrize(
    ("subject", "peer", "families", "can_meet"),
    [
        ("x/dual", "x/other", FAMILIES, True),
        ("x/dual", "x/four", (Family.IPV4,), True),
        ("x/six", "x/dual", (Family.IPV6,), True),
        ("x/four", "x/six", FAMILIES, False),
    ],
)
def test_two_pods_meet_over_the_families_that_both_have(
    subject: str, peer: str, families: tuple[Family, ...], can_meet: bool
) -> None:
    found = side(world(IPV4_ONLY), subject, peer)
    assert (set(found.families), found.can_meet) == (set(families), can_meet)


def test_with_addresses_outside_every_family_counts() -> None:
    state = world()
    found = Side(state, member_in(state, "x/four"), Direction.EGRESS, ALL_ADDRESSES, None)
    assert (found.families, found.can_meet) == (FAMILIES, True)


def test_only_pods_with_a_network_of_their_own_give_names_to_ports() -> None:
    state = world()
    assert [one.port for one in named_ports(member_in(state, "x/dual"))] == [80]
    assert list(named_ports(member_in(state, "x/host"))) == []
    assert list(named_ports(ALL_ADDRESSES)) == []
