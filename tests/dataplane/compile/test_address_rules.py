"""Peers that are addresses: at most one lookup for all traffic, one for ports, and one for other protocols."""

from ipaddress import ip_network

from ringfence.dataplane.compile.address_rules import for_addresses
from ringfence.dataplane.compile.traffic_rules import WITHOUT_PORTS
from ringfence.dataplane.program import PEER, Field, Lookup, RangeSet, address_key, flow_key
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family, parse_address
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

Cells = Partition[Addresses, Traffic]
SOURCE_4 = PEER[Direction.INGRESS][Family.IPV4]


def block(*cidrs: str) -> Addresses:
    return Addresses.of(*map(ip_network, cidrs))


def key(text: str) -> bytes:
    return address_key(*parse_address(text))


def sets(cells: Cells, family: Family = Family.IPV4) -> list[frozenset[tuple[bytes, bytes]]]:
    """The ranges that the rules look into, in the order of the rules."""
    found = []
    for rule, fixed, _ in for_addresses(Direction.INGRESS, family, cells):
        lookup = rule.conditions[0]
        assert isinstance(lookup, Lookup)
        ranges = fixed[lookup.set]
        assert isinstance(ranges, RangeSet)
        found.append(ranges.elements)
    return found


def test_addresses_that_are_allowed_everything_are_one_set() -> None:
    """Cells that touch are one range: the kernel refuses sets whose ranges touch."""
    cells: Cells = [(block("10.0.0.0/25"), ALL_TRAFFIC), (block("10.0.0.128/25", "fd00::/64"), ALL_TRAFFIC)]
    assert sets(cells) == [{(key("10.0.0.0"), key("10.0.0.255"))}]
    assert sets(cells, Family.IPV6) == [{(key("fd00::"), key("fd00::ffff:ffff:ffff:ffff"))}]


def test_ports_are_looked_up_together_with_the_address() -> None:
    (allowance,) = for_addresses(
        Direction.EGRESS, Family.IPV4, [(block("10.0.0.0/24"), Traffic.of("TCP", [(80, 81), (443, 443)]))]
    )
    (lookup,) = allowance.rule.conditions
    assert isinstance(lookup, Lookup)
    assert lookup.fields == (PEER[Direction.EGRESS][Family.IPV4], Field.PROTOCOL, Field.PORT)
    low, high = key("10.0.0.0"), key("10.0.0.255")
    ranges = allowance.fixed[lookup.set]
    assert isinstance(ranges, RangeSet)
    assert ranges.elements == {
        (flow_key(low, 6, first), flow_key(high, 6, last)) for first, last in ((80, 81), (443, 443))
    }


def test_all_ports_of_a_protocol_begin_with_port_0() -> None:
    """A policy cannot name port 0, but a packet can have it, and all of a protocol includes it."""
    (ranges,) = sets([(block("10.0.0.1/32"), Traffic.of("UDP"))])
    assert ranges == {(flow_key(key("10.0.0.1"), 17, 0), flow_key(key("10.0.0.1"), 17, 65535))}


def test_protocols_without_ports_have_a_rule_of_their_own() -> None:
    """All traffic less one port is ports of every protocol, and what has no ports."""
    cells: Cells = [(block("10.0.0.0/24"), ALL_TRAFFIC - Traffic.of("TCP", [(80, 80)]))]
    ports, others = for_addresses(Direction.INGRESS, Family.IPV4, cells)
    assert WITHOUT_PORTS not in ports.rule.conditions
    assert WITHOUT_PORTS in others.rule.conditions
    assert all(one.set in others.fixed for one in others.rule.conditions if isinstance(one, Lookup))


def test_what_is_allowed_nothing_needs_no_rule() -> None:
    assert sets([(block("10.0.0.0/24"), NO_TRAFFIC)]) == []
    assert sets([(block("10.0.0.0/24"), ALL_TRAFFIC)], Family.IPV6) == []


def test_sets_with_the_same_ranges_have_the_same_name() -> None:
    (one,), (other,), (third,) = (
        list(for_addresses(Direction.INGRESS, Family.IPV4, [(block(cidr), ALL_TRAFFIC)]))
        for cidr in ("10.0.0.0/24", "10.0.0.0/24", "10.0.1.0/24")
    )
    assert one.fixed.keys() == other.fixed.keys() != third.fixed.keys()
