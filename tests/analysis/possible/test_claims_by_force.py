"""Claims about every cluster against brute force: every connection of a small universe, judged one by one.

Both directions of each claim are tested: where it holds, no connection of the universe contradicts it; where it does
not, some connection does.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.possible.edited_policies import all_parts, edited, name_of
from tests.analysis.possible.policies import as_set, compared
from tests.engine.possible.worlds import naive_verdict
from tests.example_counts import examples
from tests.possible_connections import PORTS, Universe, allows
from tests.possible_policies import sets_of_policies
from tests.semantics import naive
from tests.semantics.objects import Object, key_of

from ringfence.analysis.possible import Outcome, Relation, redundancy
from ringfence.analysis.possible.counterexamples import size_of


@given(sets_of_policies(3), st.data())
def test_the_tables_say_of_each_connection_what_the_naive_evaluator_says(
    policies: list[Object], data: st.DataObject
) -> None:
    universe = Universe(policies)
    table = universe.table(policies)
    pairs = st.integers(0, len(universe) - 1)
    for pair, port in data.draw(st.lists(st.tuples(pairs, st.sampled_from(PORTS)), min_size=5, max_size=5)):
        objects, source, destination = universe.world(pair, port)
        by_the_letter = naive.allowed([*policies, *objects], source, destination, port.protocol or "ICMP", port.number)
        is_possible = "/" in destination or not port.name  # an address has no names of ports
        assert allows(table[pair], port) is (by_the_letter and is_possible)


@st.composite
def pairs_of_sets(draw: st.DrawFn) -> tuple[list[Object], list[Object]]:
    """Two sets of policies, of which one is an edited copy of the other: so they may well mean the same."""
    first, more = draw(sets_of_policies(3)), draw(sets_of_policies(1))
    parts = list(all_parts(first))
    removed = draw(st.lists(st.sampled_from(parts), max_size=1)) if parts else []
    second = {key_of(one): one for one in (*edited(first, removed), *more)}
    return first, draw(st.permutations(list(second.values())))


@settings(max_examples=examples(60))
@given(pairs_of_sets())
def test_two_sets_are_equivalent_if_and_only_if_they_allow_the_same_connections(
    pair: tuple[list[Object], list[Object]],
) -> None:
    universe = Universe([*pair[0], *pair[1]])
    first, second = map(universe.table, pair)
    found = compared(*pair)
    assert found.outcome is (Outcome.HOLDS if first == second else Outcome.FAILS)
    if found.counterexample is not None:
        connection = found.counterexample.connection
        verdicts = [naive_verdict(policies, connection) for policies in pair]
        assert verdicts == [found.counterexample.allowed_by_first, not found.counterexample.allowed_by_first]
        size, _ = size_of(connection)
        assert size == universe.smallest_difference(first, second)


@settings(max_examples=examples(60))
@given(pairs_of_sets())
def test_a_set_allows_at_most_what_another_one_does_if_and_only_if_it_allows_no_other_connection(
    pair: tuple[list[Object], list[Object]],
) -> None:
    universe = Universe([*pair[0], *pair[1]])
    for one, other in (pair, pair[::-1]):
        opens = any(mine & ~theirs for mine, theirs in zip(universe.table(one), universe.table(other), strict=True))
        found = compared(one, other, Relation.AT_MOST)
        assert found.outcome is (Outcome.FAILS if opens else Outcome.HOLDS)
        if found.counterexample is not None:
            assert naive_verdict(one, found.counterexample.connection)
            assert not naive_verdict(other, found.counterexample.connection)


@settings(max_examples=examples(25))
@given(sets_of_policies(3))
def test_a_part_is_redundant_if_and_only_if_no_connection_changes_without_it(policies: list[Object]) -> None:
    """So every single deletion that matters is found, by `redundant` and by `equivalent`."""
    universe = Universe(policies)
    whole = universe.table(policies)
    found = redundancy(as_set("all", policies))
    assert not found.undecided
    redundant = {name_of(one.part) for one in found}
    for part in all_parts(policies):
        left, name = edited(policies, [part]), name_of(part)
        changes_nothing = universe.table(left) == whole
        assert compared(policies, left).outcome is (Outcome.HOLDS if changes_nothing else Outcome.FAILS), name
        if not any(name.startswith((f"{other} spec", f"{other}.")) for other in redundant):
            assert changes_nothing is (name in redundant), name
    assert universe.table(edited(policies, [one.part for one in found if one.goes])) == whole
