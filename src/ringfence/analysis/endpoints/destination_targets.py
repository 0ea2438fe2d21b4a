"""Targets: the pods and addresses of a destination with the traffic that is asked about each, Service ports translated.

A port name is resolved for each destination: for a Service among the ports of the Service, else among those of the pod.
A name that no destination has is an error, and so is a port that a Service does not have: either may be a spelling
mistake, and a spelling mistake must not look like the answer "no".
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from ringfence.analysis.endpoints.endpoints import Endpoint
from ringfence.analysis.endpoints.ports import AskedPorts, PortEntry, PortName
from ringfence.analysis.endpoints.services import Backend, backends, families_of, is_headless, reference_of
from ringfence.analysis.endpoints.translations import Translation, by_name
from ringfence.engine.answers import End, Families
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.services import Service, ServicePort
from ringfence.sets.addresses import FAMILIES
from ringfence.sets.traffic import Traffic


class Target(msgspec.Struct, frozen=True):
    """One pod or address of a destination, and the traffic asked about it; None means all traffic.

    If a Service or a node translates the port, `service_port` is the port that the client connects to, and `via` the
    translation. `over` are the address families over which a pod is reached.
    """

    end: End
    asked: Traffic | None
    service_port: int | None = None
    over: Families = FAMILIES
    via: Translation | None = None


class Targets(msgspec.Struct, frozen=True):
    """All targets of a destination; `unnamed` are pods that are left out because they lack a port with the name."""

    found: tuple[Target, ...]
    unnamed: tuple[tuple[Member, PortName], ...] = ()


def targets(state: State, destination: Endpoint, ports: AskedPorts) -> Targets:
    """The targets of a question about `ports` of `destination`.

    Raises EndpointError for a port that the destination does not have.
    """
    service = destination.service
    if service is None:
        return plain_targets(destination.text, destination.ends, ports)
    # A headless Service has no address that could be rewritten, so the asked ports are those of the pods.
    if is_headless(service) and not ports.is_everything:
        ends = [backend.end for backend in backends(state, service, "TCP", None)]
        return plain_targets(destination.text, ends, ports, families_of(service))
    found = [
        _behind(service, backend)
        for protocol, number in _service_ports(service, ports)
        for backend in backends(state, service, protocol, number)
    ]
    # Several Service ports may lead to the same port of the same pod, which need be asked about only once.
    return Targets(tuple(dict.fromkeys(found)))


def _behind(service: Service, backend: Backend) -> Target:
    over, number = families_of(service), backend.service_port
    via = None if number is None else by_name(service, backend.protocol, number)
    return Target(backend.end, one_port(backend.protocol, backend.port), number, over, via)


def plain_targets(text: str, ends: Sequence[End], ports: AskedPorts, over: Families = FAMILIES) -> Targets:
    """The targets if clients connect directly to ports of pods and addresses."""
    if ports.is_everything:
        return Targets(tuple(Target(end, None, over=over) for end in ends))
    unnamed = tuple(_unnamed(text, ends, ports.names))
    asked = ((end, ports.at(end) if isinstance(end, Member) else ports.numbers) for end in ends)
    # A pod without the name has no traffic to ask about: it is left out, and not taken as denied.
    return Targets(tuple(Target(end, traffic, over=over) for end, traffic in asked if traffic), unnamed)


def _unnamed(text: str, ends: Sequence[End], names: Sequence[PortName]) -> Iterator[tuple[Member, PortName]]:
    """The pods that lack a name. Raises EndpointError if all of them do, and for addresses."""
    for name in names:
        pods = [end for end in ends if isinstance(end, Member)]
        if len(pods) < len(ends):
            raise EndpointError(
                f"{text} is outside the cluster, where a port name such as {name} means nothing: use a number"
            )
        lacking = [pod for pod in pods if not name.at(pod)]
        if len(lacking) == len(pods):
            known = {f"{port.name} ({port.protocol} {port.port})" for pod in pods for port in pod.named_ports}
            raise EndpointError(f"{text} has no port called {name}; its port names: {_listed(known)}")
        yield from ((pod, name) for pod in lacking)


def _service_ports(service: Service, ports: AskedPorts) -> Iterator[tuple[str, int | None]]:
    """The protocol and number of each port of a Service that is asked about; the number None means all ports."""
    if ports.is_everything:
        yield "TCP", None
        return
    for entry in ports.entries:
        single = entry.single if isinstance(entry, Traffic) else None
        if single:
            yield single  # `backends` reports a port that the Service does not have
            continue
        asked = [one for one in service.spec.ports or () if _is_asked(one, entry)]
        if not asked:
            raise EndpointError(_no_such_port(service, entry))
        yield from sorted({(one.protocol, one.port) for one in asked})


def _is_asked(port: ServicePort, entry: PortEntry) -> bool:
    if isinstance(entry, PortName):
        return entry.names(port.name, port.protocol)
    return entry.contains(port.protocol, port.port)


def _no_such_port(service: Service, entry: PortEntry) -> str:
    known = sorted(service.spec.ports or (), key=attrgetter("port"))
    if isinstance(entry, PortName):
        names = {f"{one.name} ({one.protocol} {one.port})" for one in known if one.name}
        return f"{reference_of(service)} has no port called {entry}; its port names: {_listed(names)}"
    numbers = ", ".join(f"{one.port}/{one.protocol}" for one in known) or "none"
    return f"{reference_of(service)} has no port in {entry}; its ports: {numbers}"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def one_port(protocol: str, port: int | None) -> Traffic | None:
    """One port of a protocol; None, which means all traffic, without a port."""
    return None if port is None else Traffic.of(protocol, ((port, port),))
