"""Every allowed connection, by workload or by pod, with the addresses outside the cluster.

A workload is listed as one if no policy can tell its pods apart; otherwise its pods are listed one by one. Connections
of a pod to itself are always allowed and not listed. From a workload to itself are those between two different pods of
it, so one that can only have one pod has none. A node always reaches the pods on it; this is listed for single
pods only, because the pods of a workload may be on different nodes.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial, reduce
from operator import or_

import msgspec

from ringfence.analysis.lists.connection_filters import ALL_CONNECTIONS, ClusterPart, ConnectionFilter
from ringfence.analysis.lists.grouped_pods import PodGroup, pod_groups
from ringfence.engine.answers import (
    AssumedMatches,
    ConnectivityRow,
    ListedPairs,
    UndefinedOrder,
    allowed_addresses,
    connectivity_rows,
    exempt_addresses,
    is_exempt,
    list_matches,
    listed_host_assumptions,
    listed_node_assumptions,
    priorities_outside,
    priority_sentences,
    subject_matches,
    unknown_label_text,
    values_named,
)
from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class Connection(msgspec.Struct, frozen=True):
    """Traffic that is allowed from a source to a destination, of which one may be addresses outside the cluster.

    `is_partial` says that some of it is allowed for some of the pods of a namespace only.
    """

    source: Reference | Addresses
    destination: Reference | Addresses
    traffic: Traffic
    is_partial: bool = False

    @property
    def traffic_text(self) -> str:
        """The traffic, and whether it is allowed for some pods only: `TCP 80,443, partly`."""
        return f"{self.traffic}, partly" if self.is_partial else str(self.traffic)

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination}: {self.traffic_text}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class ConnectionRow(msgspec.Struct, frozen=True):
    """What is allowed from a source to each of the `destinations` of a list, and None where nothing is."""

    source: Reference
    destinations: Sequence[Reference]
    traffic: Sequence[Traffic | None]

    def __iter__(self) -> Iterator[Connection]:
        """The connections, in the order of the destinations."""
        for destination, traffic in zip(self.destinations, self.traffic, strict=True):
            if traffic is not None:
                yield Connection(self.source, destination, traffic)


def connections(
    state: State, wanted: ConnectionFilter = ALL_CONNECTIONS, *, pods: bool = False
) -> Iterator[Connection]:
    """Every allowed connection that is wanted, streamed in alphabetical order of sources, then destinations.

    Addresses outside the cluster come after pods and workloads. A few rows of the connectivity are held at a time.
    """
    for one in connection_rows(state, wanted, pods=pods):
        if isinstance(one, ConnectionRow):
            yield from one
        else:
            yield one


def connection_rows(
    state: State, wanted: ConnectionFilter = ALL_CONNECTIONS, *, pods: bool = False
) -> Iterator[ConnectionRow | Connection]:
    """The same as `connections`, with all that one source opens to others of the cluster at once."""
    sources = pod_groups(state, wanted.sources, wanted.part, pods=pods)
    destinations = pod_groups(state, wanted.destinations, wanted.part, pods=pods)
    reached = _Reached(state, destinations)
    rows = connectivity_rows(state, (source.identity for source in sources))
    for source, (_, row) in zip(sources, rows, strict=True):
        yield ConnectionRow(source.reference, reached.references, reached.by(source, row))
        if source.in_part:
            outgoing = allowed_addresses(state, source.identity, Direction.EGRESS)
            outgoing = _with_own_node(state, source, Direction.EGRESS, outgoing)
            for outside, traffic in wanted.destinations.parts(outgoing):
                yield Connection(source.reference, outside, traffic)
    for destination in destinations:
        if destination.in_part:
            incoming = allowed_addresses(state, destination.identity, Direction.INGRESS)
            incoming = _with_own_node(state, destination, Direction.INGRESS, incoming)
            for outside, traffic in wanted.sources.parts(incoming):
                if passing := traffic & destination.asked:
                    yield Connection(outside, destination.reference, passing)


class ListAssumptions(msgspec.Struct, frozen=True):
    """What a list of connections assumes: `matches` are about the pods that the peers of rules match.

    Of a list about subjects, `facts` are equal at two moments if no policy of theirs assumes anything else of any peer.
    """

    general: tuple[str, ...]
    matches: AssumedMatches
    priorities: tuple[str, ...]
    facts: frozenset[object] = frozenset()

    def sentences(self) -> tuple[str, ...]:
        """What is assumed, in words, each once."""
        return tuple(dict.fromkeys((*self.general, *self.matches.sentences(), *self.priorities)))


def connection_assumptions(
    state: State, namespace: str | None = None, wanted: ConnectionFilter | None = None
) -> tuple[str, ...]:
    """What a list of connections assumes: which policies are not read that may select its pods, which labels that
    policies name have an unknown value, what holds between pods and their nodes, and whom the peers of rules match.

    With a `namespace`, only what is about the pods of this namespace. What is assumed about the peers of rules is that
    of the connections that are `wanted`; by default, of all with an end in the namespace.
    """
    return list_assumptions(state, namespace, wanted).sentences()


def list_assumptions(
    state: State, namespace: str | None = None, wanted: ConnectionFilter | None = None
) -> ListAssumptions:
    """What a list of connections assumes, as values: as `connection_assumptions`."""
    pods = list(state.members() if namespace is None else state.members_in(namespace))
    doubts = (doubt_text(policy, direction) for policy, direction in state.doubts.selecting_any(pods))
    listed = wanted or ConnectionFilter(part=ClusterPart(namespace))
    nodes = (
        *listed_node_assumptions(state, pods, listed.destinations.reach),
        *listed_host_assumptions(state, pods),
    )
    return ListAssumptions(
        (*_limits(state), *doubts, *_unknown_labels(state, pods), *nodes),
        list_matches(state, _pairs(state, listed), _asked(state, listed)),
        tuple(priority_sentences(_priorities_outside(state, listed))),
    )


def subject_assumptions(state: State, subjects: Sequence[Member]) -> ListAssumptions:
    """What is assumed of all connections of some pods by the policies that select them, apart from those of the peers.

    Labels with an unknown value are those of all pods: whichever has it may be a peer.
    """
    everyone = list(state.members())
    doubts = (doubt_text(policy, direction) for policy, direction in state.doubts.selecting_any(subjects))
    nodes = listed_node_assumptions(state, subjects)
    outside = priority_sentences(
        order
        for direction in Direction
        for order in priorities_outside(state, subjects, direction, ALL_ADDRESSES, ALL_TRAFFIC)
    )
    found = subject_matches(state, Direction, subjects, everyone)
    return ListAssumptions(
        (*_limits(state), *doubts, *_unknown_labels(state, everyone), *nodes),
        found.matches,
        tuple(outside),
        found.facts,
    )


def _limits(state: State) -> Iterator[str]:
    if only := state.only_namespace:
        yield f"only namespace {only} could be read: connections with pods of others are not listed"


def _unknown_labels(state: State, pods: Iterable[Member]) -> Iterator[str]:
    """What is assumed of the labels of pods whose values are not known and that policies name."""
    named = cache(partial(values_named, state))
    for pod in pods:
        for label in pod.unknown_labels:
            if (values := named(label)) and not pod.host_network:
                yield unknown_label_text(pod, label, values)


def _pairs(state: State, wanted: ConnectionFilter) -> Iterator[ListedPairs]:
    """The pairs of pods that a list is about: those of which one is in its part of the cluster."""
    sources, destinations = (
        list(state.members() if side.pods is None else side.pods) for side in (wanted.sources, wanted.destinations)
    )
    if wanted.part.is_whole:
        yield sources, destinations
        return
    yield [pod for pod in sources if wanted.part.contains(pod)], destinations
    yield sources, [pod for pod in destinations if wanted.part.contains(pod)]


def _priorities_outside(state: State, wanted: ConnectionFilter) -> Iterator[UndefinedOrder]:
    """The policies with the same priority whose order is assumed, about the addresses outside the cluster of a list."""
    asked = _asked(state, wanted)
    for direction, side, other in (
        (Direction.EGRESS, wanted.sources, wanted.destinations),
        (Direction.INGRESS, wanted.destinations, wanted.sources),
    ):
        pods = state.members() if side.pods is None else side.pods
        subjects = [pod for pod in pods if wanted.part.contains(pod)]
        yield from priorities_outside(state, subjects, direction, other.reach, asked)


def _asked(state: State, wanted: ConnectionFilter) -> Traffic:
    """The traffic that a list is about at any of its destinations."""
    if wanted.destinations.pods is None and wanted.destinations.ports.is_everything:
        return ALL_TRAFFIC
    pods = state.members() if wanted.destinations.pods is None else wanted.destinations.pods
    return reduce(or_, {wanted.destinations.asked(pod) for pod in pods}, NO_TRAFFIC)


def _with_own_node(
    state: State, group: PodGroup, direction: Direction, allowed: Partition[Addresses, Traffic]
) -> Partition[Addresses, Traffic]:
    """The traffic that a group may have with outside addresses: all traffic from the node of a single pod."""
    node = exempt_addresses(state, group.pod, direction) if group.pod else NO_ADDRESSES
    if not node:
        return allowed
    without_node = [(addresses - node, traffic) for addresses, traffic in allowed]
    others = [(addresses, traffic) for addresses, traffic in without_node if addresses]
    return merged([*others, (node, ALL_TRAFFIC)])


class _Reached:
    """The destinations of a list, in their order, by their identities."""

    def __init__(self, state: State, destinations: Sequence[PodGroup]) -> None:
        self.references = [one.reference for one in destinations]
        self._state = state
        self._destinations = destinations
        self._special = [place for place, one in enumerate(destinations) if one.asked != ALL_TRAFFIC or not one.in_part]
        self._pods = {one.pod: place for place, one in enumerate(destinations) if one.pod and not one.is_several}
        # Most identities are those of one group: its place is found by position, and of the others it is copied.
        first: dict[int, int] = {}
        self._copies = []
        for place, one in enumerate(destinations):
            if (known := first.setdefault(one.identity.bit, place)) != place:
                self._copies.append((place, known))
        self._nowhere = len(destinations)
        self._places = [first.get(bit, self._nowhere) for bit in range(max(first, default=-1) + 1)]

    def by(self, source: PodGroup, row: ConnectivityRow) -> list[Traffic | None]:
        """What of the asked traffic passes from a source to each destination; None for nothing, and for itself."""
        passing: list[Traffic | None] = [None] * (self._nowhere + 1)
        for peers, traffic in row:
            if traffic:
                for place in bitsets.selected(self._places, peers):
                    passing[place] = traffic
        passing.pop()
        for place, known in self._copies:
            passing[place] = passing[known]
        for place in self._exempt(source):
            passing[place] = ALL_TRAFFIC
        for place in self._special:
            destination = self._destinations[place]
            allowed = passing[place]
            if allowed is not None:
                is_listed = source.in_part or destination.in_part
                passing[place] = (allowed & destination.asked or None) if is_listed else None
        if source.pod in self._pods:
            passing[self._pods[source.pod]] = None
        return passing

    def _exempt(self, source: PodGroup) -> Iterator[int]:
        """The pods that a pod reaches whatever policies say, because one of both is the node of the other."""
        may_be = source.pod and (source.pod.host_network or self._state.traits.own_node is OwnNode.ALWAYS)
        if source.pod is None or not may_be:
            return
        for place, group in enumerate(self._destinations):
            if group.pod and is_exempt(self._state, source.pod, group.pod):
                yield place
