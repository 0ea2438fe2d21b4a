"""The sets and maps of a program that define which pod is at which port."""

from ringfence.dataplane.compile import Address, PodPort, Ports
from ringfence.dataplane.compile.ports import PortSets
from ringfence.dataplane.program import (
    BRIDGE_TUNNELS,
    EXEMPT_LINKS,
    FROM_CLOSED,
    FROM_OPEN,
    FROM_OTHER,
    FROM_PORT,
    OWNED,
    OWNED_HARDWARE,
    PORT_ADDRESSES,
    PORT_HARDWARE,
    PORT_SENDERS,
    TO_CLOSED,
    TO_OPEN,
    TO_PORT,
    TUNNELS,
    UNPLACED,
    Collection,
    VerdictMap,
    address_key,
    link_hardware_key,
    link_key,
    link_sender_key,
    port_key,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family, parse_address

WEB, DB, NEW, LINK_LOCAL, GATEWAY = map(
    parse_address, ("10.244.0.5", "10.244.0.6", "10.244.0.7", "fe80::5", "10.244.0.1")
)
HARDWARE, BRIDGE = bytes(range(6)), bytes(range(1, 7))
PORTS = Ports(
    {3: PodPort(frozenset({WEB}), frozenset({LINK_LOCAL}), HARDWARE), 4: PodPort(frozenset({DB}))},
    frozenset({9}),
    frozenset({GATEWAY}),
    frozenset({BRIDGE}),
)
V4, V6 = Family.IPV4, Family.IPV6


def isolating(*sides: tuple[Address, Direction]) -> dict[str, Collection]:
    known = {one: frozenset({one}) for one in (WEB, DB, NEW)}
    return PortSets(lambda _: PORTS).update(known, lambda *side: side in sides)


def keys(*addresses: Address) -> frozenset[bytes]:
    return frozenset(address_key(*one) for one in addresses)


def at(port: int, *addresses: Address) -> frozenset[bytes]:
    return frozenset(link_key(port) + key for key in keys(*addresses))


def links(*numbers: int) -> frozenset[bytes]:
    return frozenset(map(link_key, numbers))


def chains(collection: Collection) -> dict[str, frozenset[bytes]]:
    assert isinstance(collection, VerdictMap)
    assert collection.goto
    return dict(collection.elements)


def test_each_port_has_the_addresses_of_its_pod() -> None:
    found = isolating()
    assert found[PORT_ADDRESSES[V4]].elements == at(3, WEB) | at(4, DB)
    assert found[PORT_ADDRESSES[V6]].elements == at(3, LINK_LOCAL)
    assert found[PORT_HARDWARE].elements == frozenset({link_hardware_key(3, HARDWARE)})
    assert found[PORT_SENDERS].elements == frozenset({link_sender_key(3, HARDWARE, WEB[1])})


def test_no_other_pod_has_the_addresses_of_pods_at_ports_and_of_the_node() -> None:
    found = isolating()
    assert found[OWNED[V4]].elements == keys(WEB, DB, GATEWAY)
    assert found[OWNED[V6]].elements == keys(LINK_LOCAL)
    assert found[OWNED_HARDWARE].elements == frozenset({HARDWARE, BRIDGE})


def test_a_known_pod_without_a_port_is_noted() -> None:
    assert isolating()[UNPLACED[V4]].elements == keys(NEW)


def test_a_port_is_closed_in_the_directions_in_which_its_pod_is_isolated() -> None:
    found = isolating((WEB, Direction.INGRESS), (DB, Direction.EGRESS))
    assert chains(found[FROM_PORT]) == {FROM_OPEN: links(3), FROM_CLOSED: links(4), FROM_OTHER: links(9)}
    assert chains(found[TO_PORT]) == {TO_CLOSED: links(3), TO_OPEN: links(4, 9)}


def test_links_to_no_pod_are_exempt_from_the_check_of_sources() -> None:
    assert isolating()[EXEMPT_LINKS].elements == links(9)


def test_no_pod_sends_to_the_ports_of_tunnels() -> None:
    sets = PortSets(lambda pods: Ports(tunnels=frozenset({8472})))
    found = sets.update({}, nobody_is_isolated)
    assert found[TUNNELS].elements == found[BRIDGE_TUNNELS].elements == frozenset({port_key(8472)})


def test_the_pods_of_all_addresses_that_are_known_are_located() -> None:
    asked: list[frozenset[frozenset[Address]]] = []

    def locate(pods: frozenset[frozenset[Address]]) -> Ports:
        asked.append(pods)
        return PORTS

    sets = PortSets(locate)
    both, new = frozenset({WEB, DB}), frozenset({NEW})
    sets.update({WEB: both, DB: both}, nobody_is_isolated)
    sets.update({}, nobody_is_isolated, moved=False)
    sets.update({WEB: frozenset(), DB: frozenset({DB}), NEW: new}, nobody_is_isolated)
    assert asked == [{both}, {both}, {frozenset({DB}), new}]


def test_no_port_has_the_addresses_of_a_pod_that_may_be_at_several_ports() -> None:
    ports = Ports({3: PodPort(frozenset({WEB}))}, contested=frozenset({NEW}))
    known = {one: frozenset({one}) for one in (WEB, NEW)}
    found = PortSets(lambda _: ports).update(known, nobody_is_isolated)
    assert found[OWNED[V4]].elements == keys(WEB, NEW)
    assert found[UNPLACED[V4]].elements == keys()


def test_collections_that_do_not_change_are_the_same_objects() -> None:
    """The comparison of two programs can therefore skip it."""
    sets = PortSets(lambda _: Ports(dict(PORTS.pods), PORTS.others, PORTS.node, PORTS.hardware))
    before = dict(sets.update({WEB: frozenset({WEB})}, nobody_is_isolated))
    after = sets.update({}, lambda address, direction: direction is Direction.INGRESS)
    assert {name for name, one in after.items() if one is not before[name]} == {TO_PORT}


def nobody_is_isolated(address: Address, direction: Direction) -> bool:
    return False
