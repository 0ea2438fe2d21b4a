"""Snapshots: all connections that a cluster allows, kept to be compared with a later state.

A snapshot contains every connection between workloads and with addresses, which workloads are isolated, and to which
possible pods each is exposed. Addresses and traffic are compared as sets, so the same addresses written as other blocks
are not a difference. Possible pods are compared by their description, which consists of selectors.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Final

import msgspec

from ringfence.analysis.differences.causes import ConnectionChange
from ringfence.analysis.differences.folding import FoldedCell, fold
from ringfence.analysis.differences.what_changed import (
    ChangedConnections,
    ChangedIsolation,
    ClusterDifference,
    Ends,
    PolicyCount,
    changed_traffic,
)
from ringfence.analysis.lists import (
    ConnectionFilter,
    PodGroup,
    exposure,
    list_assumptions,
    list_connections,
    pod_groups,
)
from ringfence.engine.policies import Action
from ringfence.engine.population import Reference
from ringfence.engine.possible import PossibleTraffic
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.partitions import Partition, merged
from ringfence.sets.traffic import NO_TRAFFIC, PROTOCOLS, Traffic, port_list

SnapshotEnds = tuple[Reference | Addresses, Reference | Addresses]
"""The source and the destination of a connection, of which one may be addresses outside the cluster."""


class PossibleConnections(msgspec.Struct, frozen=True, order=True):
    """The traffic between a workload and possible pods; the text describes both, the pods by selectors."""

    workload: Reference
    direction: Direction
    text: str


class ClusterSnapshot(msgspec.Struct, frozen=True):
    """All connections that a cluster allows. `possible` is None if possible pods are left out.

    `workloads` says for each whether it has several pods. `connections` has one entry for two workloads, and one for a
    workload and each of several disjoint sets of addresses. `assumptions` are in words that do not change with the
    pods. `plugin` is the network plugin assumed to enforce the policies, as in `--plugin`; empty for upstream's
    meaning.
    """

    workloads: Mapping[Reference, bool]
    connections: Mapping[SnapshotEnds, Traffic]
    isolated: frozenset[tuple[Reference, Direction]]
    possible: frozenset[PossibleConnections] | None
    assumptions: frozenset[str]
    plugin: str = ""


class SnapshotDifference(msgspec.Struct, frozen=True):
    """What differs between a snapshot and a cluster. False if nothing does.

    `possible_before` are connections with possible pods that only the snapshot describes, `possible_after` those that
    only the cluster describes. Both are limited to workloads that the snapshot and the cluster have.
    """

    cluster: ClusterDifference
    possible_before: tuple[PossibleConnections, ...] = ()
    possible_after: tuple[PossibleConnections, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.cluster or self.possible_before or self.possible_after)


# --- taking one -------------------------------------------------------------------------------------------------------


def take_snapshot(state: State, *, possible: bool = True) -> ClusterSnapshot:
    """A snapshot of a cluster, by workload where all pods of a workload have the same connections.

    With a network plugin, `possible` pods are always left out, because too little is known about them there. Raises
    Undecided if `possible` pods are asked for and selectors overlap in too many ways.
    """
    groups = pod_groups(state)
    isolated = {
        (group.reference, direction)
        for group in groups
        for direction in Direction
        if any(one.otherwise is Action.DENY for one in state.tiers.profiles(group.identity, direction))
    }
    listed = list_connections(state, ConnectionFilter(), "workload")
    return ClusterSnapshot(
        {group.reference: group.is_several for group in groups},
        {(one.source, one.destination): one.traffic for one in listed},
        frozenset(isolated),
        frozenset(_possible(state, groups)) if possible and not state.enforced_by else None,
        list_assumptions(state).in_general(),
        state.enforced_by.argument if state.enforced_by else "",
    )


def _possible(state: State, groups: Iterable[PodGroup]) -> Iterator[PossibleConnections]:
    """The traffic with possible pods, for the ends that the snapshot lists.

    Where the snapshot lists the single pods of a workload, because a policy with address blocks distinguishes them,
    their common exposure is given for each pod.
    """
    listed = {group.reference for group in groups}
    pods: defaultdict[Reference, list[Reference]] = defaultdict(list)
    for member in state.members():
        pods[state.workload(member)].append(member.reference)
    for one in exposure(state).rows:
        ends = [end for workload in one.workloads for end in ([workload] if workload in listed else pods[workload])]
        for row in one.pods:
            text = f"pods {{{row.pods.pods}}} in namespaces {{{row.pods.namespaces}}}: {_traffic_text(row.traffic)}"
            yield from (PossibleConnections(end, one.direction, text) for end in ends)


def _traffic_text(traffic: PossibleTraffic) -> str:
    """The traffic by number, and what is added for ports of some names: `TCP 80; TCP 1-65535 named http not web`."""
    parts = [str(traffic.by_number)] if traffic.by_number else []
    for one in traffic.by_name:
        names = [*(f"named {name}" for name, _ in one.names), *(f"not {name}" for name, _ in one.lacking)]
        numbers = [f"{name} {port_list(ports)}" for name in PROTOCOLS if (ports := one.traffic.ports(name))]
        parts += [f"{ports} {' '.join(names)}" for ports in numbers]
    return "; ".join(parts)


# --- comparing --------------------------------------------------------------------------------------------------------


def compare_snapshots(before: ClusterSnapshot, after: ClusterSnapshot) -> SnapshotDifference:
    """What differs between two snapshots.

    A workload that only one of them has counts as added or removed, with all its connections.
    """
    common = sorted(before.workloads.keys() & after.workloads.keys())
    rows = [*_between_workloads(before, after, common), *_with_addresses(before, after, common)]
    found = ClusterDifference(
        tuple(sorted(rows, key=lambda one: one.order)),
        tuple(_isolation(before, after, common)),
        tuple(sorted(after.workloads.keys() - before.workloads.keys())),
        tuple(sorted(before.workloads.keys() - after.workloads.keys())),
        len(common),
        PolicyCount(0, 0, 0),
        None,
        tuple(sorted(after.assumptions - before.assumptions)),
        tuple(sorted(before.assumptions - after.assumptions)),
        (),
        tuple(sorted(after.assumptions)),
    )
    if before.possible is None or after.possible is None:
        return SnapshotDifference(found)
    gone, new = (
        tuple(sorted(one for one in some if one.workload in before.workloads.keys() & after.workloads.keys()))
        for some in (before.possible - after.possible, after.possible - before.possible)
    )
    return SnapshotDifference(found, gone, new)


def _between_workloads(
    before: ClusterSnapshot, after: ClusterSnapshot, common: Sequence[Reference]
) -> Iterator[ChangedConnections]:
    places = {reference: place for place, reference in enumerate(common)}
    cells = []
    for ends in before.connections.keys() | after.connections.keys():
        source, destination = (places.get(end) if isinstance(end, Reference) else None for end in ends)
        # Connections with addresses, and of workloads that only one snapshot has, are compared elsewhere.
        if source is None or destination is None:
            continue
        if source == destination and not (before.workloads[common[source]] and after.workloads[common[source]]):
            continue  # a workload with a single pod has no connections between two pods of it
        was, now = before.connections.get(ends, NO_TRAFFIC), after.connections.get(ends, NO_TRAFFIC)
        for kind, traffic in changed_traffic(was, now):
            cells.append(FoldedCell(kind.value, traffic, was, now, (), 1 << source, 1 << destination))
    for cell in fold(cells):
        yield _row(
            ConnectionChange(cell.kind),
            (_references(common, cell.sources), _references(common, cell.destinations)),
            (cell.traffic, cell.before, cell.after),
        )


_Outside = Mapping[tuple[Reference, Direction], Partition[Addresses, Traffic]]


def _with_addresses(
    before: ClusterSnapshot, after: ClusterSnapshot, common: Iterable[Reference]
) -> Iterator[ChangedConnections]:
    old, new = _outside(before), _outside(after)
    alike: defaultdict[tuple[Direction, ConnectionChange, Addresses, tuple[Traffic, Traffic, Traffic]], list[Reference]]
    alike = defaultdict(list)
    for workload in common:
        for direction in Direction:
            was, now = (_whole(some.get((workload, direction), [])) for some in (old, new))
            cells = ((both, (had, has)) for one, had in was for other, has in now if (both := one & other))
            for addresses, (had, has) in merged(cells):
                for kind, traffic in changed_traffic(had, has):
                    alike[direction, kind, addresses, (traffic, had, has)].append(workload)
    for (direction, kind, addresses, traffics), workloads in alike.items():
        ends: tuple[Ends, Ends] = tuple(workloads), addresses
        yield _row(kind, ends if direction is Direction.EGRESS else ends[::-1], traffics)


def _outside(of: ClusterSnapshot) -> _Outside:
    """The traffic between each workload and addresses outside the cluster."""
    found: defaultdict[tuple[Reference, Direction], Partition[Addresses, Traffic]] = defaultdict(list)
    for (source, destination), traffic in of.connections.items():
        if isinstance(destination, Addresses) and isinstance(source, Reference):
            found[source, Direction.EGRESS].append((destination, traffic))
        elif isinstance(source, Addresses) and isinstance(destination, Reference):
            found[destination, Direction.INGRESS].append((source, traffic))
    return found


def _whole(cells: Partition[Addresses, Traffic]) -> Partition[Addresses, Traffic]:
    """The cells, completed by one without traffic for all other addresses."""
    rest = ALL_ADDRESSES - reduce(or_, (addresses for addresses, _ in cells), NO_ADDRESSES)
    return [*cells, (rest, NO_TRAFFIC)] if rest else cells


def _row(
    kind: ConnectionChange, ends: tuple[Ends, Ends], traffics: tuple[Traffic, Traffic, Traffic]
) -> ChangedConnections:
    return ChangedConnections(kind, *ends, *traffics, _NO_CAUSES)


_NO_CAUSES: Final = ()
"""A snapshot contains no policies, so the causes of a difference are not known."""


def _isolation(
    before: ClusterSnapshot, after: ClusterSnapshot, common: Iterable[Reference]
) -> Iterator[ChangedIsolation]:
    listed = list(common)
    for direction in Direction:
        for is_isolated, old, new in ((True, before, after), (False, after, before)):
            gained = {workload for workload, one in new.isolated - old.isolated if one is direction}
            if workloads := tuple(workload for workload in listed if workload in gained):
                yield ChangedIsolation(workloads, direction, is_isolated, _NO_CAUSES)


def _references(common: Sequence[Reference], places: int) -> tuple[Reference, ...]:
    return tuple(common[place] for place in bitsets.members(places))
