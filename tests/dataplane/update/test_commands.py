"""The commands of a transaction, and their order."""

import pytest
from hypothesis import given
from tests.dataplane.simulation import carried_out
from tests.dataplane.update.random_programs import V4, address, programs

from ringfence.dataplane.program import (
    ADDRESS,
    PORT,
    Chain,
    Collection,
    ForeignRule,
    HashSet,
    Hook,
    Program,
    RangeMap,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    base_program,
    port_key,
)
from ringfence.dataplane.update.commands import (
    AddChain,
    AddCollection,
    AddElements,
    AddTable,
    Flush,
    RemoveElements,
    ReplaceElements,
    SetRules,
    commands_between,
    is_compatible,
)


@given(programs(), programs())
def test_commands_turn_one_program_into_another(old: Program, new: Program) -> None:
    """At no step does an object refer to a missing one: the simulation checks this."""
    assert carried_out(old, commands_between(old, new)) == new
    assert carried_out(Program(), commands_between(None, new)) == new


def test_the_same_program_needs_no_command() -> None:
    assert commands_between(base_program(), base_program()) == []


def test_a_table_is_made_only_where_there_is_none() -> None:
    assert commands_between(None, Program()) == [AddTable()]
    assert AddTable() not in commands_between(Program(), base_program())


def test_base_chains_are_added_after_everything_that_they_lead_to() -> None:
    commands = commands_between(None, base_program())
    first = next(i for i, one in enumerate(commands) if isinstance(one, AddChain) and one.hook)
    assert not any(isinstance(one, AddCollection | AddElements) for one in commands[first:])
    rules = [one.name for one in commands[first:] if isinstance(one, SetRules)]
    assert sorted(rules) == ["forward", "input", "prerouting"]


def hash_set(*pods: int) -> HashSet:
    return HashSet(ADDRESS[V4], frozenset(map(address, pods)))


def test_only_the_elements_that_differ_are_sent_and_added_before_others_are_removed() -> None:
    old, new = Program({"s": hash_set(1, 2)}), Program({"s": hash_set(2, 3)})
    assert commands_between(old, new) == [AddElements("s", hash_set(3)), RemoveElements("s", hash_set(1))]


def test_ranges_are_flushed_and_refilled() -> None:
    ranges = [RangeSet(PORT, frozenset({(port_key(low), port_key(low))})) for low in (1, 2)]
    old, new = (Program({"s": one}) for one in ranges)
    assert commands_between(old, new) == [Flush("s"), AddElements("s", ranges[1])]
    empty = Program({"s": RangeSet(PORT)})
    assert commands_between(empty, new) == [AddElements("s", ranges[1])], "there is nothing to flush"
    assert commands_between(new, empty) == [Flush("s")]


def test_a_set_of_ranges_that_only_grows_is_not_flushed() -> None:
    """Its elements may be loaded piece by piece."""
    one, other = ((port_key(number), port_key(number)) for number in (1, 9))
    old, new = (Program({"s": RangeSet(PORT, frozenset(some))}) for some in ([one], [one, other]))
    assert commands_between(old, new) == [AddElements("s", RangeSet(PORT, frozenset([other])))]
    chains = {name: Chain() for name in "xy"}
    small, *large = (
        Program({"m": RangeMap(PORT, {chain: frozenset(ranges) for chain, ranges in entries.items()})}, chains)
        for entries in ({"x": [one]}, {"x": [one], "y": [other]}, {"x": [one, other]})
    )
    for added, grown in zip("yx", large, strict=True):
        assert commands_between(small, grown) == [AddElements("m", RangeMap(PORT, {added: frozenset([other])}))]
        assert commands_between(grown, small) == [Flush("m"), AddElements("m", small.collections["m"])]


def test_an_address_that_changes_its_chain_is_replaced_and_not_removed_and_added() -> None:
    chains = {name: Chain() for name in "xy"}
    old, new = (Program({"m": VerdictMap(ADDRESS[V4], {name: frozenset({address(1)})})}, chains) for name in "xy")
    moved = VerdictMap(ADDRESS[V4], {"y": frozenset({address(1)})})
    assert commands_between(old, new) == [ReplaceElements("m", moved)]


def test_foreign_rules_are_not_written() -> None:
    """They cannot be written: their encoded form is not a request. The program is read back without them."""
    own = Rule((), RuleVerdict.RETURN)
    new = Program({}, {"c": Chain((own, ForeignRule(b"?")))})
    assert commands_between(Program({}, {"c": Chain()}), new) == [SetRules("c", (own,))]


def test_objects_of_another_kind_cannot_become_each_other() -> None:
    kinds: list[Collection] = [
        HashSet(ADDRESS[V4]),
        HashSet(PORT),
        HashSet(ADDRESS[V4], counted=True),
        RangeSet(ADDRESS[V4]),
    ]
    for i, one in enumerate(kinds):
        for j, other in enumerate(kinds):
            assert is_compatible(Program({"s": one}), Program({"s": other})) is (i == j)
    ranges, mapped = (Program({"s": one}) for one in (RangeSet(PORT), RangeMap(PORT, {})))
    assert not is_compatible(ranges, mapped)
    with pytest.raises(ValueError, match="s cannot become another kind"):
        commands_between(ranges, mapped)
    hooked, plain = (Program({}, {"c": Chain((), hook)}) for hook in (Hook.INPUT, None))
    assert not is_compatible(hooked, plain)
    assert is_compatible(hooked, hooked)
    assert is_compatible(Program(), hooked)
