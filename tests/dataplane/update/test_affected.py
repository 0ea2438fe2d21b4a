"""Affected addresses: whose connections two programs may judge differently."""

from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.update.random_programs import PACKETS, PORTS, V4, address, neighbours, programs

from ringfence.dataplane.program import (
    BRIDGE_HELD,
    EXEMPT_LINKS,
    FROM_OPEN,
    FROM_PORT,
    ISOLATED,
    KNOWN,
    LINK,
    OWNED,
    PORT,
    TUNNELS,
    Chain,
    Field,
    HashSet,
    Hook,
    Lookup,
    Program,
    RangeSet,
    Reaction,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    admits,
    base_program,
    link_key,
    port_key,
    profile_chain,
)
from ringfence.dataplane.program.keys import ADDRESS
from ringfence.dataplane.update.affected import NONE_AFFECTED, affected_addresses, union_of
from ringfence.model.policies import Direction


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_every_packet_that_is_judged_differently_has_an_affected_end(ends: tuple[Program, Program]) -> None:
    affected = affected_addresses(*ends)
    for packet in PACKETS:
        if admits(ends[0], packet) is not admits(ends[1], packet):
            ends_of_packet = {address_key(packet.family, end) for end in (packet.source, packet.destination)}
            assert affected is None or not affected.isdisjoint(ends_of_packet)


@given(programs())
def test_no_address_is_affected_where_nothing_changes(program: Program) -> None:
    assert affected_addresses(program, Program(dict(program.collections), dict(program.chains))) == NONE_AFFECTED


def test_pods_of_a_map_that_was_missing_are_affected() -> None:
    """A table that another program has damaged may lack the map of subjects."""
    whole = allowing_all_on(80)
    damaged = whole.changed(without=frozenset({ISOLATED[Direction.INGRESS, V4]}))
    assert affected_addresses(damaged, whole) == frozenset({address(0), address(1)})


def test_the_peers_in_a_new_map_are_not_affected_by_themselves() -> None:
    """A chain that looks up the map is new as well. The pods that get the chain are affected, and they are in a map."""
    program = allowing_all_on(80)
    peers = VerdictMap(ADDRESS[V4], {"ingress_0": frozenset({address(2)})})
    assert affected_addresses(program, program.changed({"peers": peers})) == NONE_AFFECTED


def test_other_ports_affect_all_pods_of_a_profile() -> None:
    old, new = (allowing_all_on(port) for port in PORTS)
    assert affected_addresses(old, new) == frozenset({address(0), address(1)})


def test_other_rules_affect_all_pods_of_a_profile() -> None:
    old = allowing_all_on(80)
    new = old.changed(chains={"ingress_0": profile_chain(Direction.INGRESS, ())})
    assert affected_addresses(old, new) == frozenset({address(0), address(1)})


def test_a_pod_that_gets_another_chain_is_affected_alone() -> None:
    old = allowing_all_on(80)
    isolated = VerdictMap(ADDRESS[V4], {"ingress_0": frozenset({address(0)})})
    new = old.changed({ISOLATED[Direction.INGRESS, V4]: isolated})
    assert affected_addresses(old, new) == affected_addresses(new, old) == frozenset({address(1)})


def test_an_address_that_becomes_known_is_affected_alone() -> None:
    old = base_program(holds=True)
    new = old.changed({KNOWN[V4]: HashSet(ADDRESS[V4], frozenset({address(2)}))})
    assert affected_addresses(old, new) == frozenset({address(2)})


def test_other_base_chains_affect_all_addresses() -> None:
    assert affected_addresses(base_program(), base_program(reaction=Reaction(drops=False))) is None
    assert affected_addresses(base_program(), base_program(holds=True)) is None


def test_other_ports_of_bridges_affect_no_address() -> None:
    """Whether a connection is allowed does not depend on the port by which its packets come or go."""
    before, after = (
        base_program(holds=True, with_bridges=True).changed(
            {
                FROM_PORT: VerdictMap(LINK, {FROM_OPEN: frozenset({link_key(number)})}),
                OWNED[V4]: HashSet(ADDRESS[V4], frozenset({address(number)})),
                BRIDGE_HELD[V4]: RangeSet(ADDRESS[V4], frozenset({(address(number), address(number))})),
            },
            {"bridge_forward": Chain((Rule((), RuleVerdict.ACCEPT),) * number, Hook.FORWARD)},
        )
        for number in (1, 2)
    )
    assert affected_addresses(before, after) == NONE_AFFECTED


def test_other_exempt_links_and_tunnels_affect_no_address() -> None:
    """Their rules judge the packets of established connections, too."""
    before, after = (
        base_program().changed(
            {EXEMPT_LINKS: HashSet(LINK, frozenset({link_key(number)})), TUNNELS: HashSet(PORT, frozenset({port}))}
        )
        for number, port in ((1, port_key(4789)), (2, port_key(8472)))
    )
    assert affected_addresses(before, after) == NONE_AFFECTED


def test_a_new_table_affects_all_addresses() -> None:
    assert affected_addresses(None, base_program()) is None
    assert affected_addresses(Program(), base_program()) is None


def test_addresses_affected_for_any_reason_are_affected() -> None:
    one, other = frozenset({address(0)}), frozenset({address(1)})
    assert union_of(one, other) == one | other
    assert union_of(one, None) is None
    assert union_of() == NONE_AFFECTED


def allowing_all_on(port: int) -> Program:
    """Two pods are isolated and can be reached on one port."""
    ports = RangeSet(PORT, frozenset({(port_key(port), port_key(port))}))
    chain = profile_chain(Direction.INGRESS, (Rule((Lookup((Field.PORT,), "ports"),), RuleVerdict.RETURN),))
    isolated = VerdictMap(ADDRESS[V4], {"ingress_0": frozenset({address(0), address(1)})})
    return base_program().changed({"ports": ports, ISOLATED[Direction.INGRESS, V4]: isolated}, {"ingress_0": chain})
