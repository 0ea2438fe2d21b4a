"""The way from one program to another loses no allowed packet and passes no forbidden one, even if interrupted."""

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.update.random_programs import PACKETS, neighbours, programs
from tests.dataplane.update.ways import check_way, states_between

from ringfence.dataplane.program import (
    Program,
    Reaction,
    admits,
    base_program,
    collections,
    differing,
    forget_differences,
)
from ringfence.dataplane.update import comparison
from ringfence.dataplane.update.commands import commands_between
from ringfence.dataplane.update.plan import plan_update


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_no_step_loses_an_allowed_packet_or_passes_a_forbidden_one(ends: tuple[Program, Program]) -> None:
    """Every state, and every mixture of neighbours, allows what both ends allow and forbids what both forbid."""
    check_way(*ends)


@given(programs(), programs())
def test_a_change_too_large_for_one_transaction_is_safe(old: Program, new: Program) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "RULES_AT_ONCE", 0)
        check_way(old, new, rules_together=False)


@given(programs(), programs(), st.booleans(), st.booleans())
def test_switching_between_enforcing_and_observing_is_safe(
    old: Program, new: Program, drops: bool, together: bool
) -> None:
    """The policies may have changed as well: a new process starts with the program that another process left."""
    ends = zip((old, new), (drops, not drops), strict=True)
    before, after = (one.changed(chains=base_program(holds=True, reaction=Reaction(flag)).chains) for one, flag in ends)
    check_way(before, after, rules_together=together)


@given(programs(), programs())
def test_the_last_step_leads_to_the_new_program(old: Program, new: Program) -> None:
    states = list(states_between(old, new, rules_together=True))
    assert (states[-1] if states else old) == new


@given(programs())
def test_no_step_to_a_new_table_forbids_what_the_finished_one_allows(program: Program) -> None:
    for state in states_between(None, program, rules_together=True):
        for packet in PACKETS:
            assert admits(state, packet) or not admits(program, packet)


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_what_a_step_notes_about_its_differences_is_what_a_comparison_finds(ends: tuple[Program, Program]) -> None:
    """Programs of real nodes are so large that differences are noted. The programs here are small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collections, "_LARGE", 0)
        forget_differences()
        states = [ends[0], *plan_update(*ends).programs]
        noted = [names_of_differences(*pair) for pair in pairwise(states)]
        forget_differences()
        assert noted == [names_of_differences(*pair) for pair in pairwise(states)]
        forget_differences()


def names_of_differences(before: Program, after: Program) -> list[list[str]]:
    mappings: list[tuple[Mapping[str, object], Mapping[str, object]]]
    mappings = [(before.collections, after.collections), (before.chains, after.chains)]
    return [sorted(name for name, _, _ in differing(*pair)) for pair in mappings]


@given(programs())
def test_equal_programs_need_no_step(program: Program) -> None:
    equal = Program(dict(program.collections), dict(program.chains))
    programs = [program, *plan_update(program, equal).programs]
    assert not any(commands_between(before, after) for before, after in pairwise(programs))
