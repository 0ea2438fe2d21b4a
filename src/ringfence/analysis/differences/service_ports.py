"""Connections to Services that change if egress rules match the port of the Service instead of the target port."""

from collections import defaultdict
from collections.abc import Iterator

from ringfence.analysis.differences.causes import ConnectionChange
from ringfence.analysis.differences.what_changed import ChangedConnections
from ringfence.analysis.endpoints import Backend, backends
from ringfence.analysis.lists import pod_groups
from ringfence.engine.answers import LedPort, traffic_between, traffic_through_service
from ringfence.engine.population import Member, Reference, is_one_pod
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.kinds import namespace_of
from ringfence.model.policies import Direction
from ringfence.model.services import Service, ServicePort
from ringfence.sets.addresses import FAMILIES
from ringfence.sets.traffic import NO_TRAFFIC, Traffic


def changed_by_service_ports(state: State) -> Iterator[ChangedConnections]:
    """The connections opened and closed to each Service port whose target port differs, by Service and port."""
    for service in state.services.values():
        for port in service.spec.ports or ():
            yield from _changed(state, service, port)


def _changed(state: State, service: Service, port: ServicePort) -> Iterator[ChangedConnections]:
    try:
        found = backends(state, service, port.protocol, port.port)
    except EndpointError:  # nothing is behind it
        return
    pods = [one for one in found if isinstance(one.end, Member) and one.port not in (None, one.service_port)]
    if not pods or not all(one.service_port for one in pods):
        return
    asked = Traffic.of(port.protocol, ((port.port, port.port),))
    rows: defaultdict[ConnectionChange, list[Reference]] = defaultdict(list)
    for source, reference in _isolated(state):
        others = [one for one in pods if not is_one_pod(source, one.end)]
        was, now = (all(_allows(state, source, one, seen=seen) for one in others) for seen in (False, True))
        if was is not now:
            rows[ConnectionChange.OPENED if now else ConnectionChange.CLOSED].append(reference)
    for kind, sources in rows.items():
        opened = kind is ConnectionChange.OPENED
        before, after = (NO_TRAFFIC, asked) if opened else (asked, NO_TRAFFIC)
        destination = Reference(namespace_of(service), "Service", service.metadata.name)
        yield ChangedConnections(kind, tuple(sources), (destination,), asked, before, after, ())


def _isolated(state: State) -> Iterator[tuple[Member, Reference]]:
    """A pod of each workload that some policy selects for egress, and the workload."""
    for group in pod_groups(state):
        if state.tiers.stack(group.identity, Direction.EGRESS):
            yield group.pod or next(group.identity.pods()), group.reference


def _allows(state: State, source: Member, backend: Backend, *, seen: bool) -> bool:
    """Whether a pod reaches a pod behind a Service; if `seen`, its egress rules match the port of the Service."""
    end, port = backend.end, backend.port
    assert isinstance(end, Member)
    assert port is not None
    assert backend.service_port is not None
    if not seen:
        return traffic_between(state, source, end).contains(backend.protocol, port)
    led = LedPort(backend.protocol, backend.service_port, port)
    return traffic_through_service(state, source, end, FAMILIES, led).contains(backend.protocol, port)
