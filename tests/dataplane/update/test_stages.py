"""Stages: what a step creates comes in one transaction with the rules of the next step, where no packet notices."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.update.random_programs import address, neighbours, programs

from ringfence.dataplane.nftables.transaction import fits_at_once
from ringfence.dataplane.program import (
    ADDRESS,
    DENIED,
    PORT,
    Collection,
    Field,
    Goto,
    HashSet,
    Lookup,
    Program,
    RangeSet,
    Rule,
    RuleVerdict,
    VerdictMap,
    base_program,
    port_key,
    profile_chain,
)
from ringfence.dataplane.update import comparison
from ringfence.dataplane.update.commands import AddCollection, AddElements, Command, SetRules
from ringfence.dataplane.update.comparison import fits_always
from ringfence.dataplane.update.plan import plan_update
from ringfence.dataplane.update.stages import commands_of, may_be_together, stages_between
from ringfence.model.policies import Direction
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Family

V4 = Family.IPV4
DENYING = Rule((), Goto(DENIED[Direction.INGRESS]))
PODS = HashSet(ADDRESS[V4], frozenset({address(1)}))
PORTS = RangeSet(PORT, frozenset({(port_key(80), port_key(90))}))


def isolated(chain: str, collections: dict[str, Collection], *rules: Rule) -> Program:
    """A program with one isolated pod, whose ingress a chain with these rules decides."""
    subjects = VerdictMap(ADDRESS[V4], {chain: frozenset({address(0)})})
    return base_program().changed(
        {"ingress4": subjects, **collections}, {chain: profile_chain(Direction.INGRESS, tuple(rules))}
    )


def among(field: Field, name: str) -> Rule:
    return Rule((Lookup((field,), name),), RuleVerdict.RETURN)


CLOSED = isolated("ingress_0", {})


def words(old: Program, new: Program) -> list[set[str]]:
    """The kinds of commands of each stage that has any."""
    return [{type(one).__name__ for one in stage.commands} for stage in stages_between(old, new) if stage.commands]


def test_a_new_set_comes_with_the_rules_that_look_it_up() -> None:
    new = isolated("ingress_0", {"pods_0": PODS}, among(Field.SOURCE_4, "pods_0"))
    assert words(CLOSED, new) == [{"AddCollection", "AddElements", "SetRules"}]


def test_new_ranges_come_before_the_rules_because_they_are_ready_later_than_these() -> None:
    new = isolated("ingress_0", {"ports_0": PORTS}, among(Field.PORT, "ports_0"))
    assert words(CLOSED, new) == [{"AddCollection", "AddElements"}, {"SetRules"}]


def test_ranges_that_go_are_gone_before_rules_look_them_up() -> None:
    """Nothing looked up the ports before, so they change in the step that creates what is new."""
    old = CLOSED.changed({"ports_0": PORTS})
    new = isolated("ingress_0", {"ports_0": RangeSet(PORT)}, among(Field.PORT, "ports_0"))
    assert words(old, new) == [{"Flush"}, {"SetRules"}]


def test_a_new_chain_comes_before_the_address_that_gets_it_because_it_is_empty_for_packets_under_way() -> None:
    new = isolated("ingress_1", {"pods_0": PODS}, among(Field.SOURCE_4, "pods_0"))
    new = new.changed(chains={"ingress_0": CLOSED.chains["ingress_0"]})
    creating, moving, *_ = words(CLOSED, new)
    assert {"AddChain", "SetRules"} <= creating
    assert moving == {"ReplaceElements"}


def test_what_is_only_created_is_committed_as_well() -> None:
    assert words(CLOSED, CLOSED.changed({"pods_0": PODS})) == [{"AddCollection", "AddElements"}]


def test_two_steps_that_do_not_fit_into_one_transaction_stay_two() -> None:
    """The rules of several chains may have to change at the same time."""
    few = AddElements("pods_0", PODS)
    many = AddElements("pods_0", HashSet(ADDRESS[V4], frozenset(map(address, range(200)))))
    rules = SetRules("ingress_0", ())
    assert may_be_together([AddCollection("pods_0", PODS), few], [rules], fits_always)
    assert not may_be_together([many], [rules], fits_always)
    assert not may_be_together([few], [SetRules("ingress_0", (DENYING,) * comparison.RULES_AT_ONCE)], fits_always)


def test_many_elements_come_before_the_rules_without_a_question_that_encodes_them() -> None:
    many = AddElements("pods_0", HashSet(ADDRESS[V4], frozenset(map(address, range(1_000)))))
    assert not may_be_together([many], [SetRules("ingress_0", ())], lambda commands: True)


@pytest.fixture(scope="module")
def netlink() -> Iterator[NetlinkSocket]:
    with NetlinkSocket(NETLINK_NETFILTER) as opened:
        yield opened


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_commands_that_always_fit_are_one_transaction(netlink: NetlinkSocket, ends: tuple[Program, Program]) -> None:
    for commands in _of_steps(*ends):
        if fits_always(commands):
            assert fits_at_once(netlink, commands)


@given(st.one_of(neighbours(), st.tuples(programs(), programs())))
def test_the_commands_are_those_of_the_steps_in_their_order(ends: tuple[Program, Program]) -> None:
    in_stages = [command for stage in stages_between(*ends) for command in stage.commands]
    assert in_stages == [command for commands in _of_steps(*ends) for command in commands]


def _of_steps(old: Program, new: Program) -> Sequence[list[Command]]:
    found: list[list[Command]] = []
    for step in plan_update(old, new).steps:
        found.append(commands_of(step, old))
        old = step.program
    return found
