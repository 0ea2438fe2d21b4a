"""Comparison of two programs: how they differ, and whether an update must close sides or may edit sets in place."""

import pytest
from tests.dataplane.programs import TCP, Peer, key, program

from ringfence.dataplane.program import (
    ADDRESS,
    DENIED,
    DROPS,
    ISOLATED,
    KNOWN,
    OWN,
    PORT,
    Chain,
    Field,
    Goto,
    HashSet,
    Lookup,
    Move,
    Program,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    port_key,
    profile_chain,
)
from ringfence.dataplane.update.comparison import RULES_AT_ONCE, can_edit_in_place, compare, needs_closing
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
BOTH = frozenset({IN, OUT})
V4 = Family.IPV4
A, B, C = ((pod, TCP, 80) for pod in (2, 3, 4))
BASE = program({(IN, 0): [A], (OUT, 1): [A]})


def with_peers(ingress: list[Peer], egress: list[Peer]) -> Program:
    return program({(IN, 0): ingress, (OUT, 1): egress})


def moved(one: Program, direction: Direction, pod: int, chain: str) -> Program:
    """The program in which a pod has another chain."""
    name = ISOLATED[direction, V4]
    verdicts = one.collections[name]
    assert isinstance(verdicts, VerdictMap)
    address = key(pod, V4)
    return one.changed({name: verdicts.moved([Move(address, verdicts.chain_of(address), chain)])})


def rewritten(one: Program, name: str, rules: int = 1) -> Program:
    """The program in which the chain of a profile allows everything, with the given number of rules."""
    direction = IN if name.startswith("ingress") else OUT
    allowing = (Rule((), RuleVerdict.RETURN),) * (rules - 1)  # The last rule leads to the chain that denies.
    return one.changed(chains={name: profile_chain(direction, allowing)})


class TestDifference:
    def test_programs_that_are_equal_do_not_differ(self) -> None:
        *others, regrouping = compare(BASE, Program(dict(BASE.collections), dict(BASE.chains)))
        assert not any((*others, *regrouping))

    def test_an_address_that_gets_another_chain_moves(self) -> None:
        difference = compare(BASE, moved(BASE, IN, 0, DENIED[IN]))
        name = ISOLATED[IN, V4]
        assert difference.moves == {name: [Move(key(0, V4), "ingress_0", DENIED[IN])]}
        assert difference.directions == {IN}

    def test_a_chain_that_stays_and_gets_other_rules_is_rewritten(self) -> None:
        difference = compare(BASE, rewritten(BASE, "egress_1"))
        assert difference.rewritten_chains == {"egress_1"}
        assert difference.directions == {OUT}

    def test_a_chain_that_is_added_or_removed_is_not_rewritten(self) -> None:
        more = BASE.changed(chains={"new": Chain()})
        assert compare(BASE, more).rewritten_chains == compare(more, BASE).rewritten_chains == frozenset()

    def test_a_set_that_gets_other_elements_is_edited_and_its_chains_read_it(self) -> None:
        difference = compare(BASE, with_peers([A, B], [A]))
        assert difference.edited_sets == {"ingress_0_4", "ingress_0_6"}
        assert difference.readers == {"ingress_0"}
        assert difference.directions == {IN}

    def test_a_set_that_no_chain_of_the_old_program_looks_into_is_not_edited(self) -> None:
        elements = [HashSet(ADDRESS[V4], frozenset({key(pod, V4)})) for pod in (2, 3)]
        old, new = (BASE.changed({"unread": one}) for one in elements)
        assert compare(old, new).edited_sets == frozenset()

    @pytest.mark.parametrize("name", [*OWN.values(), *DROPS.values()])
    def test_own_addresses_and_counters_do_not_count(self, name: str) -> None:
        """Their sets may contain an element too early or for too long."""
        part = BASE.collections[name]
        assert isinstance(part, HashSet)
        old, new = (BASE.changed({name: HashSet(part.key, frozenset(some), part.counted)}) for some in ([], [b"x"]))
        assert compare(old, new) == compare(BASE, BASE)

    def test_known_addresses_that_change_filter_in_both_directions(self) -> None:
        name = KNOWN[V4]
        old, new = (BASE.changed({name: HashSet(ADDRESS[V4], frozenset({key(pod, V4)}))}) for pod in (2, 3))
        difference = compare(old, new)
        assert difference.filtering == {name}
        assert difference.edited_sets == frozenset()
        assert difference.directions == BOTH

    def test_a_chain_that_is_not_of_a_profile_belongs_to_both_directions(self) -> None:
        old, new = (
            BASE.changed(chains={"other": Chain((Rule((), verdict),))})
            for verdict in (RuleVerdict.ACCEPT, RuleVerdict.DROP)
        )
        assert compare(old, new).directions == BOTH


class TestClosing:
    def closes(self, old: Program, new: Program) -> bool:
        return needs_closing(new, compare(old, new))

    def test_one_direction_alone_changes_at_once(self) -> None:
        assert not self.closes(BASE, moved(BASE, IN, 0, DENIED[IN]))
        assert not self.closes(BASE, rewritten(BASE, "ingress_0", rules=RULES_AT_ONCE + 1))

    def test_if_both_directions_change_sides_close_first(self) -> None:
        assert self.closes(BASE, moved(moved(BASE, IN, 0, DENIED[IN]), OUT, 1, DENIED[OUT]))
        assert self.closes(BASE, with_peers([A, B], [A, B]))

    @pytest.mark.parametrize(("requests", "closes"), [(RULES_AT_ONCE, False), (RULES_AT_ONCE + 1, True)])
    def test_rules_of_both_directions_change_at_once_if_they_fit_into_one_transaction(
        self, requests: int, closes: bool
    ) -> None:
        """One request for each rule, and one for each of the two chains."""
        new = rewritten(rewritten(BASE, "ingress_0", rules=2), "egress_1", rules=requests - 4)
        assert self.closes(BASE, new) is closes

    @pytest.mark.parametrize("chains", [("ingress_0", "ingress_5"), ("ingress_5", "ingress_0")])
    def test_a_side_closes_if_its_address_moves_from_or_to_a_rewritten_chain(self, chains: tuple[str, str]) -> None:
        """Its rules and its entry in the map cannot change in the same instant for a packet."""
        before, after = chains
        both = program({(IN, 0): [A], (IN, 5): [B]})
        old = moved(both, IN, 0, before)
        assert self.closes(old, moved(rewritten(old, "ingress_5"), IN, 0, after))


class TestEditingInPlace:
    def in_place(self, old: Program, new: Program) -> bool:
        return can_edit_in_place(old, new, compare(old, new))

    def test_a_difference_without_edited_sets_may_be_applied_in_place(self) -> None:
        assert self.in_place(BASE, moved(moved(BASE, IN, 0, DENIED[IN]), OUT, 1, DENIED[OUT]))

    def test_one_address_may_be_added_in_both_directions(self) -> None:
        assert self.in_place(BASE, with_peers([A, B], [A, B]))

    def test_several_addresses_may_be_added_in_one_direction_only(self) -> None:
        assert self.in_place(BASE, with_peers([A, B, C], [A]))
        assert not self.in_place(BASE, with_peers([A, B, C], [A, B, C]))
        assert not self.in_place(BASE, with_peers([A, B], [A, C]))

    def test_rules_that_look_into_a_set_may_not_change_with_it(self) -> None:
        edited = with_peers([A, B], [A])
        rules = edited.chains["ingress_0"].rules
        old = BASE
        new = edited.changed(chains={"ingress_0": Chain((rules[1], rules[0], *rules[2:]))})
        assert compare(old, new).readers == {"ingress_0"}
        assert not self.in_place(old, new)

    def test_an_address_may_not_move_to_a_chain_whose_set_gets_another_address(self) -> None:
        new = moved(with_peers([A, B], [A]), IN, 7, "ingress_0")
        assert not self.in_place(BASE, new)

    def test_the_address_that_is_added_may_move_itself(self) -> None:
        new = moved(with_peers([A, B], [A]), IN, B[0], "ingress_0")
        assert self.in_place(BASE, new)

    def test_several_addresses_may_not_be_added_while_one_of_them_moves(self) -> None:
        new = moved(with_peers([A, B, C], [A]), IN, B[0], "ingress_0")
        assert not self.in_place(BASE, new)

    def test_an_address_may_move_between_chains_that_look_into_no_edited_set(self) -> None:
        old = program({(IN, 0): [A], (IN, 5): [A], (IN, 6): [B]})
        edited = program({(IN, 0): [A, B], (IN, 5): [A], (IN, 6): [B]})
        assert self.in_place(old, moved(edited, IN, 5, "ingress_6"))

    def test_a_set_of_ports_has_no_addresses_and_is_not_edited_in_place(self) -> None:
        looking = Rule((Lookup((Field.PORT,), "ports"),), RuleVerdict.RETURN)
        old, new = (
            BASE.changed(
                {"ports": HashSet(PORT, frozenset({port_key(port)}))},
                {"ingress_0": profile_chain(IN, (looking,))},
            )
            for port in (80, 81)
        )
        assert compare(old, new).edited_sets == {"ports"}
        assert not self.in_place(old, new)

    def test_ranges_are_not_edited_in_place(self) -> None:
        looking = Rule((Lookup((Field.SOURCE_4,), "ranges"),), RuleVerdict.RETURN)
        ranges = [((key(pod, V4), key(pod, V4)),) for pod in (2, 3)]
        old, new = (
            BASE.changed(
                {"ranges": RangeSet(ADDRESS[V4], frozenset(some))}, {"ingress_0": profile_chain(IN, (looking,))}
            )
            for some in ranges
        )
        assert compare(old, new).edited_sets == {"ranges"}
        assert not self.in_place(old, new)


def test_the_last_rule_of_a_profile_says_its_direction() -> None:
    """A chain that is rewritten from one direction to the other concerns the direction of the new profile."""
    new = BASE.changed(chains={"ingress_0": Chain((Rule((), Goto(DENIED[OUT])),))})
    assert compare(BASE, new).directions == {OUT}


def test_a_chain_that_profiles_have_in_common_says_the_direction_of_what_goes_there() -> None:
    shared = BASE.changed(chains={"common": profile_chain(IN, ())})
    new = shared.changed(chains={"ingress_0": Chain((Rule((), Goto("common")),))})
    assert compare(shared, new).directions == {IN}


def test_chains_that_go_round_in_circles_belong_to_both_directions() -> None:
    """Only another program can have written them, and the kernel refuses them, but a program must not wait for ever."""
    new = BASE.changed(chains={"ingress_0": Chain((Rule((), Goto("ingress_0")),))})
    assert compare(BASE, new).directions == BOTH
