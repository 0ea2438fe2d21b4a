"""Services that lead to other pods or ports than before, and the workloads that gain or lose access by that.

Policies do not refer to Services, so connections between workloads are compared without them. But a client of a Service
reaches the pods behind it: with another selector or target port these are other pods, or other ports of the same pods.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from ringfence.analysis.differences.matched_workloads import ClusterView, Matched, RenamedWorkload
from ringfence.analysis.differences.object_places import ObjectPlaces
from ringfence.analysis.endpoints import Backend, backends
from ringfence.engine.answers import traffic_between
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.origin import Place
from ringfence.model.services import Service
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic


class TargetOfService(msgspec.Struct, frozen=True, order=True):
    """A workload, or addresses, behind a port of a Service, and the port there."""

    name: str
    port: int
    workload: Reference | None = None
    addresses: Addresses | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


class ServiceChange(StrEnum):
    """The kind of change of a Service port; the value is the word in the documents."""

    ADDED = "added"
    REMOVED = "removed"
    SERVICE = "service"
    """The Service is written differently."""
    PODS = "pods"
    """The Service is unchanged, but other pods are behind it, or the same pods with other ports."""


class ChangedService(msgspec.Struct, frozen=True):
    """A port of a Service that leads elsewhere than before, or of a Service that one cluster does not have.

    `opened` are the workloads that reach something behind it now and did not before, `closed` the reverse. Both are
    empty if the Service was added or removed: the connections say who reaches the pods directly. `place` is where the
    Service was read; for a removed one, its former place.
    """

    service: Reference
    protocol: str
    port: int
    before: tuple[TargetOfService, ...]
    after: tuple[TargetOfService, ...]
    opened: tuple[Reference, ...]
    closed: tuple[Reference, ...]
    change: ServiceChange = ServiceChange.SERVICE
    place: Place | None = None


def changed_services(
    views: tuple[ClusterView, ClusterView],
    matched: Sequence[Matched],
    renamed: Sequence[RenamedWorkload],
    places: ObjectPlaces,
) -> tuple[ChangedService, ...]:
    """The ports of Services that lead to other targets, and those of added or removed Services.

    In the order of namespace, name and port.
    """
    old, new = (view.state.services for view in views)
    names = {one.before: one.after for one in renamed}
    found = (
        change
        for key in sorted(old.keys() | new.keys())
        for change in _changes(views, matched, names, old.get(key), new.get(key))
    )
    return tuple(msgspec.structs.replace(one, place=places.of(one.service)) for one in found)


def _changes(
    views: tuple[ClusterView, ClusterView],
    matched: Sequence[Matched],
    names: Mapping[Reference, Reference],
    was: Service | None,
    now: Service | None,
) -> Iterator[ChangedService]:
    written = [one for one in (was, now) if one]
    reference = Reference(written[-1].metadata.namespace, "Service", written[-1].metadata.name)
    change = _change(was, now)
    for port, protocol in sorted({(one.port, one.protocol) for service in written for one in service.spec.ports or ()}):
        led, leads = (
            _behind(view.state, service, protocol, port) for view, service in zip(views, (was, now), strict=True)
        )
        before, after = _targets(views[0].state, led, names), _targets(views[1].state, leads, {})
        if before == after:
            continue
        opened, closed = [], []
        behind = {target.workload for target in (*before, *after)}
        for place, one in enumerate(matched) if was and now else ():
            if one.reference in behind and not one.is_several:
                continue  # a single pod reaches itself through the Service regardless of policies
            reached = _reaches(views[0], place, led), _reaches(views[1], place, leads)
            if reached == (False, True):
                opened.append(one.reference)
            elif reached == (True, False):
                closed.append(one.reference)
        yield ChangedService(reference, protocol, port, before, after, tuple(opened), tuple(closed), change)


def _change(was: Service | None, now: Service | None) -> ServiceChange:
    if was is None or now is None:
        return ServiceChange.ADDED if now else ServiceChange.REMOVED
    return ServiceChange.PODS if was.spec == now.spec else ServiceChange.SERVICE


def _behind(state: State, service: Service | None, protocol: str, port: int) -> list[Backend]:
    if service is None:
        return []
    try:
        return [one for one in backends(state, service, protocol, port) if one.port is not None]
    except EndpointError:  # it has no endpoints, lacks this port, or is an ExternalName: it leads to nothing
        return []


def _targets(
    state: State, found: Sequence[Backend], names: Mapping[Reference, Reference]
) -> tuple[TargetOfService, ...]:
    targets = set()
    for one in found:
        if isinstance(one.end, Member):
            workload = state.workload(one.end)
            workload = names.get(workload, workload)
            targets.add(TargetOfService(str(workload), one.port or 0, workload))
        elif isinstance(one.end, Addresses):
            targets.add(TargetOfService(str(one.end), one.port or 0, None, one.end))
    return tuple(sorted(targets, key=lambda target: (target.name, target.port)))


def _reaches(view: ClusterView, place: int, found: Sequence[Backend]) -> bool:
    """Whether a workload reaches any pod behind a Service."""
    source = view.members[place]
    for one in found:
        asked = Traffic.of(one.protocol, ((one.port or 0, one.port or 0),))
        if not asked - traffic_between(view.state, source, one.end):
            return True
    return False
