"""The parts of policies that could be removed without any change, in every possible cluster.

A part is redundant if its removal changes the answer about no connection between possible pods, or between these and
addresses. The rules of a redundant policy are not listed, nor the peers and ports of a redundant rule.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ringfence.analysis.possible.policy_parts import (
    Entry,
    PartKind,
    RemovablePart,
    ask_about_parts,
    keeps_direction,
    without_entries,
)
from ringfence.analysis.possible.policy_sets import PolicySet
from ringfence.engine.policies import CompiledPolicy, CompiledRule
from ringfence.engine.possible import (
    Budget,
    DirectionMeaning,
    Meaning,
    Removal,
    Removals,
    RulePlace,
    Undecided,
    boxes_allowed_only_by,
    is_about_end,
    is_about_port,
    rule_boxes,
    subject_role,
)
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction
from ringfence.sets.boxes import Axis, Box, contains, intersection, is_covered, overlaps, steps_of

_STEPS_OF_ONE: Final = 500_000
"""The bound for one part: about half a second."""

_STEPS_OF_ALL: Final = 500_000
"""The bound for all parts of a few policies: some 6 s for rules whose ports overlap in many ranges."""

_STEPS_OF_A_POLICY: Final = 1_000
"""The increase of the bound for all parts with each policy. Most parts take some hundred steps."""

_MOST_COVERS: Final = 64
"""The most boxes among which a minimal cover is sought."""

_MOST_ENTRIES: Final = 1_000
"""The length of the longest list whose entries are compared one by one; of a longer one, its rule is the cover."""


class EntryPlace(RulePlace, frozen=True, eq=False):
    """A peer or a port entry of a rule."""

    entry: RemovablePart

    @property
    def path(self) -> str:
        """The field of the entry."""
        return self.entry.path


Cover = RulePlace | CompiledPolicy[Any]
"""A rule, or another entry of its own list, that decides what a redundant part decides, or a policy that isolates the
same pods.
"""


class RedundantPart(msgspec.Struct, frozen=True, eq=False):
    """A redundant part, and its covers.

    Without `covers`, `reason` says why it has no effect. `goes` says whether it can be removed together with those
    before it in the list that go: of two parts that cover each other, only one can. `is_covered` is false if a part of
    its effect is not covered but without effect for another reason: for example, another policy isolates the same pods,
    and the other end denies what its rules allow.
    """

    part: RemovablePart
    covers: tuple[Cover, ...]
    reason: str
    goes: bool
    is_covered: bool = True


class Redundancy(msgspec.Struct, frozen=True):
    """The redundant parts of some policies, and the undecided parts with the reason.

    `unread` names the policies of unsupported kinds: their effect is not taken into account.
    """

    parts: tuple[RedundantPart, ...]
    undecided: tuple[tuple[RemovablePart, str], ...]
    unread: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[RedundantPart]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def redundancy(policies: PolicySet, budget: Budget | None = None) -> Redundancy:
    """The redundant policies, rules, peers and port entries of a set of policies, in the order of the policies."""
    budget = budget or Budget((_STEPS_OF_ALL + _STEPS_OF_A_POLICY * len(policies.policies)) // policies.weight)
    return _Search(policies, budget).result()


class _Search:
    """Removes one part after another and compares the rest with the whole in the regions of the part."""

    def __init__(self, policies: PolicySet, budget: Budget) -> None:
        self._policies = policies
        self._meaning = policies.meaning
        self._removals = Removals(self._meaning)
        self._budget = budget
        self._steps_of_one = _STEPS_OF_ONE // policies.weight
        self._left = self._meaning
        """The meaning of what is left without the parts found so far that go. It is equivalent to the whole."""
        self._entries: dict[object, tuple[Entry, ...]] = {}
        self._rules: set[CompiledRule] = set()
        """The entries of each rule that go (`_entries`), and the rules that go."""
        self._needed: Box | None = None
        """Connections that need the last policy or rule that is not redundant."""
        self._parts: list[RedundantPart] = []
        self._undecided: list[tuple[RemovablePart, str]] = []

    def result(self) -> Redundancy:
        ask_about_parts(self._policies.policies, self._is_redundant)
        return Redundancy(tuple(self._parts), tuple(self._undecided), self._policies.unread)

    def _is_redundant(self, part: RemovablePart) -> bool:
        """Whether nothing changes without a part; if so, it is added to the result."""
        # Two bounds: one hard part must not use up the steps of all others.
        budget = Budget(min(self._budget.left, self._steps_of_one))
        before = budget.left
        try:
            budget.step(part.work)
            changed = self._removals.without(part.removal)
            # Compared with the whole first, and not with what is left: otherwise the order of the policies would
            # decide.
            needed = _difference(self._meaning, changed, _likely(part, self._needed), budget)
            if needed is not None:
                if part.entry is None:
                    self._needed = needed
                return False
            goes = self._may_go(part, budget)
            covers, whole = _covers(changed, part, budget)
        except Undecided as error:
            self._undecided.append((part, str(error)))
            return False
        finally:
            self._budget.left -= before - budget.left
        self._parts.append(RedundantPart(part, covers, "" if covers else _reason(part), goes, whole))
        return True

    def _may_go(self, part: RemovablePart, budget: Budget) -> bool:
        """Whether nothing changes if a part is removed together with all parts before it that go; then it goes, too."""
        removal: Removal | None = part.removal
        if part.entry is not None:
            entries = (*self._entries.get(part.rule, ()), part.entry)
            removal = without_entries(part, entries)
        # Without the last of the rules that imply a direction, the policy would no longer apply to the direction.
        if removal is None or keeps_direction(part, self._rules):
            return False
        left = self._removals.without(removal, self._left)
        if self._parts and _difference(self._left, left, [box for _, box in part.regions], budget) is not None:
            return False
        self._left = left
        if part.entry is not None:
            self._entries[part.rule] = entries
        elif part.rule is not None:
            self._rules.add(part.rule)
        return True


def _likely(part: RemovablePart, needed: Box | None) -> Iterator[Box]:
    """The regions of a part, and before them what of them the connections that need its policy or its rule have.

    Nearly every rule is needed by a connection that needs its policy, and every port entry by one between the same two
    ends. There a difference is found in half of the time, because few other rules match what so many labels are.
    """
    regions = [box for _, box in part.regions]
    if needed is not None and part.kind is not PartKind.POLICY:
        near = {axis: values for axis, values in needed.items() if not _is_of_list(axis, part)}
        yield from (both for box in regions if (both := intersection(box, near)) is not None)
    yield from regions


def _is_of_list(axis: Axis, part: RemovablePart) -> bool:
    """Whether the list of a peer or a port entry limits an axis: another entry is needed by connections that differ
    there.
    """
    if part.kind is PartKind.PEER:
        return is_about_end(axis, subject_role(part.direction).other)
    return part.kind is PartKind.PORT and is_about_port(axis)


def _difference(before: Meaning, after: Meaning, regions: Iterable[Box], budget: Budget) -> Box | None:
    """Connections about which the answer differs, the first that are found in some regions; None if there are none."""
    for box in regions:
        for mine, theirs in ((before, after), (after, before)):
            found = next(boxes_allowed_only_by(mine, theirs, budget, box), None)
            if found is not None:
                return found
    return None


# --- what covers a part -----------------------------------------------------------------------------------------------


def _covers(left: Meaning, part: RemovablePart, budget: Budget) -> tuple[tuple[Cover, ...], bool]:
    """The rules and policies, of those that are left, that do what a redundant part does, each once; whether all of it.

    An effect that is void only because of the other end is not covered.
    """
    found: dict[object, Cover] = {}
    whole = True
    for direction, box in part.regions:
        for covers in _covers_of(left.of(direction), direction, box, part, budget):
            whole = whole and bool(covers)
            for cover in covers:
                found.setdefault(written_part(cover), cover)
    return tuple(found.values()), whole


def written_part(cover: Cover) -> object:
    """The part of a policy that a cover is: an entry, a rule or the whole policy."""
    if isinstance(cover, EntryPlace):
        return cover.entry
    return cover.rule if isinstance(cover, RulePlace) else cover


def _covers_of(
    left: DirectionMeaning, direction: Direction, box: Box, part: RemovablePart, budget: Budget
) -> Iterator[list[Cover]]:
    """What covers each thing that a part does in a box."""
    if part.kind is not PartKind.POLICY:
        yield needed(box, _rules_over(left, box, part), budget)
        return
    if isinstance(part.policy.policy, NetworkPolicy):
        # A NetworkPolicy does two things: it isolates, and its rules allow. Both must be covered by others.
        yield needed(box, left.isolation.subjects.near(box), budget)
    for rule in part.policy.rules.get(direction, ()):
        for matched in rule_boxes(part.policy, direction, rule):
            yield needed(matched, _rules_over(left, matched, part), budget)


def _rules_over(left: DirectionMeaning, box: Box, part: RemovablePart) -> Iterator[tuple[Box, RulePlace]]:
    """The rules that may decide in a box in an earlier tier than a part, or in the same one.

    In place of the rest of its own rule, the other entries of its list are compared, to name the one that covers it.
    """
    own = part.rule if 0 < len(part.entries) <= _MOST_ENTRIES else None
    if own is not None:
        yield from _other_entries(part, own)
    indexes = [left.admin.rules, left.isolation.rules]
    if not isinstance(part.policy.policy, NetworkPolicy):
        indexes.append(left.baseline.rules)
    for index in indexes:
        yield from ((other, place) for other, place in index.near(box) if place.rule is not own)


def _other_entries(part: RemovablePart, rule: CompiledRule) -> Iterator[tuple[Box, RulePlace]]:
    """What the other entries of a list match, each as if its rule had only this one."""
    for entry in part.entries:
        if entry is not part:
            place = EntryPlace(part.policy, part.direction, rule, entry)
            yield from ((box, place) for _, box in entry.regions)


def needed(box: Box, candidates: Iterable[tuple[Box, Any]], whole: Budget | None = None) -> list[Any]:
    """The few of some boxes that cover another one together; none if they do not.

    The steps that this takes are taken from the `whole` budget. If they are too many, all boxes are named.
    """
    budget = Budget(_STEPS_OF_ONE if whole is None else whole.left)
    before = budget.left
    some: list[tuple[Box, Any]] = []
    work = steps_of(box)
    try:
        for other, what in candidates:
            budget.step(work)
            # Nearly always a single box covers it, and then nothing else need be looked at.
            if contains(other, box):
                return [what]
            if overlaps(other, box):
                some.append((other, what))
        some = some[:_MOST_COVERS]
        if not is_covered(box, [other for other, _ in some], budget.step):
            return []
        # Greedy: one after the other is left out if the rest still covers. This gives a minimal cover, if not the
        # smallest.
        for entry in list(some):
            fewer = [one for one in some if one is not entry]
            if is_covered(box, [other for other, _ in fewer], budget.step):
                some = fewer
    except Undecided:
        some = some[:_MOST_COVERS]
    finally:
        if whole is not None:
            whole.left -= before - budget.left
    return [what for _, what in some]


def _reason(part: RemovablePart) -> str:
    """Why a part without covers has no effect."""
    if not part.regions:
        return "it matches nothing: its selectors contradict each other, or name values that no label can have"
    return "no connection depends on it: other tiers or the other end decide the same traffic"
