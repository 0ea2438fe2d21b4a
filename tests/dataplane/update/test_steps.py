"""Steps of a plan: for each kind, a change that would lose a packet or pass a forbidden one without it."""

from collections.abc import Mapping

import pytest
from tests.dataplane.update.random_programs import V4, address
from tests.dataplane.update.ways import check_way

from ringfence.dataplane.program import (
    ADDRESS,
    HELD,
    ISOLATED,
    KNOWN,
    PEER,
    Chain,
    HashSet,
    Lookup,
    Move,
    Program,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    base_program,
    profile_chain,
)
from ringfence.dataplane.update import comparison
from ringfence.dataplane.update.plan import plan_update
from ringfence.dataplane.update.steps import StepKind
from ringfence.model.policies import Direction

IN, OUT = Direction.INGRESS, Direction.EGRESS


def program(
    chains: Mapping[str, tuple[str, ...]],
    sets: Mapping[str, set[int]],
    pods: Mapping[tuple[Direction, int], str],
) -> Program:
    """Chains by the sets whose addresses they allow, sets by their pods, and the chain of each side of a pod."""
    maps = {direction: VerdictMap(ADDRESS[V4]) for direction in Direction}
    for (direction, pod), chain in pods.items():
        maps[direction] = maps[direction].moved([Move(address(pod), None, chain)])
    return base_program().changed(
        {
            **{ISOLATED[direction, V4]: one for direction, one in maps.items()},
            **{name: HashSet(ADDRESS[V4], frozenset(map(address, some))) for name, some in sets.items()},
        },
        {name: allowing(IN if name.startswith("ingress") else OUT, names) for name, names in chains.items()},
    )


def allowing(direction: Direction, sets: tuple[str, ...]) -> Chain:
    peer = (PEER[direction][V4],)
    return profile_chain(direction, tuple(Rule((Lookup(peer, name),), RuleVerdict.RETURN) for name in sets))


def test_a_peer_that_moves_from_one_set_to_another_is_always_in_one_of_them() -> None:
    """This holds between two transactions and between two lookups: the peer is added before it is removed."""
    chains, pods = {"ingress_0": ("a", "b")}, {(IN, 0): "ingress_0"}
    for old, new in (({1}, set()), (set(), {1})):
        before = program(chains, {"a": old, "b": new, "c": set()}, pods)
        after = program(chains, {"a": new, "b": old, "c": set()}, pods)
        check_way(before, after)


def test_a_pod_that_gets_another_chain_never_has_the_new_rules_of_its_old_one() -> None:
    sets = {"friends": {1}, "others": {2}}
    before = program({"ingress_0": ("friends",), "ingress_1": ()}, sets, {(IN, 0): "ingress_0"})
    after = program({"ingress_0": ("others",), "ingress_1": ("friends",)}, sets, {(IN, 0): "ingress_1"})
    check_way(before, after)
    check_way(after, before)


def test_a_packet_denied_by_one_side_before_and_by_the_other_after_never_passes() -> None:
    chains = {"ingress_0": (), "egress_0": ()}
    before = program(chains, {}, {(IN, 0): "ingress_0"})
    after = program(chains, {}, {(OUT, 1): "egress_0"})
    check_way(before, after)
    check_way(after, before)


def test_rules_of_both_directions_that_are_too_many_for_one_transaction_allow_only_what_both_do() -> None:
    sets = {"friends": {0, 1}}
    pods = {(IN, 0): "ingress_0", (OUT, 1): "egress_0"}
    before = program({"ingress_0": (), "egress_0": ("friends",)}, sets, pods)
    after = program({"ingress_0": ("friends",), "egress_0": ()}, sets, pods)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "RULES_AT_ONCE", 0)
        check_way(before, after, rules_together=False)
        check_way(after, before, rules_together=False)


def test_two_peers_of_both_directions_change_places_by_copies() -> None:
    """Editing the sets in place would pass, for a moment, packets that both programs forbid."""
    chains, pods = {"ingress_0": ("in",), "egress_0": ("out",)}, {(IN, 0): "ingress_0", (OUT, 1): "egress_0"}
    before = program(chains, {"in": {1}, "out": {2}}, pods)
    after = program(chains, {"in": {2}, "out": {0}}, pods)
    check_way(before, after)
    check_way(after, before)
    assert any("copy_0" in one.collections for one in plan_update(before, after).programs)


def test_a_pod_whose_chain_looks_into_an_edited_set_is_added_and_removed_by_copies() -> None:
    sets = {"friends": {1}}, {"friends": {2}}
    chains = {"ingress_0": ("friends",)}
    before = program({**chains, "ingress_1": ()}, sets[0], {(IN, 0): "ingress_0"})
    after = program({**chains, "ingress_1": ()}, sets[1], {})
    check_way(before, after)
    check_way(after, before)


def test_a_peer_is_let_in_only_after_its_own_egress_is_closed() -> None:
    chains = {"ingress_0": ("friends",), "egress_0": ()}
    before = program(chains, {"friends": set()}, {(IN, 0): "ingress_0"})
    after = program(chains, {"friends": {1}}, {(IN, 0): "ingress_0", (OUT, 1): "egress_0"})
    check_way(before, after)
    check_way(after, before)


def test_rules_that_look_into_another_set_change_while_a_peer_moves_to_it() -> None:
    pods = {(IN, 0): "ingress_0"}
    for extra in ({}, {(OUT, 1): "egress_0"}):
        before = program({"ingress_0": ("a",), "egress_0": ("c",)}, {"a": {1}, "b": set(), "c": {0}}, pods | extra)
        after = program({"ingress_0": ("b",), "egress_0": ("c",)}, {"a": set(), "b": {1}, "c": {0}}, pods | extra)
        check_way(before, after)


def test_rules_of_both_directions_change_in_one_transaction() -> None:
    sets = {"friends": {0, 1}}
    pods = {(IN, 0): "ingress_0", (OUT, 1): "egress_0"}
    before = program({"ingress_0": (), "egress_0": ("friends",)}, sets, pods)
    after = program({"ingress_0": ("friends",), "egress_0": ()}, sets, pods)
    check_way(before, after)
    assert not any("both_0" in one.chains for one in plan_update(before, after).programs), "no side has to close"


def test_addresses_become_known_after_their_chains_are_in_place() -> None:
    """Before, the addresses are held. Afterwards, their policies are in force. They are never open."""
    held = {HELD[V4]: RangeSet(ADDRESS[V4], frozenset({(address(0), address(0))}))}
    known = {KNOWN[V4]: HashSet(ADDRESS[V4], frozenset({address(0)}))}
    holding = base_program(holds=True).changed(held)
    isolated = {ISOLATED[IN, V4]: VerdictMap(ADDRESS[V4], {"ingress_0": frozenset({address(0)})})}
    chain = {"ingress_0": profile_chain(IN, ())}
    before = holding.changed({"unused": HashSet(ADDRESS[V4])}, chain)
    after = before.changed({**isolated, **known})
    check_way(before, after)
    check_way(after, before)


def test_each_kind_of_step_comes_in_its_order() -> None:
    pods = {(IN, 0): "ingress_0"}
    before, after = (program({"ingress_0": ("friends",)}, {"friends": some}, pods) for some in ({1}, {2}))
    kinds = [step.kind for step in plan_update(before, after).steps]
    in_place = [kind for kind in StepKind if kind not in (StepKind.RENAME, StepKind.SWITCH)]
    assert kinds == in_place or kinds == in_place * 2, "in place, or by copies"
    assert plan_update(before, after).programs[-1] is after
