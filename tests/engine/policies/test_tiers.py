"""Tiers: how several kinds of policies make one verdict.

Sources: network-policy-api, "Evaluation order": the admin tier, then NetworkPolicy, then the baseline tier. None of the
two others is implemented; a toy tier stands for them here, written as plainly as can be, to show where one would go.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import member_in, state_of
from tests.semantics.objects import Object, admits, container_port, labelled, pod, pods, policy, port, sends

from ringfence.engine.policies import tiers
from ringfence.engine.policies.tiers import Action, Ruling, Tier
from ringfence.engine.population.identities import Identity
from ringfence.engine.population.population import Population
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, FAMILIES, Addresses, Family, parse_address
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition, changed_within
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic

Question = tuple[Direction, Family, str, int]
ADDRESSES = [parse_address(text) for text in (*strategies.OUTSIDE, "10.0.0.1", "0.0.0.0")]


class ToyRule(NamedTuple):
    """An action on traffic between the pods of some namespaces and those of others, or addresses outside."""

    action: Action
    traffic: Traffic = ALL_TRAFFIC
    directions: Sequence[Direction] = tuple(Direction)
    subjects: Sequence[str] = strategies.NAMESPACES
    peers: Sequence[str] = strategies.NAMESPACES
    addresses: Addresses = ALL_ADDRESSES


class ToyTier:
    """Rules of which the first that matches decides, one pair of identities at a time."""

    def __init__(self, population: Population, rules: Sequence[ToyRule]) -> None:
        self.population = population
        self.rules = rules

    def about(self, subject: Identity, direction: Direction) -> Iterator[ToyRule]:
        for rule in self.rules:
            if direction in rule.directions and subject.namespace in rule.subjects:
                yield rule

    def action(
        self, subject: Identity, direction: Direction, peer: Identity, family: Family, protocol: str, port: int
    ) -> Action:
        for rule in self.about(subject, direction):
            if peer.namespace in rule.peers and rule.traffic.contains(protocol, port):
                return rule.action
        return Action.PASS

    def rulings(self, subject: Identity, direction: Direction, family: Family) -> Partition[Bitset, Ruling]:
        return [
            (1 << peer.bit, ruling(rule for rule in self.about(subject, direction) if peer.namespace in rule.peers))
            for peer in self.population.identities()
        ]

    def peer_rulings(
        self, subject: Identity, direction: Direction, family: Family, protocol: str, port: int
    ) -> tuple[Bitset, Bitset]:
        actions = {
            one.bit: self.action(subject, direction, one, family, protocol, port)
            for one in self.population.identities()
        }
        return by_action(actions)

    def subject_rulings(
        self, peer: Identity, direction: Direction, family: Family, protocol: str, port: int
    ) -> tuple[Bitset, Bitset]:
        actions = {
            one.bit: self.action(one, direction, peer, family, protocol, port) for one in self.population.identities()
        }
        return by_action(actions)

    def address_rulings(self, subject: Identity, direction: Direction) -> Partition[Addresses, Ruling]:
        cells: Partition[Addresses, Ruling] = [(ALL_ADDRESSES, ruling([]))]
        for rule in reversed(list(self.about(subject, direction))):
            cells = changed_within(cells, rule.addresses, partial(preceded, rule))
        return cells

    def action_on_address(
        self, subject: Identity, direction: Direction, address: tuple[Family, int], protocol: str, port: int
    ) -> Action:
        for rule in self.about(subject, direction):
            if rule.addresses.contains(*address) and rule.traffic.contains(protocol, port):
                return rule.action
        return Action.PASS


def by_action(actions: Mapping[int, Action]) -> tuple[Bitset, Bitset]:
    """Those, by their bits, for whom the action is to allow, and those for whom it is to deny."""
    allowing = bitsets.of(bit for bit, action in actions.items() if action is Action.ALLOW)
    return allowing, bitsets.of(bit for bit, action in actions.items() if action is Action.DENY)


def preceded(rule: ToyRule, later: Ruling) -> Ruling:
    """What a rule says of its traffic, and of all other traffic what the rules after it say."""
    said = {rule.action: rule.traffic}
    allow, deny = (said.get(action, NO_TRAFFIC) for action in (Action.ALLOW, Action.DENY))
    return Ruling(allow | (later.allow - rule.traffic), deny | (later.deny - rule.traffic))


def ruling(rules: Iterable[ToyRule]) -> Ruling:
    """What rules, of which the first that matches decides, say of all traffic."""
    return reduce(lambda later, rule: preceded(rule, later), reversed(list(rules)), Ruling(NO_TRAFFIC, NO_TRAFFIC))


# --- the truth table --------------------------------------------------------------------------------------------------

WORLD = [pod("x/subject", {"app": "subject"}), pod("x/peer")]
SUBJECT = labelled(app="subject")
NETWORK_POLICIES: dict[str, list[Object]] = {
    "not isolated": [],
    "a rule matches": [policy("x/p", SUBJECT, ingress=[admits(pods({}))], egress=[sends(pods({}))])],
    "no rule matches": [policy("x/p", SUBJECT, ingress=[], egress=[])],
}
WHATEVER = tuple(NETWORK_POLICIES)
UNDECIDED = (Action.PASS, None)
ANYTHING = (Action.ALLOW, Action.DENY, *UNDECIDED)


@pytest.mark.parametrize(
    ("admin", "policies", "baseline", "allowed"),
    [
        ((Action.ALLOW,), WHATEVER, ANYTHING, True),
        ((Action.DENY,), WHATEVER, ANYTHING, False),
        (UNDECIDED, ("a rule matches",), ANYTHING, True),
        (UNDECIDED, ("no rule matches",), ANYTHING, False),
        (UNDECIDED, ("not isolated",), (Action.DENY,), False),
        (UNDECIDED, ("not isolated",), (Action.ALLOW, *UNDECIDED), True),
    ],
)
def test_admin_then_network_policy_then_baseline(
    admin: Sequence[Action | None], policies: Sequence[str], baseline: Sequence[Action | None], allowed: bool
) -> None:
    for first, written, last, direction in product(admin, policies, baseline, Direction):
        state = state_of([*WORLD, *NETWORK_POLICIES[written]])
        in_order = stacked(state, *([ToyRule(action)] if action else [] for action in (first, last)))
        subject, peer = (state.identity(member_in(state, path)) for path in ("x/subject", "x/peer"))
        verdict = tiers.allows(in_order, subject, direction, peer, Family.IPV4, "TCP", 80)
        assert verdict is allowed, (first, written, last, direction)


def test_a_pass_skips_the_rest_of_its_tier_only() -> None:
    state = state_of([*WORLD, *NETWORK_POLICIES["no rule matches"]])
    subject = state.identity(member_in(state, "x/subject"))
    rules = [ToyRule(Action.PASS, Traffic.of("TCP", [(80, 80)])), ToyRule(Action.ALLOW)]
    before = stacked(state, rules, [])
    assert not tiers.allows(before, subject, Direction.INGRESS, subject, Family.IPV4, "TCP", 80), "NetworkPolicy denies"
    assert tiers.allows(before, subject, Direction.INGRESS, subject, Family.IPV4, "TCP", 81), "the next rule allows"


# --- one question or many ---------------------------------------------------------------------------------------------

some_namespaces = st.lists(st.sampled_from([*strategies.NAMESPACES, ""]), max_size=3)
toy_rules = st.lists(
    st.builds(
        ToyRule,
        st.sampled_from(Action),
        st.sampled_from([ALL_TRAFFIC, Traffic.of("TCP"), Traffic.of("TCP", [(80, 80)]), Traffic.of("UDP", [(53, 90)])]),
        st.lists(st.sampled_from(Direction), max_size=2),
        some_namespaces,
        some_namespaces,
        st.sampled_from(
            [ALL_ADDRESSES, Addresses(v4=((0, 1 << 31),)), Addresses(v6=((0, 1 << 127),)), Addresses(v4=((7, 7),))]
        ),
    ),
    max_size=3,
)


questions = st.tuples(
    st.sampled_from(Direction),
    st.sampled_from(FAMILIES),
    st.sampled_from(PROTOCOLS),
    st.sampled_from([53, 80, 85, 443]),
)


def stacked(state: State, before: Sequence[ToyRule], after: Sequence[ToyRule]) -> list[Tier]:
    population = state.population
    return [ToyTier(population, before), state.network_policies, ToyTier(population, after)]


@given(strategies.clusters(), toy_rules, toy_rules, questions)
def test_the_answer_to_many_questions_is_the_answers_to_each(
    objects: list[Object], before: list[ToyRule], after: list[ToyRule], question: Question
) -> None:
    direction, family, protocol, port = question
    state = state_of(objects)
    in_order, population = stacked(state, before, after), state.population
    identities = list(population.identities())
    by_subject = {
        one.bit: tiers.allowed_peers(in_order, one, direction, family, population.everyone) for one in identities
    }
    for cells in by_subject.values():
        assert bitsets.size(population.everyone) == sum(bitsets.size(cell) for cell, _ in cells)
        assert len({traffic for _, traffic in cells}) == len(cells), "cells of equal traffic are one"
    everyone = population.everyone
    peers = {
        one.bit: tiers.peers_allowed_port(in_order, one, direction, family, protocol, port, everyone)
        for one in identities
    }
    for peer in identities:
        subjects = tiers.allowing_subjects(in_order, peer, direction, family, protocol, port, population.everyone)
        for subject in identities:
            one_by_one = tiers.allows(in_order, subject, direction, peer, family, protocol, port)
            (traffic,) = (traffic for cell, traffic in by_subject[subject.bit] if cell >> peer.bit & 1)
            assert traffic.contains(protocol, port) is one_by_one
            assert bool(subjects >> subject.bit & 1) is one_by_one
            assert bool(peers[subject.bit] >> peer.bit & 1) is one_by_one


@given(strategies.clusters(), toy_rules, toy_rules, questions)
def test_addresses_go_through_the_tiers_in_the_same_order(
    objects: list[Object], before: list[ToyRule], after: list[ToyRule], question: Question
) -> None:
    direction, _, protocol, port = question
    state = state_of(objects)
    admin, policies, baseline = in_order = stacked(state, before, after)
    assert isinstance(admin, ToyTier)
    assert isinstance(baseline, ToyTier)
    for subject in state.population.identities():
        cells = tiers.allowed_addresses(in_order, subject, direction)
        rulings = policies.address_rulings(subject, direction)
        for address in ADDRESSES:
            (traffic,) = (traffic for within, traffic in cells if within.contains(*address))
            allowed = [one.allow.contains(protocol, port) for within, one in rulings if within.contains(*address)]
            actions = [
                admin.action_on_address(subject, direction, address, protocol, port),
                *(Action.ALLOW if yes else Action.DENY for yes in allowed),
                baseline.action_on_address(subject, direction, address, protocol, port),
            ]
            decisive = [action for action in actions if action is not Action.PASS] or [Action.ALLOW]
            assert traffic.contains(protocol, port) is (decisive[0] is Action.ALLOW)


@pytest.mark.parametrize("direction", Direction)
def test_a_named_port_is_the_destinations_whoever_is_asked_about(direction: Direction) -> None:
    """Of all subjects with one peer, as of one subject with all peers."""
    rules: list[Object] = [{"ports": [port("http")]}]
    isolating = policy("x/p", ingress=rules, egress=rules, policyTypes=[direction.value])
    http = {f"x/{name}": container_port("http", number) for name, number in (("new", 8080), ("old", 80))}
    state = state_of([isolating, *(pod(path, ports=[own]) for path, own in http.items())])
    new, old = (state.identity(member_in(state, path)) for path in http)
    everyone = state.population.everyone
    destination = new if direction is Direction.INGRESS else old
    for number in (80, 8080):
        allowed = tiers.allows(state.tiers, new, direction, old, Family.IPV4, "TCP", number)
        subjects = tiers.allowing_subjects(state.tiers, old, direction, Family.IPV4, "TCP", number, everyone)
        assert allowed is bool(subjects >> new.bit & 1) is (number in destination.ports_named("http", "TCP"))


def test_nobody_has_no_cells() -> None:
    state = state_of([pod("x/a")])
    (identity,) = state.population.identities()
    assert tiers.allowed_peers(state.tiers, identity, Direction.INGRESS, Family.IPV4, 0) == []
