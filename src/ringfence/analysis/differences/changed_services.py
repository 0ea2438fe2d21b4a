"""Services that lead elsewhere than before, and for whom that opens or closes them.

Policies do not see Services, so connections between workloads are compared without them. But who connects to a Service
reaches the pods behind it: with another selector or target port these are other pods, or other ports of the same.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ringfence.analysis.differences.matched_workloads import ClusterView, Matched, RenamedWorkload
from ringfence.analysis.endpoints import Backend, backends
from ringfence.engine.answers import traffic_between
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.services import Service
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic


class TargetOfService(msgspec.Struct, frozen=True, order=True):
    """A workload, or addresses, behind a port of a Service, and its own port."""

    name: str
    port: int
    workload: Reference | None = None
    addresses: Addresses | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


class ChangedService(msgspec.Struct, frozen=True):
    """A port of a Service of both clusters that leads elsewhere than before.

    `opened` are the workloads that reach something behind it now and did not before, `closed` the reverse.
    """

    service: Reference
    protocol: str
    port: int
    before: tuple[TargetOfService, ...]
    after: tuple[TargetOfService, ...]
    opened: tuple[Reference, ...]
    closed: tuple[Reference, ...]


def changed_services(
    views: tuple[ClusterView, ClusterView], matched: Sequence[Matched], renamed: Sequence[RenamedWorkload]
) -> tuple[ChangedService, ...]:
    """The ports of Services that lead elsewhere, by namespace, name and port. Services of one cluster alone are not."""
    old, new = (view.state for view in views)
    names = {one.before: one.after for one in renamed}
    return tuple(
        change
        for key in sorted(old.services.keys() & new.services.keys())
        for change in _changes(views, matched, names, old.services[key], new.services[key])
    )


def _changes(
    views: tuple[ClusterView, ClusterView],
    matched: Sequence[Matched],
    names: Mapping[Reference, Reference],
    was: Service,
    now: Service,
) -> Iterator[ChangedService]:
    ports = {(one.port, one.protocol) for service in (was, now) for one in service.spec.ports or ()}
    for port, protocol in sorted(ports):
        led, leads = (
            _behind(view.state, service, protocol, port) for view, service in zip(views, (was, now), strict=True)
        )
        before, after = _targets(views[0].state, led, names), _targets(views[1].state, leads, {})
        if before == after:
            continue
        opened, closed = [], []
        behind = {target.workload for target in (*before, *after)}
        for place, one in enumerate(matched):
            if one.reference in behind and not one.is_several:
                continue  # a single pod behind the Service may reach itself by it, which says nothing
            reached = _reaches(views[0], place, led), _reaches(views[1], place, leads)
            if reached == (False, True):
                opened.append(one.reference)
            elif reached == (True, False):
                closed.append(one.reference)
        reference = Reference(now.metadata.namespace, "Service", now.metadata.name)
        yield ChangedService(reference, protocol, port, before, after, tuple(opened), tuple(closed))


def _behind(state: State, service: Service, protocol: str, port: int) -> list[Backend]:
    try:
        return [one for one in backends(state, service, protocol, port) if one.port is not None]
    except EndpointError:  # without endpoints, without this port, or an alias: nothing is reached by it
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
