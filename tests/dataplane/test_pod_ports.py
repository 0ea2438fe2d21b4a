"""Pod ports: at which port of a bridge each pod is."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.compile import Address, PodPort
from ringfence.dataplane.pod_ports import PodAddresses, PodPorts, place
from ringfence.dataplane.veth_pairs import NodeVethPairs, VethPair
from ringfence.netlink.veth import NodeLinks, RemoteInterface, Veth
from ringfence.sets.addresses import Addresses, Family, parse_address

BRIDGE = 3
WEB, WEB6, DB, DB6, GATEWAY, ELSEWHERE, NODE = map(
    parse_address,
    ("10.244.0.5", "fd00:10:244::5", "10.244.0.6", "fd00:10:244::6", "10.244.0.1", "172.17.0.1", "172.18.0.11"),
)
LINK_LOCAL = parse_address("fe80::5")
POD_RANGES = Addresses.of_ranges([(Family.IPV4, (WEB[1] & ~0xFF, WEB[1] | 0xFF))])
WEB_POD, DB_POD = frozenset({WEB, WEB6}), frozenset({DB, DB6})


def veth(number: int, bridge: int = BRIDGE, name: str = "") -> Veth:
    return Veth(number, name or f"veth{number}", bridge, RemoteInterface(number, 2))


def pair(
    number: int, *addresses: Address, first: PodAddresses | None = None, certain: bool = True, bridge: int = BRIDGE
) -> VethPair:
    found = frozenset(addresses)
    return VethPair(veth(number, bridge), found if first is None else first, found, is_certain=certain)


def numbered(*pairs: VethPair) -> dict[int, VethPair]:
    return {one.veth.number: one for one in pairs}


def placed(
    pairs: Mapping[int, VethPair], *pods: PodAddresses, before: Mapping[PodAddresses, Veth] | None = None
) -> object:
    found = place(pairs, pods, before or {})
    return {pod: one.number for pod, one in found.ports.items()}, set(found.contested)


def test_a_pod_is_at_the_port_whose_veth_pair_has_all_its_addresses() -> None:
    pairs = numbered(pair(7, WEB, WEB6), pair(8, DB), pair(9))
    assert placed(pairs, WEB_POD, DB_POD) == ({WEB_POD: 7}, set())


def test_a_pod_that_adds_the_address_of_another_one_does_not_get_its_port() -> None:
    """It keeps its own port, so the other port is left for the owner of the address."""
    pairs = numbered(pair(7, WEB, WEB6), pair(8, DB, DB6, WEB, WEB6))
    assert placed(pairs, WEB_POD, DB_POD) == ({WEB_POD: 7, DB_POD: 8}, set())


def test_a_pod_that_replaces_its_address_by_that_of_another_one_does_not_get_its_port() -> None:
    pairs = numbered(pair(7, WEB, WEB6), pair(8, WEB, WEB6, first=DB_POD))
    assert placed(pairs, WEB_POD) == ({WEB_POD: 7}, set())


def test_a_veth_pair_that_was_seen_in_time_takes_precedence() -> None:
    pairs = numbered(pair(7, WEB, WEB6, certain=False), pair(8, WEB, WEB6))
    assert placed(pairs, WEB_POD) == ({WEB_POD: 8}, set())


@pytest.mark.parametrize("certain", [True, False])
def test_a_pod_that_may_be_at_two_ports_is_at_none_of_them(certain: bool) -> None:
    pairs = numbered(pair(7, WEB, WEB6, certain=certain), pair(8, WEB, WEB6, certain=certain))
    assert placed(pairs, WEB_POD) == ({}, {WEB_POD})


def test_two_pods_that_can_only_be_at_one_port_are_not_there() -> None:
    pairs = numbered(pair(7, WEB, WEB6, DB, DB6))
    assert placed(pairs, WEB_POD, DB_POD) == ({}, {WEB_POD, DB_POD})


def test_a_pod_stays_at_its_port_whatever_addresses_turn_up_elsewhere() -> None:
    pairs = numbered(pair(7), pair(8, WEB, WEB6))
    assert placed(pairs, WEB_POD, before={WEB_POD: veth(7)}) == ({WEB_POD: 7}, set())


@pytest.mark.parametrize(
    "gone", [{}, numbered(VethPair(veth(7, name="vethnew")))], ids=["removed", "its number given again"]
)
def test_a_pod_gets_another_port_when_its_own_is_gone(gone: dict[int, VethPair]) -> None:
    pairs = gone | numbered(pair(8, WEB, WEB6))
    assert placed(pairs, WEB_POD, before={WEB_POD: veth(7)}) == ({WEB_POD: 8}, set())


def test_a_port_that_two_pods_claim_belongs_to_the_one_with_all_its_addresses() -> None:
    part = frozenset({WEB})
    assert placed(numbered(pair(7, WEB, WEB6)), WEB_POD, part) == ({WEB_POD: 7}, set())


@given(
    st.lists(st.frozensets(st.integers(1, 6), max_size=4), max_size=6),
    st.sets(st.frozensets(st.integers(1, 6), min_size=1, max_size=2), max_size=5),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_no_two_pods_have_one_port_and_no_pod_is_at_a_port_without_its_addresses(
    claims: list[frozenset[int]], pods: set[frozenset[int]], certain: list[bool]
) -> None:
    def addresses(numbers: frozenset[int]) -> PodAddresses:
        return frozenset((Family.IPV4, number) for number in numbers)

    pairs = numbered(*(pair(i, *addresses(one), certain=certain[i - 7]) for i, one in enumerate(claims, 7)))
    known = [addresses(one) for one in pods]
    found = place(pairs, known, {})
    ports = [one.number for one in found.ports.values()]
    assert len(ports) == len(set(ports))
    for pod, where in found.ports.items():
        assert pod <= pairs[where.number].addresses
    assert not found.ports.keys() & set(found.contested)
    assert place(pairs, known, found.ports).ports == found.ports, "nobody moves without a reason"


# --- all that is known of the links of a node -------------------------------------------------------------------------


def ports_of(pairs: dict[int, VethPair], links: NodeLinks, **more: Addresses) -> PodPorts:
    ports = PodPorts()
    ports.veth_pairs = NodeVethPairs(pairs, links)
    ports.locate(frozenset({WEB_POD}), **more)
    return ports


def test_the_port_of_a_pod_has_its_link_local_and_hardware_addresses() -> None:
    one = VethPair(veth(7), WEB_POD, WEB_POD, frozenset({LINK_LOCAL}), b"abcdef", is_certain=True)
    links = NodeLinks((one.veth,), {BRIDGE: b"bridge"}, frozenset({(BRIDGE, GATEWAY)}))
    found = ports_of({7: one}, links).locate(frozenset({WEB_POD}))
    assert found.pods == {7: PodPort(WEB_POD, frozenset({LINK_LOCAL}), b"abcdef")}
    assert (found.node, found.hardware) == (frozenset({GATEWAY}), frozenset({b"bridge"}))


@pytest.mark.parametrize("taken", ["of a pod", "of the node"])
def test_a_pod_has_no_link_local_or_hardware_address_of_another_one(taken: str) -> None:
    mine = VethPair(veth(7), WEB_POD, WEB_POD, frozenset({LINK_LOCAL}), b"abcdef")
    links = NodeLinks((), {BRIDGE: b"bridge"}, frozenset({(BRIDGE, GATEWAY)}))
    if taken == "of the node":
        links = NodeLinks((), {BRIDGE: b"abcdef"}, frozenset({(BRIDGE, LINK_LOCAL)}))
        found = ports_of({7: mine}, links).locate(frozenset({WEB_POD}))
        assert found.pods == {7: PodPort(WEB_POD)}
        return
    ports = ports_of({7: mine}, links)
    ports.veth_pairs = NodeVethPairs(
        {7: mine, 8: VethPair(veth(8), DB_POD, DB_POD, frozenset({LINK_LOCAL}), b"abcdef")}, links
    )
    found = ports.locate(frozenset({WEB_POD, DB_POD}))
    assert found.pods == {7: PodPort(WEB_POD, frozenset({LINK_LOCAL}), b"abcdef"), 8: PodPort(DB_POD)}


def test_addresses_that_may_be_at_several_ports_are_contested() -> None:
    ports = ports_of(numbered(pair(7, WEB, WEB6), pair(8, WEB, WEB6)), NodeLinks())
    assert ports.locate(frozenset({WEB_POD})).contested == WEB_POD
    assert ports.contested == [WEB_POD]


@pytest.mark.parametrize(
    ("bridge_address", "held", "is_other"),
    [
        pytest.param(ELSEWHERE, POD_RANGES, True, id="a bridge in another range"),
        pytest.param(GATEWAY, POD_RANGES, False, id="the bridge of the pods"),
        pytest.param(LINK_LOCAL, POD_RANGES, False, id="a bridge without an address"),
        pytest.param(ELSEWHERE, Addresses(), False, id="the ranges of the pods are not known"),
    ],
)
def test_a_bridge_of_another_network_is_known_by_the_addresses_of_the_node(
    bridge_address: Address, held: Addresses, is_other: bool
) -> None:
    one = pair(7, parse_address("172.17.0.2"))
    links = NodeLinks((one.veth,), {BRIDGE: b"bridge"}, frozenset({(BRIDGE, bridge_address)}))
    ports = ports_of({7: one}, links, held=held)
    assert (7 in ports.locate(frozenset({WEB_POD}), held).others) is is_other
    assert ports.counts() == {"pod": 0, "other": int(is_other), "unknown": int(not is_other)}


def test_a_bridge_with_a_port_of_a_pod_is_that_of_the_pods() -> None:
    pairs = numbered(pair(7, WEB, WEB6), pair(8))
    links = NodeLinks((), {BRIDGE: b"bridge"}, frozenset({(BRIDGE, ELSEWHERE)}))
    assert ports_of(pairs, links, held=POD_RANGES).counts() == {"pod": 1, "other": 0, "unknown": 1}


@pytest.mark.parametrize(("address", "leads_outside"), [(NODE, True), (GATEWAY, False)])
def test_a_link_with_an_address_of_the_node_object_leads_to_the_outside(address: Address, leads_outside: bool) -> None:
    """The node is a container itself. Its network interface is a veth, as the interfaces of its pods are."""
    links = NodeLinks((veth(7, bridge=0),), {}, frozenset({(7, address)}))
    node = Addresses.of_ranges([(Family.IPV4, (NODE[1], NODE[1]))])
    ports = ports_of({}, links, held=POD_RANGES, node=node)
    assert (7 in ports.locate(frozenset({WEB_POD}), POD_RANGES, node).others) is leads_outside


def test_a_link_to_which_a_tunnel_is_bound_leads_outside_whatever_its_address() -> None:
    """Flannel's `--iface` does this on a node that is a container itself: the Node object has another address."""
    address = (Family.IPV4, NODE[1] + 1)
    links = NodeLinks((veth(7, bridge=0), veth(8, bridge=0)), {}, frozenset({(7, address)}), underlays=frozenset({7}))
    node = Addresses.of_ranges([(Family.IPV4, (NODE[1], NODE[1]))])
    ports = ports_of({}, links, held=POD_RANGES, node=node)
    assert ports.locate(frozenset({WEB_POD}), POD_RANGES, node).others == {7}


def test_values_that_do_not_change_are_the_same_objects() -> None:
    ports = ports_of(numbered(pair(7, WEB, WEB6)), NodeLinks())
    found = ports.locate(frozenset({WEB_POD}))
    ports.veth_pairs = NodeVethPairs(numbered(pair(7, WEB, WEB6)), NodeLinks())
    assert ports.locate(frozenset({WEB_POD})) is found


def test_the_ports_of_tunnels_are_passed_on() -> None:
    ports = ports_of({}, NodeLinks(tunnels=frozenset({8472})))
    assert ports.locate(frozenset()).tunnels == {8472}
