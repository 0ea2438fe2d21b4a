"""The assumptions on which the connections of two clusters depend, and those that only one cluster makes.

Assumptions are compared as values, by content and by the workloads that they are about, and written as sentences
afterwards: one that says less than before is not new. An assumption about a workload that only one cluster has is not a
change: the workload itself was added or removed.
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
from ringfence.sets import bitsets
from ringfence.sets.addresses import Addresses, Family


def assumed(state: State, subjects: Sequence[Member] | None = None) -> ListAssumptions:
    """The assumptions about all connections of a cluster, or, with `subjects`, those that the policies of these pods
    make.
    """
    return list_assumptions(state) if subjects is None else subject_assumptions(state, subjects)


class SubjectsAssumed(NamedTuple):
    """The assumptions that the policies of some pods make, as sentences and as comparable `facts`.

    The facts of one state at two times can be compared while its pods keep their identities.
    """

    sentences: tuple[str, ...]
    facts: object


def assumed_of(state: State, subjects: Sequence[Member]) -> SubjectsAssumed:
    """The assumptions of the policies of some pods about the connections with all pods."""
    found = subject_assumptions(state, subjects)
    facts = found.general, found.doubts, found.labels, found.priorities, found.facts
    return SubjectsAssumed(found.sentences(), facts)


class ChangedAssumptions(NamedTuple):
    """All assumptions about the connections of both clusters, those that are new, and those that are no longer made.

    Only `all` includes what policies of unsupported kinds may do: `unread_changes` names those that differ.
    """

    all: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]

    def with_unchanged(self, sentences: Iterable[str]) -> "ChangedAssumptions":
        """The same, with more assumptions that both clusters make."""
        return self._replace(all=tuple(dict.fromkeys((*self.all, *sentences))))


NameOf = Callable[[Member], Reference | None]
"""Gives the workload of a pod; None if the other cluster does not have this workload."""


def common_names(before: State, after: State, renamed: Sequence[RenamedWorkload]) -> tuple[NameOf, NameOf]:
    """The present names of the workloads that two clusters have in common, by the pods of each."""
    present = {one.before: one.after for one in renamed}
    former = {pod: before.workload(pod) for pod in before.members()}
    old = {pod: present.get(name, name) for pod, name in former.items()}
    new = {pod: after.workload(pod) for pod in after.members()}
    common = {*old.values()} & {*new.values()}

    def name_in(names: dict[Member, Reference], pod: Member) -> Reference | None:
        return names[pod] if names[pod] in common else None

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
"""Addresses, with the workloads whose own addresses are assumed not to be among them."""


class _AssumingSide:
    """What one of the clusters assumes."""

    def __init__(self, found: ListAssumptions, name_of: NameOf) -> None:
        self._found = found
        self._name_of = name_of
        self._named: dict[_Groups, dict[Reference, list[Member]]] = {}
        self._lacking: dict[tuple[_Groups, _Groups], _Groups] = {}
        self._outside: dict[tuple[_Groups, _Families], _Covered] = {}

    def lacking_in(self, other: "_AssumingSide", *, if_none_left: bool = False) -> Iterator[str]:
        """The assumptions that only this side makes, as sentences.

        With `if_none_left`, an undefined order of several policies counts only if the other side assumes it for no two
        of them.
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
        """The labels of workloads that both clusters have, with the values that only policies of this side name."""
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
        """The pods of `groups` about which `assumption` is made on this side and not on the other."""
        theirs = other._found.matches.about
        if assumption.unordered:
            return frozenset() if other._has_order(assumption, of_two=if_none_left) else groups
        if assumption.of_several is None:  # about a namespace, and so about all its pods
            return frozenset() if assumption in theirs else groups
        if assumption.outside is None:
            return self._left(groups, other, theirs.get(assumption, frozenset()))
        # A wider block of the other side already says that the address is not in this one.
        known = other._taken_outside(self, groups, assumption.outside.families)
        mine = self._by_name(groups)
        left = mine.keys() - {
            name for addresses, names in known if not assumption.outside.addresses - addresses for name in names
        }
        pods = frozenset(pod for name in left for pod in mine[name])
        return frozenset((pods,)) if pods else frozenset()

    def _has_order(self, assumption: Assumption, *, of_two: bool) -> bool:
        """Whether this side assumes, too, that the order of the same policies is not defined; `of_two`: of any two of
        them.
        """
        known = [one.unordered for one in (*self._found.matches.about, *self._found.priorities) if one.unordered]
        if of_two:
            return any(len(assumption.unordered & one) > 1 for one in known)
        if any(assumption.unordered <= one for one in known):
            return True
        # The other side may name the same policies in several groups.
        return all(any({*pair} <= one for one in known) for pair in combinations(assumption.unordered, 2))

    def _taken_outside(self, asking: "_AssumingSide", groups: _Groups, families: _Families) -> _Covered:
        """The workloads in groups of the `asking` side, by the addresses that this side assumes not to be theirs."""
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
        """The pods of some groups whose workloads the other cluster has, but not among the groups `theirs`."""
        # Many assumptions are about the same groups of pods.
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
    """The assumptions of other policies about connections that the changed policies denied before, or deny now."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def counterpart_assumptions(view: ClusterView, changed: ChangedSides) -> _Counterparts:
    """The assumptions of unchanged policies about the workloads whose policies have changed.

    They matter only for a peer with which these workloads allow some traffic in one of the two clusters and none in the
    other. Which policies are assumed not to apply to hostNetwork pods does not depend on a peer and is among the other
    assumptions.
    """
    added: list[str] = []
    gone: list[str] = []
    for direction, classes in changed.items():
        other = direction.opposite
        for one in classes:
            peers = [pod for place in bitsets.members(one.members) for pod in view.identity(place).pods()]
            for found, matters in ((added, (False, True)), (gone, (True, False))):
                within = (extent for extent, values in one.cells if tuple(map(bool, values)) == matters)
                allowing = (view.members[place] for place in bitsets.members(reduce(or_, within, 0)))
                if subjects := [pod for pod in allowing if not pod.host_network]:
                    found += subject_matches(view.state, (other,), subjects, peers).matches.sentences()
    return _Counterparts(tuple(added), tuple(gone))
