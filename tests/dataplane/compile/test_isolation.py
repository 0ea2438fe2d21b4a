"""Isolation: the maps and sets that define which addresses are isolated, counted, held and known."""

from ipaddress import ip_network

from ringfence.dataplane.compile.isolation import Isolation
from ringfence.dataplane.compile.subjects import Side
from ringfence.dataplane.program import DENIED, DROPS, HELD, ISOLATED, KNOWN, OWN, Move, address_key
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family, parse_address

INGRESS, EGRESS = (Direction.INGRESS, Family.IPV4), (Direction.EGRESS, Family.IPV4)
A = address_key(*parse_address("10.0.0.1"))


def moved(isolation: Isolation, *moves: Move, side: Side = INGRESS) -> None:
    every: dict[Side, list[Move]] = {(direction, family): [] for direction in Direction for family in FAMILIES}
    isolation.apply_moves({**every, side: list(moves)})


def elements(isolation: Isolation, name: str) -> object:
    return dict(isolation.collections())[name].elements


def test_an_isolated_address_has_a_chain_a_counter_and_a_way_to_itself() -> None:
    isolation = Isolation(NO_ADDRESSES)
    moved(isolation, Move(A, None, "ingress_1"))
    assert elements(isolation, ISOLATED[INGRESS]) == {"ingress_1": frozenset({A})}
    assert elements(isolation, DROPS[INGRESS]) == {A}
    assert elements(isolation, OWN[Family.IPV4]) == {A + A}, "a pod always reaches itself"
    assert isolation.chains() == {"ingress_1"}
    assert not elements(isolation, DROPS[EGRESS])


def test_another_chain_for_an_address_keeps_its_counter() -> None:
    isolation = Isolation(NO_ADDRESSES)
    moved(isolation, Move(A, None, "ingress_1"))
    before = dict(isolation.collections())[DROPS[INGRESS]]
    moved(isolation, Move(A, "ingress_1", DENIED[Direction.INGRESS]))
    assert dict(isolation.collections())[DROPS[INGRESS]] is before
    assert isolation.chains() == set(), "the chain that denies everything belongs to no profile"


def test_an_address_is_its_own_peer_as_long_as_either_direction_is_isolated() -> None:
    isolation = Isolation(NO_ADDRESSES)
    moved(isolation, Move(A, None, "ingress_1"))
    moved(isolation, Move(A, None, "egress_1"), side=EGRESS)
    moved(isolation, Move(A, "ingress_1", None))
    assert elements(isolation, OWN[Family.IPV4]) == {A + A}
    moved(isolation, Move(A, "egress_1", None), side=EGRESS)
    assert not elements(isolation, OWN[Family.IPV4])
    assert not elements(isolation, DROPS[EGRESS])


def test_addresses_are_known_only_in_families_of_which_some_are_held() -> None:
    isolation = Isolation(Addresses.of(ip_network("10.0.0.0/24")))
    four, six = parse_address("10.0.0.1"), parse_address("fd00::1")
    isolation.mark_known({four: True, six: True})
    span = address_key(Family.IPV4, 10 << 24), address_key(Family.IPV4, (10 << 24) + 255)
    assert elements(isolation, HELD[Family.IPV4]) == {span}
    assert elements(isolation, KNOWN[Family.IPV4]) == {A}
    assert not elements(isolation, KNOWN[Family.IPV6])
    isolation.mark_known({four: False})
    assert not elements(isolation, KNOWN[Family.IPV4])


def test_collections_that_do_not_change_are_the_same_objects() -> None:
    isolation = Isolation(Addresses.of(ip_network("10.0.0.0/24")))
    moved(isolation, Move(A, None, "ingress_1"))
    isolation.mark_known({parse_address("10.0.0.1"): True})
    before = dict(isolation.collections())
    moved(isolation)
    isolation.mark_known({parse_address("10.0.0.1"): True})
    after = dict(isolation.collections())
    assert [name for name in before if before[name] is not after[name]] == []
