"""The workloads that two clusters have in common, matched by namespace, kind and name, or else by their pods' labels.

Only these can be compared. A workload of only one cluster was added or removed, with all its connections.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.analysis.lists import PodGroup, pod_groups
from ringfence.engine.answers import is_exempt
from ringfence.engine.policies import Profile, Stack
from ringfence.engine.population import Identity, Member, Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

_NOTHING: Final[Bitset] = 0
_NONE_CHANGED: Final[Mapping[Any, Any]] = {}


class Matched(msgspec.Struct, frozen=True):
    """A workload, or a pod, that is in both clusters; `reference` is its present name."""

    reference: Reference
    before: PodGroup
    after: PodGroup

    @property
    def is_several(self) -> bool:
        """Whether it has two different pods in both clusters, between which something may pass."""
        return self.before.is_several and self.after.is_several


class RenamedWorkload(NamedTuple):
    """A workload with its former and its present name: its pods, and no others, have the same labels."""

    before: Reference
    after: Reference


class MatchedWorkloads(msgspec.Struct, frozen=True):
    """The workloads of both clusters in alphabetical order, and those that are only in one of them."""

    common: tuple[Matched, ...]
    removed: tuple[Reference, ...]
    added: tuple[Reference, ...]
    renamed: tuple[RenamedWorkload, ...] = ()


class FormerPolicies(NamedTuple):
    """The policies that selected an identity for a direction: those of all tiers, and those up to the last that
    decides.
    """

    profiles: tuple[Profile, ...]
    stack: Stack


class ClusterView:
    """One of the two clusters; it translates sets of identities to sets of matched workloads and back.

    A workload is denoted by its index in `groups`. Both clusters can be one state at two times. The view of the earlier
    one then gets the `former` policies, by the bit of the identity and the direction; those of all other identities
    have not changed.
    """

    def __init__(
        self,
        state: State,
        groups: Sequence[PodGroup],
        former: Mapping[tuple[int, Direction], FormerPolicies] = _NONE_CHANGED,
    ) -> None:
        self.state = state
        self.groups = groups
        self.policies = tuple(state.tiers.policies())
        self.members = [group.pod or next(group.identity.pods()) for group in groups]
        self._former = former
        self._bits = [group.identity.bit for group in groups]
        self._width = max(self._bits, default=0) + 1
        self._known: dict[Bitset, Bitset] = {}

    def with_groups(
        self, groups: Iterable[PodGroup], former: Mapping[tuple[int, Direction], FormerPolicies] = _NONE_CHANGED
    ) -> "ClusterView":
        """The same cluster at the same time, with more groups of pods after the others."""
        view = ClusterView(self.state, (*self.groups, *groups), {**self._former, **former})
        view.policies = self.policies
        return view

    def stack(self, workload: int, direction: Direction) -> Stack:
        """The policies that decide about the pods of a workload, in order."""
        former = self._former.get((self._bits[workload], direction))
        return former.stack if former else self.state.tiers.stack(self.identity(workload), direction)

    def profiles(self, workload: int, direction: Direction) -> tuple[Profile, ...]:
        """The policies that select the pods of a workload in all tiers, whether or not an earlier one decides."""
        former = self._former.get((self._bits[workload], direction))
        return former.profiles if former else tuple(self.state.tiers.profiles(self.identity(workload), direction))

    def identity(self, workload: int) -> Identity:
        """The identity of the pods of a workload."""
        return self.groups[workload].identity

    def workloads(self, identities: Bitset) -> Bitset:
        """The workloads whose pods have one of some identities.

        `itemgetter` picks the binary digits of all workloads in one call: a Python step for each workload would take
        most of the time of a comparison.
        """
        found = self._known.get(identities)
        if found is None:
            found = self._known[identities] = self._workloads(identities)
        return found

    def identities(self, workloads: Bitset) -> Bitset:
        """The identities of the pods of some workloads."""
        return bitsets.of({self._bits[workload] for workload in bitsets.members(workloads)})

    def _workloads(self, identities: Bitset) -> Bitset:
        if not self._bits or not identities:
            return _NOTHING
        digits = format(identities, f"0{self._width}b")[::-1]
        picked = itemgetter(*self._bits)(digits)
        return int("".join(reversed(picked)), 2)


def former_policies(state: State, identities: Iterable[Identity]) -> Mapping[tuple[int, Direction], FormerPolicies]:
    """The policies that select some identities at present, for a view that is used after these have changed."""
    return {
        (one.bit, direction): FormerPolicies(
            tuple(state.tiers.profiles(one, direction)), state.tiers.stack(one, direction)
        )
        for one in identities
        for direction in Direction
    }


def match_alone(state: State) -> MatchedWorkloads:
    """The workloads of two clusters that have the same pods and differ in policies only."""
    return MatchedWorkloads(tuple(Matched(one.reference, one, one) for one in pod_groups(state)), (), ())


def match(before: State, after: State) -> MatchedWorkloads:
    """The workloads of two clusters.

    A workload whose pods are not all alike in one of the clusters is compared pod by pod in both.
    """
    listed = pod_groups(before), pod_groups(after)
    # If policies tell the pods of a workload apart in one cluster, the workload as a whole has no counterpart there.
    divided = _divided(before, listed[0]) | _divided(after, listed[1])
    old, new = _groups(before, listed[0], divided), _groups(after, listed[1], divided)
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    renamed = _renamed(_by_labels(before, map(old.__getitem__, gone)), _by_labels(after, map(new.__getitem__, come)))
    common = [Matched(one, old[one], new[one]) for one in old.keys() & new.keys()]
    common += [Matched(one.after, old[one.before], new[one.after]) for one in renamed]
    return MatchedWorkloads(
        tuple(sorted(common, key=lambda one: one.reference)),
        tuple(sorted(gone - {one.before for one in renamed})),
        tuple(sorted(come - {one.after for one in renamed})),
        renamed,
    )


_ByLabels = Mapping[tuple[str, frozenset[tuple[str, str]]], Sequence[Reference]]
"""Workloads by their namespace and the labels of their pods."""


def _by_labels(state: State, groups: Iterable[PodGroup]) -> _ByLabels:
    """Workloads by namespace and labels, to recognize renamed ones; without single pods and pods without labels."""
    found: defaultdict[tuple[str, frozenset[tuple[str, str]]], list[Reference]] = defaultdict(list)
    for group in groups:
        pods = [group.pod] if group.pod else group.identity.pods()
        # The pods of an identity may be of several workloads, whose other labels are not the same.
        labels = next(pod.labels for pod in pods if state.workload(pod) == group.reference or pod is group.pod)
        # Pods without labels would all look like renamed ones.
        if group.reference.kind != "Pod" and labels:
            found[group.reference.namespace, frozenset(labels.items())].append(group.reference)
    return found


def _renamed(before: _ByLabels, after: _ByLabels) -> tuple[RenamedWorkload, ...]:
    """The pairs of a removed and an added workload that are the only ones with their namespace and labels."""
    pairs = ((before[key], after[key]) for key in before.keys() & after.keys())
    return tuple(sorted(RenamedWorkload(*old, *new) for old, new in pairs if len(old) == len(new) == 1))


def _divided(state: State, groups: Iterable[PodGroup]) -> set[Reference]:
    """The workloads whose pods some policy distinguishes."""
    alone = [group for group in groups if group.pod]
    return {workload for group in alone if (workload := _workload(state, group)) != group.reference}


def _groups(state: State, groups: Iterable[PodGroup], divided: set[Reference]) -> Mapping[Reference, PodGroup]:
    """The groups by name; those of `divided` workloads pod by pod."""
    found = {group.reference: group for group in groups if _workload(state, group) not in divided}
    if divided:
        single = pod_groups(state, pods=True)
        found |= {group.reference: group for group in single if _workload(state, group) in divided}
    return found


def _workload(state: State, group: PodGroup) -> Reference:
    return state.workload(group.pod) if group.pod else group.reference


def exempt_destinations(view: ClusterView, source: int, on_nodes: Mapping[str, Bitset]) -> Bitset:
    """The workloads that a pod reaches regardless of policies, because one end is the node of the other."""
    pod, traits = view.groups[source].pod, view.state.traits
    if pod is None or not (pod.host_network or traits.own_node is OwnNode.ALWAYS):
        return _NOTHING
    neighbours = on_nodes.get(pod.node, _NOTHING)
    if pod.host_network and traits.node_reaches_own_pods:
        return neighbours
    found = (place for place in bitsets.members(neighbours) if _is_exempt(view, pod, place))
    return bitsets.of(found)


def _is_exempt(view: ClusterView, pod: Member, place: int) -> bool:
    neighbour = view.groups[place].pod
    return neighbour is not None and is_exempt(view.state, pod, neighbour)


def pods_by_node(view: ClusterView) -> dict[str, Bitset]:
    """The single pods that run on each node, as a set of workloads."""
    found: dict[str, Bitset] = {}
    for place, pod in _single_pods(view):
        if pod.node:
            found[pod.node] = found.get(pod.node, _NOTHING) | 1 << place
    return found


def _single_pods(view: ClusterView) -> Iterator[tuple[int, Member]]:
    return ((place, group.pod) for place, group in enumerate(view.groups) if group.pod)
