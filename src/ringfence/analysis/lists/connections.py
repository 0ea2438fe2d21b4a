"""Every allowed connection, by workload or by pod, with the addresses outside the cluster.

A workload is one entry if no policy distinguishes its pods; otherwise its pods are listed one by one. Connections of a
pod to itself are always allowed and not listed. A connection from a workload to itself is between two different pods of
it, so a workload that can only have one pod has none. A node always reaches the pods that run on it; this is listed for
single pods only, because the pods of a workload may run on different nodes.
"""

from collections.abc import Iterator, Sequence

import msgspec

from ringfence.analysis.lists.connection_filters import ALL_CONNECTIONS, ConnectionFilter
from ringfence.analysis.lists.grouped_pods import PodGroup, pod_groups
from ringfence.engine.answers import (
    ConnectivityRow,
    allowed_addresses,
    connectivity_rows,
    exempt_addresses,
    is_exempt,
)
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.plugins import OwnNode
from ringfence.sets import bitsets
from ringfence.sets.addresses import NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, merged
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


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
    """The traffic allowed from a source to each of the `destinations` of a list; None where there is none."""

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
    """Every allowed connection that the filter selects, streamed in alphabetical order of sources, then destinations.

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
    """The same as `connections`, but one row has all connections of a source inside the cluster."""
    sources = pod_groups(state, wanted.sources, wanted.part, pods=pods)
    destinations = pod_groups(state, wanted.destinations, wanted.part, pods=pods)
    reached = _Reached(state, destinations)
    # A generator: the rows of all sources together would not fit into memory for a large cluster.
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


def _with_own_node(
    state: State, group: PodGroup, direction: Direction, allowed: Partition[Addresses, Traffic]
) -> Partition[Addresses, Traffic]:
    """The traffic of a group with outside addresses, with all traffic of the node of a single pod added."""
    node = exempt_addresses(state, group.pod, direction) if group.pod else NO_ADDRESSES
    if not node:
        return allowed
    # The node's addresses are taken out of the partition first, because in it no address may be twice.
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
        # Most identities belong to one group, whose place `selected` finds by position. Further groups copy its value.
        first: dict[int, int] = {}
        self._copies = []
        for place, one in enumerate(destinations):
            if (known := first.setdefault(one.identity.bit, place)) != place:
                self._copies.append((place, known))
        # A place behind the last one, for identities that the list has no destination of. It is dropped at the end.
        self._nowhere = len(destinations)
        self._places = [first.get(bit, self._nowhere) for bit in range(max(first, default=-1) + 1)]

    def by(self, source: PodGroup, row: ConnectivityRow) -> list[Traffic | None]:
        """The part of the asked traffic allowed from a source to each destination; None for none, and for itself."""
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
        # Most lists have none of these, so the loop over all destinations stays free of tests.
        for place in self._special:
            destination = self._destinations[place]
            allowed = passing[place]
            if allowed is not None:
                is_listed = source.in_part or destination.in_part
                passing[place] = (allowed & destination.asked or None) if is_listed else None
        # A pod reaches itself whatever policies say, so it would be a row that says nothing.
        if source.pod in self._pods:
            passing[self._pods[source.pod]] = None
        return passing

    def _exempt(self, source: PodGroup) -> Iterator[int]:
        """The pods that a pod reaches regardless of policies, because one end is the node of the other."""
        may_be = source.pod and (source.pod.host_network or self._state.traits.own_node is OwnNode.ALWAYS)
        if source.pod is None or not may_be:
            return
        for place, group in enumerate(self._destinations):
            if group.pod and is_exempt(self._state, source.pod, group.pod):
                yield place
