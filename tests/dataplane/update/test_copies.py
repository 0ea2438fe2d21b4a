"""Sets that cannot be edited while chains look them up: all chains use copies of them."""

from itertools import pairwise

from hypothesis import given
from tests.dataplane.programs import TCP, program
from tests.dataplane.simulation import check_references
from tests.dataplane.update.random_programs import neighbours

from ringfence.dataplane.program import (
    ADDRESS,
    PORT,
    Chain,
    Dispatch,
    Field,
    Lookup,
    Program,
    ProtocolIs,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    address_key,
    port_key,
)
from ringfence.dataplane.update.comparison import compare
from ringfence.dataplane.update.copies import steps_by_copies
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
SETS = frozenset({"egress_1_4", "egress_1_6", "ingress_0_4", "ingress_0_6"})
OLD = program({(OUT, 1): [(2, TCP, 80), (3, TCP, 80)], (IN, 0): [(2, TCP, 80), (3, TCP, 80)]})
NEW = program({(OUT, 1): [(4, TCP, 80), (5, TCP, 80)], (IN, 0): [(4, TCP, 80), (5, TCP, 80)]})


def programs_between(old: Program, new: Program) -> list[Program]:
    return [step.program for step in steps_by_copies(old, new, compare(old, new))]


def sets_read(one: Program, chain: str) -> set[str]:
    rules = (rule for rule in one.chains[chain].rules if isinstance(rule, Rule))
    return {condition.set for rule in rules for condition in rule.conditions if isinstance(condition, Lookup)}


def test_a_set_changes_only_while_no_chain_looks_into_it() -> None:
    programs = [OLD, *programs_between(OLD, NEW)]
    for before, after in pairwise(programs):
        changed = {name for name in SETS if before.collections[name] != after.collections[name]}
        for one in (before, after):
            assert changed.isdisjoint(set().union(*(sets_read(one, chain) for chain in one.chains)))


def test_the_last_program_is_the_new_one_and_holds_no_copies() -> None:
    assert programs_between(OLD, NEW)[-1] == NEW


def test_each_edited_set_has_a_copy_of_its_own_with_the_new_elements() -> None:
    copies = {
        name: one
        for program in programs_between(OLD, NEW)
        for name, one in program.collections.items()
        if "copy" in name
    }
    assert len(copies) == len(SETS)
    assert {one.elements for one in copies.values()} == {NEW.collections[name].elements for name in SETS}


def test_a_copy_that_an_interrupted_update_left_is_not_taken_for_a_new_one() -> None:
    left = OLD.changed({"copy_0": OLD.collections["ingress_0_4"]})
    first = programs_between(left, NEW)[0]
    assert first.collections["copy_0"] == left.collections["copy_0"]
    assert {f"copy_{number}" for number in range(1, 5)} <= first.collections.keys()


def test_a_chain_stays_as_long_as_the_peer_map_that_leads_to_it() -> None:
    """The new program lacks the chain to which the old elements of the map lead, and the set of that chain."""
    old = program({}).changed(
        {
            "peers": VerdictMap(
                ADDRESS[Family.IPV4], {"peer_chain": frozenset({address_key(Family.IPV4, 2)})}, goto=True
            ),
            "port": RangeSet(PORT, frozenset({(port_key(80), port_key(80))})),
        },
        {
            "profile": Chain((Rule((), Dispatch((Field.SOURCE_4,), "peers")),)),
            "peer_chain": Chain((Rule((ProtocolIs(TCP), Lookup((Field.PORT,), "port")), RuleVerdict.RETURN),)),
        },
    )
    new = old.changed({"peers": VerdictMap(ADDRESS[Family.IPV4], goto=True)}, without=frozenset({"peer_chain", "port"}))
    programs = programs_between(old, new)
    for one in programs:
        check_references(one)
    assert programs[-1] == new


@given(neighbours())
def test_any_program_is_reached_by_copies(ends: tuple[Program, Program]) -> None:
    """Peer maps, sets of ports and ranges have copies as well: other rules and actions look them up."""
    old, new = ends
    programs = programs_between(old, new)
    assert programs[-1] == new
    for one in programs:
        check_references(one)
