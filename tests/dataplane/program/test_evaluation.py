"""Evaluation: the effect of single conditions and actions on a packet that opens a connection."""

import pytest

from ringfence.dataplane.program import (
    ADDRESS,
    CLASS_ADDRESS,
    CLASS_TRAFFIC,
    FLOW,
    Chain,
    ClassLookup,
    Collection,
    Condition,
    Dispatch,
    Established,
    Field,
    ForeignRule,
    FromLinkLocal,
    FromNode,
    FromPodLink,
    Goto,
    HashSet,
    Hook,
    Icmpv6Is,
    Log,
    Lookup,
    NeighbourDiscovery,
    OfFamily,
    OffRoute,
    OverLoopback,
    Packet,
    PortBetween,
    Program,
    ProtocolIs,
    RangeMap,
    RangeSet,
    RateLimit,
    Rule,
    RuleVerdict,
    ToPodLink,
    VerdictMap,
    address_key,
    admits,
    flow_key,
    traffic_key,
)
from ringfence.sets.addresses import Family

V4, V6 = Family.IPV4, Family.IPV6
PACKET = Packet(V4, 1, 2, 6, 80)
DROP, RETURN, ACCEPT = RuleVerdict.DROP, RuleVerdict.RETURN, RuleVerdict.ACCEPT
SETS: dict[str, Collection] = {
    "sources": HashSet(ADDRESS[V4], frozenset({address_key(V4, 1)})),
    "map": VerdictMap(ADDRESS[V4], {"target": frozenset({address_key(V4, 1)})}),
}


def passes(*rules: Rule | ForeignRule, packet: Packet = PACKET, target: tuple[Rule, ...] = ()) -> bool:
    return admits(Program(SETS, {"base": Chain(rules, Hook.FORWARD), "target": Chain(target)}), packet)


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        (Lookup((Field.SOURCE_4,), "sources"), True),
        (Lookup((Field.SOURCE_4,), "sources", absent=True), False),
        (Lookup((Field.DESTINATION_4,), "sources"), False),
        (Lookup((Field.DESTINATION_4,), "sources", absent=True), True),
        (Lookup((Field.SOURCE_6,), "sources"), False),
        pytest.param(Lookup((Field.SOURCE_6,), "sources", absent=True), False, id="no field of the other family"),
        (Lookup((Field.CONNECTION,), "sources"), False),
        (OfFamily(V4), True),
        (OfFamily(V6), False),
        (ProtocolIs(6), True),
        (ProtocolIs(17), False),
        (ProtocolIs(1), False),
        (PortBetween(80, 80), True),
        (PortBetween(79, 81), True),
        (PortBetween(81, 90), False),
        (RateLimit(1), True),
        (Established(), False),
        (NeighbourDiscovery(), False),
        (OverLoopback(), False),
        (FromNode(), False),
        (FromPodLink(), False),
        (ToPodLink(), False),
        (OffRoute(), False),
        (FromLinkLocal(), False),
        (Icmpv6Is(134), False),
        (Lookup((Field.LINK,), "sources"), False),
    ],
    ids=str,
)
def test_a_condition_is_met_or_not(condition: Condition, is_met: bool) -> None:
    assert passes(Rule((condition,), DROP)) is not is_met


def test_all_conditions_of_a_rule_have_to_be_met() -> None:
    assert passes(Rule((ProtocolIs(6), ProtocolIs(17)), DROP))
    assert not passes(Rule((), DROP))


def test_the_first_verdict_counts() -> None:
    assert passes(Rule((), ACCEPT), Rule((), DROP))
    assert not passes(Rule((), DROP), Rule((), ACCEPT))
    assert passes(Rule((), RETURN), Rule((), DROP)), "a base chain that returns accepts"


def test_a_copy_for_the_log_is_no_verdict() -> None:
    assert not passes(Rule((), Log(7, "")), Rule((), DROP))


def test_goto_does_not_come_back() -> None:
    assert passes(Rule((), Goto("target")), Rule((), DROP))
    assert not passes(Rule((), Goto("target")), target=(Rule((), DROP),))


def test_a_dispatched_packet_comes_back_unless_there_is_a_verdict() -> None:
    dispatch = Rule((), Dispatch((Field.SOURCE_4,), "map"))
    assert not passes(dispatch, Rule((), DROP))
    assert not passes(dispatch, Rule((), DROP), target=(Rule((), RETURN),))
    assert passes(dispatch, Rule((), DROP), target=(Rule((), ACCEPT),))
    assert not passes(dispatch, target=(Rule((), DROP),))
    assert passes(Rule((), Dispatch((Field.DESTINATION_4,), "map")), target=(Rule((), DROP),)), "it is not in the map"
    assert passes(Rule((), Dispatch((Field.SOURCE_6,), "map")), target=(Rule((), DROP),))


def test_a_map_with_goto_does_not_come_back() -> None:
    going = {"map": VerdictMap(ADDRESS[V4], {"target": frozenset({address_key(V4, 1)})}, goto=True)}
    rules = (Rule((), Dispatch((Field.SOURCE_4,), "map")), Rule((), DROP))
    program = Program(going, {"base": Chain(rules, Hook.FORWARD), "target": Chain((Rule((), RETURN),))})
    assert admits(program, PACKET)
    assert not admits(program, Packet(V4, 2, 1, 6, 80)), "it is not in the map"


def test_the_parts_of_a_key_are_compared_as_the_kernel_pads_them() -> None:
    flows = {"flows": HashSet(FLOW[V4], frozenset({flow_key(address_key(V4, 1), 6, 80)}))}
    rule = Rule((Lookup((Field.SOURCE_4, Field.PROTOCOL, Field.PORT), "flows"),), DROP)
    program = Program(flows, {"base": Chain((rule,), Hook.FORWARD)})
    assert not admits(program, PACKET)
    assert admits(program, Packet(V4, 1, 2, 17, 80))
    assert admits(program, Packet(V4, 1, 2, 6)), "it has no port"


def test_a_map_of_ranges_does_not_come_back() -> None:
    ranges = RangeMap(ADDRESS[V4], {"target": frozenset({(address_key(V4, 1), address_key(V4, 5))})})
    rules = (Rule((), Dispatch((Field.SOURCE_4,), "map")), Rule((), DROP))
    program = Program({"map": ranges}, {"base": Chain(rules, Hook.FORWARD), "target": Chain((Rule((), RETURN),))})
    assert admits(program, PACKET)
    assert not admits(program, Packet(V4, 6, 2, 6, 80)), "it is not in the map"


def test_a_key_of_one_class_is_not_in_another() -> None:
    one, other = bytes([1] * 16), bytes([2] * 16)
    contents = RangeSet(CLASS_TRAFFIC, frozenset({(one + traffic_key(6, 80), one + traffic_key(6, 90))}))
    for identifier, packet, is_in in (
        (one, PACKET, True),
        (one, Packet(V4, 1, 2, 6, 91), False),
        (one, Packet(V4, 1, 2, 17, 80), False),
        (one, Packet(V4, 1, 2, 1), False),
        (other, PACKET, False),
    ):
        rule = Rule((ClassLookup(identifier, (Field.PROTOCOL, Field.PORT), "set"),), DROP)
        assert admits(Program({"set": contents}, {"base": Chain((rule,), Hook.FORWARD)}), packet) is not is_in


def test_a_class_of_ports_contains_addresses() -> None:
    one = bytes([1] * 16)
    contents = RangeSet(CLASS_ADDRESS[V4], frozenset({(one + address_key(V4, 1), one + address_key(V4, 1))}))
    for field, is_in in ((Field.SOURCE_4, True), (Field.DESTINATION_4, False), (Field.SOURCE_6, False)):
        rule = Rule((ClassLookup(one, (field,), "set"),), DROP)
        assert admits(Program({"set": contents}, {"base": Chain((rule,), Hook.FORWARD)}), PACKET) is not is_in


def test_only_chains_of_the_hook_are_asked() -> None:
    program = Program({}, {"input": Chain((Rule((), DROP),), Hook.INPUT)})
    assert admits(program, PACKET)
    assert not admits(program, PACKET, Hook.INPUT)


def test_a_packet_without_ports_is_in_no_set_of_ports() -> None:
    assert passes(Rule((Lookup((Field.PORT,), "sources"),), DROP), packet=Packet(V4, 1, 2, 1))
