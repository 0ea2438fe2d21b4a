"""Renamed chains: a chain that takes the place of another one for the same pods is the old one under a new name."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.simulation import carried_out
from tests.dataplane.update.random_programs import V4, address, neighbours, programs
from tests.dataplane.update.test_steps import IN, OUT, allowing, program
from tests.dataplane.update.ways import check_way

from ringfence.dataplane.program import ADDRESS, PEER, Dispatch, Jump, Program, Rule, VerdictMap, profile_chain
from ringfence.dataplane.update import comparison
from ringfence.dataplane.update.commands import RenameChain, SetRules, own_rules
from ringfence.dataplane.update.plan import plan_update
from ringfence.dataplane.update.renaming import renamed_chains, with_renamed_chains
from ringfence.dataplane.update.stages import stages_between
from ringfence.model.policies import Direction

SETS = {"friends": {1}, "others": {2}}
BEFORE = program({"ingress_0": ("friends",), "egress_0": ()}, SETS, {(IN, 0): "ingress_0", (OUT, 0): "egress_0"})
AFTER = program(
    {"ingress_1": ("others",), "egress_1": ("friends",)}, SETS, {(IN, 0): "ingress_1", (OUT, 0): "egress_1"}
)


def names_of(old: Program, new: Program) -> Mapping[str, str]:
    """The chains that an update renames."""
    first = plan_update(old, new).steps[0]
    return first.names


def test_chains_of_the_same_pods_are_renamed_and_get_their_rules_in_one_transaction() -> None:
    stages = [stage.commands for stage in stages_between(BEFORE, AFTER) if stage.commands]
    assert stages == [
        [RenameChain("ingress_0", "ingress_1"), RenameChain("egress_0", "egress_1")],
        [SetRules(name, own_rules(AFTER.chains[name])) for name in ("ingress_1", "egress_1")],
    ]


def test_no_packet_is_lost_or_passed_while_a_chain_gets_the_place_of_another_one() -> None:
    check_way(BEFORE, AFTER)
    check_way(AFTER, BEFORE)


def test_chains_of_several_pods_are_renamed() -> None:
    old, new = (
        program({f"ingress_{number}": some}, SETS, {(IN, pod): f"ingress_{number}" for pod in (0, 1)})
        for number, some in enumerate((("friends",), ("others",)))
    )
    assert names_of(old, new) == {"ingress_0": "ingress_1"}
    check_way(old, new)


def test_a_chain_that_only_some_of_its_pods_leave_keeps_its_name() -> None:
    both = {(IN, 0): "ingress_0", (IN, 1): "ingress_0"}
    old = program({"ingress_0": ()}, SETS, both)
    assert not names_of(old, program({"ingress_0": (), "ingress_1": ()}, SETS, both | {(IN, 0): "ingress_1"}))
    assert not names_of(old, program({"ingress_1": ()}, SETS, {(IN, 0): "ingress_1"}))


def test_a_chain_that_other_pods_get_as_well_is_a_new_one() -> None:
    old = program({"ingress_0": ()}, SETS, {(IN, 0): "ingress_0"})
    assert not names_of(old, program({"ingress_1": ()}, SETS, {(IN, 0): "ingress_1", (IN, 1): "ingress_1"}))


def test_a_chain_that_exists_already_keeps_its_name() -> None:
    old = program({"ingress_0": (), "ingress_1": ()}, SETS, {(IN, 0): "ingress_0"})
    assert not names_of(old, program({"ingress_1": ()}, SETS, {(IN, 0): "ingress_1"}))


def test_no_chain_is_renamed_if_sides_have_to_close_because_a_peer_moves_as_well() -> None:
    old, new = (
        program(
            {f"ingress_{number}": ("friends",), "egress_0": ("others",)},
            {"friends": {number + 1}, "others": {2 - number}},
            {(IN, 0): f"ingress_{number}", (OUT, 1): "egress_0"},
        )
        for number in (0, 1)
    )
    assert renamed_chains(old, new) == {"ingress_0": "ingress_1"}
    assert not names_of(old, new)
    check_way(old, new)


def test_no_chain_is_renamed_if_sides_have_to_close_because_a_pod_moves_in_the_other_direction() -> None:
    """Its rules would change before the other pod moves, and let in what that pod may not send any more."""
    egress = {"egress_0": ("friends",), "egress_1": ()}
    old, new = (
        program(
            {f"ingress_{number}": some, **egress},
            {"friends": {0, 1}},
            {(IN, 0): f"ingress_{number}", (OUT, 1): leaving},
        )
        for number, (some, leaving) in enumerate([((), "egress_0"), (("friends",), "egress_1")])
    )
    assert renamed_chains(old, new) == {"ingress_0": "ingress_1"}
    assert not names_of(old, new)
    check_way(old, new)
    check_way(new, old)


def test_no_chain_is_renamed_if_the_rules_of_all_do_not_fit_into_one_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "RULES_AT_ONCE", 0)
    assert not names_of(BEFORE, AFTER)
    check_way(BEFORE, AFTER, rules_together=False)


def test_a_chain_to_which_a_rule_or_another_map_leads_keeps_its_name() -> None:
    """Only an interrupted update leaves such a program, or another program that changes the table."""
    leading = profile_chain(IN, (Rule((), Jump("ingress_0")),))
    assert not renamed_chains(BEFORE.changed(chains={"both_0": leading}), AFTER).keys() & {"ingress_0"}
    by_map = profile_chain(IN, (Rule((), Dispatch((PEER[IN][V4],), "others_map")),))
    led = {"others_map": VerdictMap(ADDRESS[V4], {"ingress_0": frozenset({address(2)})})}
    assert not renamed_chains(BEFORE.changed(led, {"both_0": by_map}), AFTER).keys() & {"ingress_0"}


def test_an_element_for_a_chain_that_does_not_exist_renames_nothing() -> None:
    """Elements that another program has put into the map are read back so."""
    assert not renamed_chains(BEFORE.changed(without=frozenset({"ingress_0"})), AFTER).keys() & {"ingress_0"}


@st.composite
def with_other_names(draw: st.DrawFn) -> tuple[Program, Program]:
    """Two programs, of which the second has other names for some chains of pods."""
    old, new = draw(st.one_of(neighbours(), st.tuples(programs(), programs())))
    names = draw(st.frozensets(st.sampled_from([f"{one.field}_{i}" for one in Direction for i in range(2)])))
    return old, carried_out(new, [RenameChain(name, f"{name}_next") for name in sorted(names)])


@given(with_other_names())
def test_no_packet_is_lost_or_passed_with_renamed_chains(ends: tuple[Program, Program]) -> None:
    check_way(*ends)


@given(with_other_names())
def test_a_renamed_program_is_what_the_kernel_makes_of_the_commands(ends: tuple[Program, Program]) -> None:
    old, new = ends
    names = renamed_chains(old, new)
    assert with_renamed_chains(old, names) == carried_out(old, [RenameChain(*one) for one in names.items()])


def test_a_renamed_chain_keeps_its_rules() -> None:
    renamed = with_renamed_chains(BEFORE, {"ingress_0": "ingress_1"})
    assert renamed.chains["ingress_1"] == allowing(IN, ("friends",))
    assert "ingress_0" not in renamed.chains
