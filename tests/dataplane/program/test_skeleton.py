"""The fixed part of every program: how it treats packets before and after the profiles."""

import pytest

from ringfence.dataplane.program import (
    ADDRESS,
    ADDRESS_PAIR,
    CLOSED,
    DENIED,
    DROPS,
    HELD,
    HELD_PREFIX,
    ISOLATED,
    KNOWN,
    OWN,
    REVOKED,
    Established,
    ForeignRule,
    HashSet,
    Hook,
    Log,
    Logging,
    Lookup,
    Packet,
    Program,
    RangeSet,
    Reaction,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    admits,
    base_program,
    fixed_chains,
    is_whole,
    observes,
    observing,
    profile_chain,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)
both_directions = pytest.mark.parametrize("direction", Direction)
POD, PEER = 1, 2


def packet(family: Family, direction: Direction = IN) -> Packet:
    """A packet to the pod or from it."""
    ends = (PEER, POD) if direction is IN else (POD, PEER)
    return Packet(family, *ends, 6, 80)


def isolating(family: Family, direction: Direction, chain: str, base: Program | None = None) -> Program:
    isolated = VerdictMap(ADDRESS[family], {chain: frozenset({address_key(family, POD)})})
    return (base or base_program()).changed({ISOLATED[direction, family]: isolated})


def test_a_pod_that_is_not_isolated_is_reached() -> None:
    assert all(admits(base_program(), packet(family, direction)) for family in FAMILIES for direction in Direction)


@both_families
@both_directions
def test_denied_packets_are_dropped_even_without_a_counter_for_their_address(
    direction: Direction, family: Family
) -> None:
    """If the set of counters lacks an element, or another program has emptied it, packets are still dropped."""
    denying = isolating(family, direction, DENIED[direction])
    assert not admits(denying, packet(family, direction))
    counted = HashSet(ADDRESS[family], frozenset({address_key(family, POD)}), counted=True)
    assert not admits(denying.changed({DROPS[direction, family]: counted}), packet(family, direction))


@both_families
@both_directions
def test_only_the_isolated_side_of_an_isolated_pod_is_denied(direction: Direction, family: Family) -> None:
    denying = isolating(family, direction, DENIED[direction])
    other_direction = IN if direction is OUT else OUT
    other_family = next(one for one in FAMILIES if one is not family)
    assert admits(denying, packet(family, other_direction))
    assert admits(denying, packet(other_family, direction))


@both_families
def test_no_ingress_policy_is_about_packets_to_the_node_itself(family: Family) -> None:
    assert admits(isolating(family, IN, DENIED[IN]), packet(family), Hook.INPUT)
    assert not admits(isolating(family, OUT, DENIED[OUT]), packet(family, OUT), Hook.INPUT)


@both_families
@both_directions
@pytest.mark.parametrize("denying", [DENIED, CLOSED])
def test_a_pods_own_addresses_reach_each_other(
    direction: Direction, family: Family, denying: dict[Direction, str]
) -> None:
    one = packet(family, direction)
    pair = address_key(family, one.source) + address_key(family, one.destination)
    own = {OWN[family]: HashSet(ADDRESS_PAIR[family], frozenset({pair}))}
    denied = isolating(family, direction, denying[direction])
    assert not admits(denied, one)
    assert admits(denied.changed(own), one)


@both_families
@both_directions
def test_a_pods_own_addresses_reach_each_other_while_they_are_held(direction: Direction, family: Family) -> None:
    one, key = packet(family, direction), address_key(family, POD)
    held = base_program(holds=True).changed({HELD[family]: RangeSet(ADDRESS[family], frozenset({(key, key)}))})
    pair = address_key(family, one.source) + address_key(family, one.destination)
    assert not admits(held, one)
    assert admits(held.changed({OWN[family]: HashSet(ADDRESS_PAIR[family], frozenset({pair}))}), one)


@both_families
@both_directions
def test_an_address_in_a_held_range_passes_when_it_is_known(direction: Direction, family: Family) -> None:
    key = address_key(family, POD)
    held = base_program(holds=True).changed({HELD[family]: RangeSet(ADDRESS[family], frozenset({(key, key)}))})
    assert not admits(held, packet(family, direction))
    assert admits(held.changed({KNOWN[family]: HashSet(ADDRESS[family], frozenset({key}))}), packet(family, direction))


@both_directions
def test_a_program_that_observes_drops_nothing_anywhere(direction: Direction) -> None:
    observing = base_program(holds=True, reaction=Reaction(drops=False))
    assert observes(observing)
    assert not observes(base_program(holds=True))
    for chain in observing.chains.values():
        assert not any(isinstance(rule, Rule) and rule.action is RuleVerdict.DROP for rule in chain.rules)
    assert admits(isolating(Family.IPV4, direction, DENIED[direction], observing), packet(Family.IPV4, direction))


@both_families
@both_directions
def test_a_program_that_observes_for_a_while_drops_only_what_is_held(direction: Direction, family: Family) -> None:
    logging = base_program(holds=True, reaction=Reaction(logging=Logging(7, 10)))
    denying = observing(isolating(family, direction, DENIED[direction], logging))
    assert admits(denying, packet(family, direction))
    key = address_key(family, POD)
    held = denying.changed({HELD[family]: RangeSet(ADDRESS[family], frozenset({(key, key)}))})
    assert not admits(held, packet(family, direction))
    rules = [rule for chain in denying.chains.values() for rule in chain.rules if isinstance(rule, Rule)]
    assert {rule.action.prefix for rule in rules if isinstance(rule.action, Log)} == set(HELD_PREFIX.values())


def test_revoked_connections_are_dropped_before_established_ones_are_accepted_but_not_where_it_observes() -> None:
    def looks_up_revoked(rule: Rule | ForeignRule) -> bool:
        return isinstance(rule, Rule) and any(isinstance(one, Lookup) and one.set == REVOKED for one in rule.conditions)

    rules = base_program().chains["tracked"].rules
    accepting = rules.index(Rule((Established(),), RuleVerdict.ACCEPT))
    assert any(map(looks_up_revoked, rules[:accepting]))
    observing = base_program(reaction=Reaction(drops=False))
    assert not any(looks_up_revoked(rule) for chain in observing.chains.values() for rule in chain.rules)


def test_copies_are_made_only_where_they_are_asked_for_and_before_the_drop() -> None:
    def logs(program: Program) -> list[str]:
        rules = [rule for chain in program.chains.values() for rule in chain.rules if isinstance(rule, Rule)]
        return [rule.action.prefix for rule in rules if isinstance(rule.action, Log)]

    assert not logs(base_program(holds=True))
    logging = base_program(holds=True, reaction=Reaction(logging=Logging(7, 10)))
    assert len(set(logs(logging))) == 7, "denied, held or closed, by egress or by ingress, or from a wrong source"
    for name in DENIED.values():
        actions = [rule.action for rule in logging.chains[name].rules if isinstance(rule, Rule)]
        copying = next(place for place, action in enumerate(actions) if isinstance(action, Log))
        assert RuleVerdict.DROP not in actions[:copying]
        assert RuleVerdict.DROP in actions[copying:]


def test_a_profile_denies_what_no_rule_of_it_allows() -> None:
    chains = {"profile": profile_chain(IN, ())}
    program = isolating(Family.IPV4, IN, "profile").changed(chains=chains)
    assert not admits(program, packet(Family.IPV4))


def test_a_program_is_whole_if_it_has_all_fixed_objects() -> None:
    whole = base_program()
    assert is_whole(whole)
    assert fixed_chains(whole) == dict(whole.chains)
    for name in [*whole.collections, *whole.chains]:
        assert not is_whole(whole.changed(without=frozenset({name})))
