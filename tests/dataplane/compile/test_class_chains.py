"""Classes for many combinations of addresses and traffic: the cost of a packet does not depend on their number."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.compile.test_compiler import program_for
from tests.engine.members import state_of
from tests.hostile_objects import Mixture
from tests.semantics.objects import pod

from ringfence.dataplane.compile.address_rules import MOST_PAIRS, address_pairs, for_addresses
from ringfence.dataplane.compile.allowances import Allowance
from ringfence.dataplane.compile.class_chains import by_classes
from ringfence.dataplane.compile.division import FIRST, MOST_LAYERS, Class, Layer
from ringfence.dataplane.program import (
    ADDRESS,
    DENIED,
    ISOLATED,
    Collection,
    Goto,
    Move,
    Packet,
    Program,
    RangeMap,
    Rule,
    VerdictMap,
    address_key,
    admits,
    base_program,
    profile_chain,
)
from ringfence.engine.policies import AddressRule
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic
from ringfence.steps import finish

SERVER = dict.fromkeys(FAMILIES, (1 << 20) + 1)
IN = Direction.INGRESS


def program_of(family: Family, allowances: list[Allowance], direction: Direction = IN) -> Program:
    """The program in which one pod has a profile with these rules."""
    isolated = VerdictMap(ADDRESS[family]).moved([Move(address_key(family, SERVER[family]), None, "profile")])
    collections: dict[str, Collection] = {ISOLATED[direction, family]: isolated}
    chains = {"profile": profile_chain(direction, tuple(one.rule for one in allowances))}
    for one in allowances:
        collections |= one.fixed
        chains |= one.chains
    return base_program().changed(collections, chains)


numbers = st.integers(0, 12)
ranges = st.lists(st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=3)


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    parts = draw(st.lists(st.tuples(st.sampled_from(["TCP", "UDP", "SCTP"]), ranges), max_size=2))
    whole = [Traffic.of(draw(st.sampled_from(["TCP", "UDP"])))] if draw(st.booleans()) else []
    return Traffic.union_of([*(Traffic.of(protocol, ports) for protocol, ports in parts), *whole])


@st.composite
def rules(draw: st.DrawFn) -> list[AddressRule]:
    """Rules in both families. No two of them have the same traffic."""
    some = draw(st.dictionaries(st.one_of(traffics(), st.just(ALL_TRAFFIC)), st.tuples(ranges, ranges), max_size=8))
    return [
        (Addresses.union_of([Addresses(v4=tuple(sorted(v4)[:1]), v6=tuple(sorted(v6)[:1]))]), traffic)
        for traffic, (v4, v6) in some.items()
    ]


@given(rules(), st.sampled_from(FAMILIES), st.lists(st.tuples(numbers, st.sampled_from([6, 17, 132, 1]), numbers)))
def test_classes_allow_what_the_rules_allow(
    some: list[AddressRule], family: Family, asked: list[tuple[int, int, int]]
) -> None:
    program = program_of(
        family, [one for each in FAMILIES for one in finish(for_addresses(IN, each, finish(address_pairs(some, each))))]
    )
    protocols = {6: "TCP", 17: "UDP", 132: "SCTP"}
    for source, protocol, port in asked:
        has_port = protocol in protocols
        allowed = any(
            addresses.contains(family, source)
            and (traffic == ALL_TRAFFIC or (has_port and traffic.contains(protocols[protocol], port)))
            for addresses, traffic in some
        ) or (
            # A policy cannot name port 0, but all ports of a protocol include it.
            port == 0
            and has_port
            and any(
                addresses.contains(family, source) and traffic.ports(protocols[protocol]) == ((1, 65535),)
                for addresses, traffic in some
            )
        )
        packet = Packet(family, source, SERVER[family], protocol, port if has_port else None)
        assert admits(program, packet) is allowed


def of_addresses(direction: Direction, rules: list[AddressRule]) -> list[Allowance]:
    return finish(for_addresses(direction, Family.IPV4, finish(address_pairs(rules, Family.IPV4))))


def many(count: int) -> list[AddressRule]:
    """Blocks, each with its own port and port range."""
    return [
        (
            Addresses.of(ip_network(f"10.{i >> 8}.{i & 255}.0/24")),
            Traffic.of("TCP", [(i + 1, i + 1), (30_000, 31_000 + i)]),
        )
        for i in range(count)
    ]


def test_a_profile_has_the_same_rules_and_sets_however_many_combinations_there_are() -> None:
    """Each rule costs time for every packet.

    Each set costs time for every change: the kernel keeps all sets in a list.
    """
    few, more = (of_addresses(IN, many(count)) for count in (MOST_PAIRS + 1, 500))
    assert len(few) == len(more) == 1
    assert len(few[0].fixed) == len(more[0].fixed) == 2


def test_few_combinations_are_rules_that_nft_can_list() -> None:
    assert all(not one.chains for one in of_addresses(IN, many(MOST_PAIRS)))


def test_packets_that_are_in_no_class_are_denied_in_both_directions() -> None:
    for direction in Direction:
        for one in of_addresses(direction, many(9)):
            assert all(chain.rules[-1] == Rule((), Goto(DENIED[direction])) for chain in one.chains.values())


def test_the_names_of_sets_and_chains_depend_on_their_content() -> None:
    """A restarted agent finds the objects again by these names. A change of one rule results in other names."""
    (one,), (same,), (other,) = (of_addresses(IN, many(count)) for count in (50, 50, 51))
    assert (one.fixed, one.chains) == (same.fixed, same.chains)
    maps = [
        {name for name, found in allowance.fixed.items() if isinstance(found, RangeMap)} for allowance in (one, other)
    ]
    assert maps[0].isdisjoint(maps[1])
    assert one.fixed.keys().isdisjoint(other.fixed.keys())
    assert one.chains.keys().isdisjoint(other.chains.keys()), "they look into another set"


@pytest.mark.parametrize("count", [200, 400, 800])
def test_the_chain_of_a_class_repeats_no_more_rules_than_there_are_layers(count: int) -> None:
    """A program therefore grows faster than the rules only while layers are added.

    If there are too many, the pods are closed.
    """
    overlapping = Mixture(["addresses", "all but one", "nested"], ["wide"], IN, in_rule=1).policy(count)
    server = pod("tenant/own", {"app": "own"}, addresses=["10.0.0.1"])
    chains = program_for(state_of([server, overlapping])).chains
    repeating = [chain for name, chain in chains.items() if name.startswith("ingress_class_")]
    assert len(repeating) > 10
    assert max(len(chain.rules) for chain in repeating) <= MOST_LAYERS + 1


def test_a_class_has_a_chain_for_each_map_that_decides_after_its_own() -> None:
    """Subjects of one policy must not get a chain that goes on to the map of another one."""
    web, other, another = (
        Layer(FIRST, [Class(((port, port),), ((6 << 16 | port, 6 << 16 | port),))]) for port in (80, 81, 82)
    )
    found = [
        {name: chain for one in finish(by_classes(IN, Family.IPV4, layers)) for name, chain in one.chains.items()}
        for layers in ([web], [web, other], [web, another])
    ]
    assert [len(chains) for chains in found] == [1, 2, 2]
    assert len(set().union(*found)) == 5
