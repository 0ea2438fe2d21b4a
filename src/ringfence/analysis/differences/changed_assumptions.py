"""What the connections of two clusters depend on that is not known, and which of these assumptions only one makes.

Assumptions are compared as values, by what they say and about which workloads, and written as sentences afterwards: one
that says less than before is not new. What is assumed of a workload that only one of the clusters has is not a change:
the workload itself was added or removed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import combinations
from operator import or_
from typing import NamedTuple

from ringfence.analysis.differences.changed_connections import ChangedSides
from ringfence.analysis.differences.matched_workloads import ClusterView, RenamedWorkload
from ringfence.analysis.lists import ListAssumptions, list_assumptions, subject_assumptions
from ringfence.engine.answers import AssumedLabel, AssumedMatches, subject_matches
from ringfence.engine.policies import Assumption
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import Addresses, Family


def assumed(state: State, subjects: Sequence[Member] | None = None) -> ListAssumptions:
    """What the connections of a cluster depend on, or what the policies of some pods make them depend on."""
    return list_assumptions(state) if subjects is None else subject_assumptions(state, subjects)


class SubjectsAssumed(NamedTuple):
    """What the policies of some pods assume, and `facts` that are equal before and after if nothing of it has changed.

    They are compared of one state at two times, while its pods have the same identities.
    """

    sentences: tuple[str, ...]
    facts: object


def assumed_of(state: State, subjects: Sequence[Member]) -> SubjectsAssumed:
    """What the policies of some pods assume about their connections with all pods."""
    found = subject_assumptions(state, subjects)
    facts = found.general, found.doubts, found.labels, found.priorities, found.facts
    return SubjectsAssumed(found.sentences(), facts)


class ChangedAssumptions(NamedTuple):
    """All assumptions about the connections of both clusters, those that are new, and those that are no longer made.

    What policies that are not read may do is among all only: `unread_changes` names those that differ.
    """

    all: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]

    def with_unchanged(self, sentences: Iterable[str]) -> "ChangedAssumptions":
        """The same with some that are made before and after."""
        return self._replace(all=tuple(dict.fromkeys((*self.all, *sentences))))


NameOf = Callable[[Member], Reference | None]
"""Gives the workload of a pod, or None if the other cluster does not have it."""


def common_names(before: State, after: State, renamed: Sequence[RenamedWorkload]) -> tuple[NameOf, NameOf]:
    """The present names of the workloads that two clusters have in common, by the pods of each."""
    present = {one.before: one.after for one in renamed}
    old = {pod: present.get(name := before.workload(pod), name) for pod in before.members()}
    new = {pod: after.workload(pod) for pod in after.members()}
    common = {*old.values()} & {*new.values()}

    def name_in(names: dict[Member, Reference], pod: Member) -> Reference | None:
        return name if (name := names[pod]) in common else None

    return lambda pod: name_in(old, pod), lambda pod: name_in(new, pod)


def changed_assumptions(
    before: ListAssumptions, after: ListAssumptions, names: tuple[NameOf, NameOf]
) -> ChangedAssumptions:
    """How the assumptions of one cluster differ from those of another; `names` are those of its workloads."""
    old, new = (_AssumingSide(one, name) for one, name in zip((before, after), names, strict=True))
    every = tuple(dict.fromkeys((*after.sentences(), *before.sentences())))
    return ChangedAssumptions(every, tuple(new.lacking_in(old)), tuple(old.lacking_in(new, if_none_left=True)))


_Groups = frozenset[frozenset[Member]]
_Families = tuple[Family, ...]
_Covered = list[tuple[Addresses, set[Reference]]]
"""Workloads, by the addresses of which theirs are taken to be none."""


class _AssumingSide:
    """What one of the clusters assumes."""

    def __init__(self, found: ListAssumptions, name_of: NameOf) -> None:
        self._found = found
        self._name_of = name_of
        self._named: dict[_Groups, dict[Reference, list[Member]]] = {}
        self._lacking: dict[tuple[_Groups, _Groups], _Groups] = {}
        self._outside: dict[tuple[_Groups, _Families], _Covered] = {}

    def lacking_in(self, other: "_AssumingSide", *, if_none_left: bool = False) -> Iterator[str]:
        """What is assumed here and not there, in words.

        With `if_none_left`, that the order of many policies is not defined only if it is so for no two of them there.
        """
        yield from (text for text in self._found.general if text not in other._found.general)
        yield from map(str, self._labels_lacking_in(other))
        theirs = other._found.matches
        matches = self._found.matches
        about = {
            assumption: left
            for assumption, groups in matches.about.items()
            if (left := self._pods_lacking_in(other, assumption, groups, if_none_left=if_none_left))
        }
        unapplied = {
            policy: frozenset(host for group in left for host in group)
            for policy, hosts in matches.unapplied.items()
            if (left := self._left(frozenset((hosts,)), other, frozenset((theirs.unapplied.get(policy, frozenset()),))))
        }
        yield from AssumedMatches(about, unapplied).sentences()
        yield from (str(one) for one in self._found.priorities if not other._has_order(one, of_two=if_none_left))

    def _labels_lacking_in(self, other: "_AssumingSide") -> Iterator[AssumedLabel]:
        """The labels of workloads that both have, with the values that only policies of this side name."""
        known: defaultdict[tuple[Reference | None, str], set[str]] = defaultdict(set)
        for one in other._found.labels:
            known[other._name_of(one.pod), one.label.key].update(one.values)
        for one in self._found.labels:
            name = self._name_of(one.pod)
            values = tuple(value for value in one.values if value not in known[name, one.label.key])
            if name is not None and values:
                yield AssumedLabel(one.pod, one.label, values)

    def _pods_lacking_in(
        self, other: "_AssumingSide", assumption: Assumption, groups: _Groups, *, if_none_left: bool
    ) -> _Groups:
        """Of the pods in some groups, about which something is assumed here, those about which it is not there."""
        theirs = other._found.matches.about
        if assumption.unordered:
            return frozenset() if other._has_order(assumption, of_two=if_none_left) else groups
        if assumption.of_several is None:  # about a namespace, and so about all its pods
            return frozenset() if assumption in theirs else groups
        if assumption.outside is None:
            return self._left(groups, other, theirs.get(assumption, frozenset()))
        known = other._taken_outside(self, groups, assumption.outside.families)
        mine = self._by_name(groups)
        left = mine.keys() - {
            name for addresses, names in known if not assumption.outside.addresses - addresses for name in names
        }
        pods = frozenset(pod for name in left for pod in mine[name])
        return frozenset((pods,)) if pods else frozenset()

    def _has_order(self, assumption: Assumption, *, of_two: bool) -> bool:
        """Whether the order of all policies that an assumption is about, or `of_two` of them, is assumed here, too."""
        known = [one.unordered for one in (*self._found.matches.about, *self._found.priorities) if one.unordered]
        if of_two:
            return any(len(assumption.unordered & one) > 1 for one in known)
        if any(assumption.unordered <= one for one in known):
            return True
        return all(any({*pair} <= one for one in known) for pair in combinations(assumption.unordered, 2))

    def _taken_outside(self, asking: "_AssumingSide", groups: _Groups, families: _Families) -> _Covered:
        """The workloads in groups of the other side, by the addresses of which theirs are taken to be none here."""
        key = groups, families
        if key not in self._outside:
            by_groups: defaultdict[_Groups, list[Addresses]] = defaultdict(list)
            for one, pods in self._found.matches.about.items():
                if one.outside is not None and one.outside.families == families:
                    by_groups[pods].append(one.outside.addresses)
            known: Mapping[_Groups, Addresses] = {one: Addresses.union_of(some) for one, some in by_groups.items()}
            alike: defaultdict[tuple[_Groups, ...], set[Reference]] = defaultdict(set)
            for name in asking._by_name(groups):
                alike[tuple(one for one in known if name in self._by_name(one))].add(name)
            self._outside[key] = [
                (Addresses.union_of(map(known.__getitem__, some)), names) for some, names in alike.items() if some
            ]
        return self._outside[key]

    def _left(self, groups: _Groups, other: "_AssumingSide", theirs: _Groups) -> _Groups:
        """The pods in some groups whose workloads the other cluster has, but not in its groups."""
        # The same pods are in one fact after another.
        key = groups, theirs
        if key not in self._lacking:
            mine, known = self._by_name(groups), other._by_name(theirs)
            left = [pod for name, pods in mine.items() if name not in known for pod in pods]
            self._lacking[key] = frozenset((frozenset(left),)) if left else frozenset()
        return self._lacking[key]

    def _by_name(self, groups: _Groups) -> dict[Reference, list[Member]]:
        """The pods in some groups by their workloads."""
        if groups not in self._named:
            found: dict[Reference, list[Member]] = {}
            for pod in frozenset[Member]().union(*groups):
                if (name := self._name_of(pod)) is not None:
                    found.setdefault(name, []).append(pod)
            self._named[groups] = found
        return self._named[groups]


class _Counterparts(NamedTuple):
    """What the policies of others assume about connections that the changed policies used to deny, or now deny."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def counterpart_assumptions(view: ClusterView, changed: ChangedSides) -> _Counterparts:
    """What policies that have not changed assume about the workloads whose policies have.

    It matters only where these allow some traffic with a peer in one of the two clusters, and none in the other. Which
    policies are taken not to apply to hostNetwork pods depends on no peer: that is among the other assumptions.
    """
    added: list[str] = []
    gone: list[str] = []
    for direction, classes in changed.items():
        other = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
        for one in classes:
            peers = [pod for place in bitsets.members(one.members) for pod in view.identity(place).pods()]
            for found, matters in ((added, (False, True)), (gone, (True, False))):
                within = (extent for extent, values in one.cells if tuple(map(bool, values)) == matters)
                allowing = (view.members[place] for place in bitsets.members(reduce(or_, within, 0)))
                if subjects := [pod for pod in allowing if not pod.host_network]:
                    found += subject_matches(view.state, (other,), subjects, peers).matches.sentences()
    return _Counterparts(tuple(added), tuple(gone))
