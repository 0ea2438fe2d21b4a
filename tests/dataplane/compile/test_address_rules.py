"""Peers that are addresses need at most three lookups: for all traffic, for ports, and for other protocols."""

from ipaddress import ip_network

from ringfence.dataplane.compile.address_rules import address_pairs, for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.dataplane.compile.traffic_rules import WITHOUT_PORTS
from ringfence.dataplane.program import ADDRESS, PEER, PORT, Lookup, ProtocolIs, RangeSet, address_key, port_key
from ringfence.engine.policies import AddressRule
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family, parse_address
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.steps import finish

Rules = list[AddressRule]


def of_addresses(direction: Direction, rules: list[AddressRule]) -> list[Allowance]:
    return finish(for_addresses(direction, Family.IPV4, finish(address_pairs(rules, Family.IPV4))))


def block(*cidrs: str) -> Addresses:
    return Addresses.of(*map(ip_network, cidrs))


def key(text: str) -> bytes:
    return address_key(*parse_address(text))


def sets(rules: Rules, family: Family = Family.IPV4) -> list[frozenset[tuple[bytes, bytes]]]:
    """The ranges that the rules look up, in the order of the rules."""
    found = []
    for one in finish(for_addresses(Direction.INGRESS, family, finish(address_pairs(rules, family)))):
        lookup = one.rule.conditions[0]
        assert isinstance(lookup, Lookup)
        ranges = one.fixed[lookup.set]
        assert isinstance(ranges, RangeSet)
        found.append(ranges.elements)
    return found


def test_addresses_that_are_allowed_everything_are_one_set() -> None:
    """Adjacent blocks become one range: the kernel refuses a set in which two ranges touch."""
    rules: Rules = [(block("10.0.0.0/25"), ALL_TRAFFIC), (block("10.0.0.128/25", "fd00::/64"), ALL_TRAFFIC)]
    assert sets(rules) == [{(key("10.0.0.0"), key("10.0.0.255"))}]
    assert sets(rules, Family.IPV6) == [{(key("fd00::"), key("fd00::ffff:ffff:ffff:ffff"))}]


def test_addresses_and_their_ports_are_two_sets_that_both_must_match() -> None:
    """A set of their products would have as many elements as there are addresses times ports."""
    (allowance,) = of_addresses(Direction.EGRESS, [(block("10.0.0.0/24"), Traffic.of("TCP", [(80, 81), (443, 443)]))])
    addresses, protocol, ports = allowance.rule.conditions
    assert isinstance(addresses, Lookup)
    assert isinstance(ports, Lookup)
    assert addresses.fields == (PEER[Direction.EGRESS][Family.IPV4],)
    assert protocol == ProtocolIs(6)
    assert allowance.fixed == {
        addresses.set: RangeSet(ADDRESS[Family.IPV4], frozenset({(key("10.0.0.0"), key("10.0.0.255"))})),
        ports.set: RangeSet(PORT, frozenset((port_key(low), port_key(high)) for low, high in ((80, 81), (443, 443)))),
    }


def test_all_ports_of_a_protocol_need_no_set() -> None:
    """All ports include port 0, which a policy cannot name."""
    (allowance,) = of_addresses(Direction.INGRESS, [(block("10.0.0.1/32"), Traffic.of("UDP"))])
    assert allowance.rule.conditions[1:] == (ProtocolIs(17),)


def test_protocols_without_ports_have_a_rule_of_their_own() -> None:
    """All traffic except one port consists of ports of every protocol and of traffic without ports."""
    rules: Rules = [(block("10.0.0.0/24"), ALL_TRAFFIC - Traffic.of("TCP", [(80, 80)]))]
    others, *ports = of_addresses(Direction.INGRESS, rules)
    assert [one.rule.conditions[1] for one in ports] == [ProtocolIs(6), ProtocolIs(17), ProtocolIs(132)]
    assert WITHOUT_PORTS in others.rule.conditions
    assert all(one.set in others.fixed for one in others.rule.conditions if isinstance(one, Lookup))


def test_addresses_that_are_allowed_nothing_need_no_rule() -> None:
    assert sets([(block("10.0.0.0/24"), NO_TRAFFIC)]) == []
    assert sets([(block("10.0.0.0/24"), ALL_TRAFFIC)], Family.IPV6) == []


def test_sets_with_the_same_ranges_have_the_same_name() -> None:
    (one,), (other,), (third,) = (
        list(of_addresses(Direction.INGRESS, [(block(cidr), ALL_TRAFFIC)]))
        for cidr in ("10.0.0.0/24", "10.0.0.0/24", "10.0.1.0/24")
    )
    assert one.fixed.keys() == other.fixed.keys() != third.fixed.keys()
