"""What packets reach, and what an interrupted update leaves that no packet reaches."""

from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.simulation import carried_out
from tests.dataplane.update.random_programs import PACKETS, neighbours, programs
from tests.dataplane.update.ways import check_way

from ringfence.dataplane.program import (
    Chain,
    ForeignRule,
    Goto,
    Jump,
    Program,
    Rule,
    admits,
    base_program,
    fixed_chains,
)
from ringfence.dataplane.update.commands import commands_between
from ringfence.dataplane.update.reached import reached_from, without_leftovers
from ringfence.dataplane.update.stages import stages_between


@st.composite
def interrupted_updates(draw: st.DrawFn) -> tuple[Program, Program]:
    """A program that an update has left halfway, and the program that is wanted then."""
    old, new = draw(st.one_of(neighbours(), st.tuples(programs(), programs())))
    stages = list(stages_between(old, new))
    left = stages[draw(st.integers(0, 9)) % len(stages)].program
    return left, draw(st.sampled_from([old, new]))


@given(interrupted_updates())
def test_only_what_no_packet_reaches_and_nobody_wants_is_a_leftover(ends: tuple[Program, Program]) -> None:
    left, wanted = ends
    cleaned = without_leftovers(left, wanted)
    assert carried_out(left, commands_between(left, cleaned)) == cleaned
    assert [admits(cleaned, packet) for packet in PACKETS] == [admits(left, packet) for packet in PACKETS]
    assert cleaned.chains.keys() >= left.chains.keys() & wanted.chains.keys()
    assert cleaned.collections.keys() >= left.collections.keys() & wanted.collections.keys()
    assert fixed_chains(cleaned) == fixed_chains(left)
    temporary = {name for name in (*cleaned.chains, *cleaned.collections) if name.startswith(("both_", "copy_"))}
    used = reached_from(
        cleaned,
        chains=cleaned.chains.keys() & (wanted.chains.keys() | fixed_chains(left).keys()),
        collections=cleaned.collections.keys() & wanted.collections.keys(),
    )
    assert temporary <= used.chains.keys() | used.collections.keys()


@given(interrupted_updates())
def test_an_update_after_an_interrupted_one_is_safe(ends: tuple[Program, Program]) -> None:
    left, wanted = ends
    check_way(without_leftovers(left, wanted), wanted)


@given(interrupted_updates())
def test_only_the_first_stage_differs_after_an_interruption(ends: tuple[Program, Program]) -> None:
    left, wanted = ends
    cleaned = without_leftovers(left, wanted)
    first = [(commands_between(left, cleaned), cleaned)] if cleaned is not left else []
    assert [*stages_between(left, wanted, after_interruption=True)] == [*first, *stages_between(cleaned, wanted)]


def test_a_chain_to_which_only_a_leftover_leads_is_a_leftover() -> None:
    profile = Chain((Rule((), Goto("denied_ingress")),))
    in_a_row = {"both_0": Chain((Rule((), Jump("ingress_0")),)), "both_1": Chain((Rule((), Goto("both_0")),))}
    left = base_program().changed(chains={"ingress_0": profile, **in_a_row})
    wanted = base_program().changed(chains={"ingress_0": profile})
    assert without_leftovers(left, wanted) == wanted


def test_a_program_without_other_objects_than_the_wanted_one_has_no_leftovers() -> None:
    old = base_program()
    assert without_leftovers(old, base_program().changed(chains={"ingress_0": Chain()})) is old


def test_nothing_is_known_to_be_a_leftover_where_a_rule_of_another_program_may_lead_to_it() -> None:
    left = base_program().changed(chains={"both_0": Chain()})
    forward = left.chains["forward"]
    foreign = left.changed(chains={"forward": Chain((ForeignRule(b""), *forward.rules), forward.hook)})
    assert without_leftovers(left, base_program()) == base_program()
    assert without_leftovers(foreign, base_program()) is foreign
