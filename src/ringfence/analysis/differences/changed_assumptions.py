"""What the connections of two clusters depend on that is not known, and which of these assumptions only one makes.

Assumptions about pods are compared pod by pod, by their workloads, and written as sentences afterwards. What is assumed
of a workload that only one of the clusters has is not a change: the workload itself was added or removed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from ringfence.analysis.differences.changed_connections import ChangedSides
from ringfence.analysis.differences.matched_workloads import ClusterView, RenamedWorkload
from ringfence.analysis.lists import ListAssumptions, list_assumptions, subject_assumptions
from ringfence.engine.answers import AssumedMatches, subject_matches
from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets


class Assumed(NamedTuple):
    """What the connections of a cluster depend on, and what of that is about policies that are not read."""

    found: ListAssumptions
    doubts: frozenset[str]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is assumed, in words."""
        return self.found.sentences()


def assumed(state: State, subjects: Sequence[Member] | None = None) -> Assumed:
    """What the connections of a cluster depend on, or what the policies of some pods make them depend on."""
    found = list_assumptions(state) if subjects is None else subject_assumptions(state, subjects)
    return Assumed(found, frozenset(_doubts(state)))


class SubjectsAssumed(NamedTuple):
    """What the policies of some pods assume, and `facts` that are equal before and after if nothing of it has changed.

    They are compared of one state at two times, while its pods have the same identities.
    """

    sentences: tuple[str, ...]
    facts: object


def assumed_of(state: State, subjects: Sequence[Member]) -> SubjectsAssumed:
    """What the policies of some pods assume about their connections with all pods."""
    found = subject_assumptions(state, subjects)
    return SubjectsAssumed(found.sentences(), (found.general, found.priorities, found.facts))


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


def changed_assumptions(before: Assumed, after: Assumed, names: tuple[NameOf, NameOf]) -> ChangedAssumptions:
    """How the assumptions of one cluster differ from those of another; `names` are those of its workloads."""
    doubts = before.doubts | after.doubts
    old, new = (_AssumingSide(one, name, doubts) for one, name in zip((before, after), names, strict=True))
    every = tuple(dict.fromkeys((*after.sentences, *before.sentences)))
    return ChangedAssumptions(every, tuple(new.lacking_in(old)), tuple(old.lacking_in(new)))


_Groups = frozenset[frozenset[Member]]


class _AssumingSide:
    """What one of the clusters assumes."""

    def __init__(self, found: Assumed, name_of: NameOf, doubts: frozenset[str]) -> None:
        self._sentences = [*found.found.general, *found.found.priorities]
        self._matches = found.found.matches
        self._name_of = name_of
        self._doubts = doubts
        self._named: dict[_Groups, dict[Reference, list[Member]]] = {}
        self._lacking: dict[tuple[_Groups, _Groups], _Groups] = {}

    def lacking_in(self, other: "_AssumingSide") -> Iterator[str]:
        """What is assumed here and not there, in words."""
        yield from (text for text in self._sentences if text not in other._sentences and text not in self._doubts)
        theirs = other._matches
        about = {
            fact: left
            for fact, groups in self._matches.about.items()
            if fact not in theirs.about or fact.of_several is not None
            if (left := self._left(groups, other, theirs.about.get(fact, frozenset())))
        }
        unapplied = {
            policy: frozenset(host for group in left for host in group)
            for policy, hosts in self._matches.unapplied.items()
            if (left := self._left(frozenset((hosts,)), other, frozenset((theirs.unapplied.get(policy, frozenset()),))))
        }
        yield from AssumedMatches(about, unapplied).sentences()

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


def _doubts(state: State) -> Iterator[str]:
    for policy in state.doubts:
        for direction in policy.directions():
            yield doubt_text(policy, direction)
