"""The rules that cover a part of a policy for the pods of the input: they decide what the part decides.

As in `analysis.possible.redundant_parts`, what a rule decides is a set of boxes. Here a box consists of existing pods:
subjects, peers, the address family between them or addresses outside, and traffic.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from ringfence.analysis.possible import Cover, EntryPlace, PartKind, RemovablePart, needed, part_alone, written_part
from ringfence.engine.policies import CompiledPolicy, CompiledRule
from ringfence.engine.possible import Role, RulePlace, subject_role
from ringfence.engine.state import State
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.cluster_rules import tier_of
from ringfence.model.objects import NetworkPolicy, Policy
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.bitsets import Bitset
from ringfence.sets.boxes import EVERYTHING, Axis, AxisSet, Box, box_of, overlaps
from ringfence.sets.label_values import LabelValues, one_of
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class _Pods(msgspec.Struct, frozen=True):
    """A set of identities along an axis."""

    bits: Bitset

    @property
    def work(self) -> int:
        """The steps that it takes to compare the set with another one, beyond those of a small set: none."""
        return 0

    @classmethod
    def union_of(cls, sets: Iterable["_Pods"]) -> "_Pods":
        """The union of sets."""
        found: Bitset = 0
        for one in sets:
            found |= one.bits
        return cls(found)

    def __and__(self, other: "_Pods") -> "_Pods":
        return _Pods(self.bits & other.bits)

    def __sub__(self, other: "_Pods") -> "_Pods":
        return _Pods(self.bits & ~other.bits)

    def __bool__(self) -> bool:
        return bool(self.bits)


class _Axis(msgspec.Struct, frozen=True):
    """An axis of the boxes; axes with equal names are equal."""

    name: str
    universe: Any


_MOST_ENTRIES: Final = 64
"""The length of the longest list whose entries are compared one by one; of a longer one, its rule is the cover."""
_WHERE: Final = _Axis("where", LabelValues(is_complement=True))
"""The address family over which a peer is reached, or `outside` for an address outside the cluster."""
_OUTSIDE: Final = one_of("outside")
_TRAFFIC: Final = _Axis("traffic", ALL_TRAFFIC)
_ADDRESSES: Final = _Axis("addresses", ALL_ADDRESSES)


def covers_here(state: State, part: RemovablePart, left: Policy | None) -> tuple[Cover, ...]:
    """The rules that decide what a part decides; of a policy, also the policies that isolate its pods.

    `left` is the policy without the part. Empty if they do not decide all of it.
    """
    if part.kind is PartKind.POLICY:
        return tuple(_Covers(state, part, None).of_policy())
    alone = part_alone(part)
    others = [entry for entry in part.entries if entry is not part] if len(part.entries) <= _MOST_ENTRIES else []
    others_alone = list(map(part_alone, others))
    with state.policies.telling_apart([alone, *others_alone, *([left] if left else [])]):
        entries = list(zip(others, map(state.policies.compiled, others_alone), strict=True))
        return tuple(_Covers(state, part, left, entries).of_rule(state.policies.compiled(alone)))


class _Covers:
    """Finds which of the policies that may cover a part do so."""

    def __init__(
        self,
        state: State,
        part: RemovablePart,
        left: Policy | None,
        entries: Sequence[tuple[RemovablePart, CompiledPolicy[Any]]] = (),
    ) -> None:
        self._state = state
        self._part = part
        self._entries = entries
        """The other entries of the list of the part, each with the policy that has only this one."""
        present = state.policies.present(part.policy.policy)
        assert present is not None
        self._present = present
        self._left = state.policies.compiled(left) if left else None
        everyone = _Pods(state.population.everyone)
        self._ends = {role: _Axis(role, everyone) for role in Role}
        self._selected = state.selected(present.subject)
        # A namespaced policy shares subjects only with policies that can select pods of its namespace.
        near = state.tiers.policies_in(present.namespace) if present.namespace else state.tiers.policies()
        self._others = [one for one in near if one is not present and self._may_decide(one)]

    def _may_decide(self, other: CompiledPolicy[Any]) -> bool:
        """Whether another policy may decide about the same pods before the part's policy, or in the same tier."""
        is_baseline = not isinstance(other.policy, NetworkPolicy) and tier_of(other.policy) is PolicyTier.BASELINE
        # The Baseline tier never decides about pods that a NetworkPolicy isolates.
        if is_baseline and isinstance(self._present.policy, NetworkPolicy):
            return False
        return bool(self._state.selected(other.subject) & self._selected)

    def of_policy(self) -> Iterator[Cover]:
        """The policies that isolate in place of a NetworkPolicy, and the rules that cover all rules of a policy."""
        found: dict[object, Cover] = {}
        for direction, rules in self._present.rules.items():
            covers: list[Cover] = []
            if isinstance(self._present.policy, NetworkPolicy):
                isolating = [
                    (self._isolation(one, direction), one)
                    for one in self._others
                    if isinstance(one.policy, NetworkPolicy) and direction in one.rules
                ]
                covers += needed(self._isolation(self._present, direction), isolating)
            for rule in rules:
                covers += self._over(self._present, direction, rule)
            found |= {written_part(one): one for one in covers}
        yield from found.values()

    def of_rule(self, alone: CompiledPolicy[Any]) -> Iterator[Cover]:
        """The rules that cover a part of a rule; `alone` is the policy with this part only."""
        direction = self._part.direction
        found = {written_part(one): one for one in self._over(alone, direction, alone.rules[direction][0])}
        yield from found.values()

    def _over(self, policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule) -> Iterator[RulePlace]:
        """The rules that are needed to decide what one rule decides; none if others decide only a part of it."""
        found: list[RulePlace] = []
        for box in self._boxes(policy, direction, rule):
            some = needed(box, self._rules(direction, box))
            if not some:
                return
            found += some
        yield from found

    def _rules(self, direction: Direction, box: Box) -> Iterator[tuple[Box, RulePlace]]:
        """The boxes of rules that overlap `box`, of other policies and of the same policy without the part.

        In place of the rest of its own rule, the other entries of its list are compared, to name the one that covers
        it.
        """
        for entry, alone in self._entries:
            for rule in alone.rules[direction]:
                named = EntryPlace(self._present, direction, rule, entry)
                yield from ((other, named) for other in self._boxes(alone, direction, rule) if overlaps(other, box))
        for policy in self._others:
            for rule in policy.rules.get(direction, ()):
                for other in self._boxes(policy, direction, rule):
                    if overlaps(other, box):
                        yield other, RulePlace(policy, direction, rule)
        if self._left is None:
            return
        # A rule that is removed as a whole has no counterpart among those that are left, which move up by one.
        gone = self._part.rule.index if self._part.rule and self._part.entry is None else None
        written = [rule for rule in self._present.rules.get(direction, ()) if rule.index != gone]
        for rule, present in zip(self._left.rules.get(direction, ()), written, strict=False):
            is_same = self._part.rule is not None and self._part.rule.index == present.index
            if is_same and self._entries:
                continue
            place = RulePlace(self._present, direction, self._part.rule if is_same and self._part.rule else present)
            yield from ((other, place) for other in self._boxes(self._left, direction, rule) if overlaps(other, box))

    # --- boxes --------------------------------------------------------------------------------------------------------

    def _isolation(self, policy: CompiledPolicy[Any], direction: Direction) -> Box:
        return (
            box_of([(self._ends[subject_role(direction)], _Pods(self._state.selected(policy.subject)))]) or EVERYTHING
        )

    def _boxes(self, policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule) -> Iterator[Box]:
        """What a rule decides about existing pods and about addresses."""
        subject = subject_role(direction)
        subjects = self._ends[subject], _Pods(self._state.selected(policy.subject))
        traffics: list[list[tuple[Axis, AxisSet]]] = [[(_TRAFFIC, rule.traffic)], *self._by_name(rule)]
        for family in self._state.population.decisive_families():
            peers = self._ends[subject.other], _Pods(self._state.tiers.peers(rule.peers, family))
            for traffic in traffics:
                yield from _some(box_of([(_WHERE, one_of(family.name)), subjects, peers, *traffic]))
        extent = _ADDRESSES, ALL_ADDRESSES if rule.peers.everyone else rule.peers.addresses
        # Ports of an address have no names.
        for traffic in traffics if subject is Role.DESTINATION else traffics[:1]:
            yield from _some(box_of([(_WHERE, _OUTSIDE), subjects, extent, *traffic]))

    def _by_name(self, rule: CompiledRule) -> Iterator[list[tuple[Axis, AxisSet]]]:
        """The traffic that each port name of a rule means, with the destinations for which it means this."""
        population = self._state.population
        for name in rule.port_names:
            for port in population.ports_named(name):
                traffic = Traffic.of(port.protocol, ((port.port, port.port),))
                yield [(_TRAFFIC, traffic), (self._ends[Role.DESTINATION], _Pods(population.holding(port)))]


def _some(box: Box | None) -> Iterator[Box]:
    if box is not None:
        yield box
