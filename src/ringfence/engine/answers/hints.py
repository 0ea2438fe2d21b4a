"""Hints: what the author of a rule that does not match may have confused.

The two most common mistakes with Services are to name the Service's port where the pods listen on another,
and to name the Service's address, which is replaced by a pod's before policies are evaluated. A port name belongs to
one protocol of a container, and a rule that does not give a protocol means TCP.
"""

from collections.abc import Collection, Iterator

from ringfence.engine.answers.sides import Side, named_ports
from ringfence.engine.policies import End, end_text
from ringfence.engine.population import Member, PortName
from ringfence.engine.state import State
from ringfence.model.kinds import namespace_of
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction
from ringfence.model.services import Service, ServicePort
from ringfence.sets.addresses import Addresses, parse_address
from ringfence.sets.traffic import PROTOCOLS, Traffic


def hints(side: Side, named: Addresses, traffic: Traffic, *, selects: bool, carries: bool) -> Iterator[str]:
    """Hints about a rule that names these addresses and this traffic; `selects` and `carries` as in `RuleReason`."""
    # A wrong port is worth a hint only if the peer is right; otherwise the author may have meant other pods.
    if selects and not carries:
        yield from _service_port_hints(side, traffic)
    if side.direction is Direction.EGRESS and not selects:
        yield from _cluster_address_hints(side, named)


def names_of_any_protocol(names: Collection[PortName]) -> frozenset[str]:
    """The port names that are meant under every protocol, as cluster policies write them: without one."""
    return frozenset(name for name, _ in names if all((name, protocol) in names for protocol in PROTOCOLS))


def protocol_hints(side: Side, names: Collection[PortName]) -> Iterator[str]:
    """Whether the destination has a port that a rule names, given as name and protocol, under another protocol only."""
    known = {(port.name, port.protocol) for port in named_ports(side.destination)}
    of_any_protocol = names_of_any_protocol(names)
    for name, protocol in names:
        if (name, protocol) in known or name in of_any_protocol:
            continue
        for port in sorted(named_ports(side.destination), key=lambda port: (port.protocol, port.port)):
            if port.name == name:
                yield (
                    f"{name} is {port.protocol} {port.port} of {side.destination}: the rule names it under {protocol}"
                    + (", the protocol of a port entry without one" if protocol == DEFAULT_PROTOCOL else "")
                )


def _cluster_address_hints(side: Side, named: Addresses) -> Iterator[str]:
    """Whether the rule names the address of a Service where it had to select what is behind it."""
    destination = side.destination
    for service in side.state.services.values():
        addresses = [text for text in service.rewritten_addresses() if _contains(named, text)]
        # The hint would mislead if the Service led elsewhere.
        if not addresses or not _is_behind(side.state, service, destination):
            continue
        name = f"{namespace_of(service)}/{service.metadata.name}"
        for text in addresses:
            if isinstance(destination, Member):
                yield (
                    f"{text} is the address of Service {name}, which a pod's address replaces before policies are "
                    "looked at: a rule must select the pods"
                )
            else:
                yield (
                    f"{text} is the address of Service {name}, which leads to {end_text(destination)}: a rule must "
                    "select what is behind it"
                )


def _contains(addresses: Addresses, text: str) -> bool:
    try:
        return addresses.contains(*parse_address(text))
    except ValueError:  # not an address: the API server refuses such a Service, but manifests may have it
        return False


def _service_port_hints(side: Side, traffic: Traffic) -> Iterator[str]:
    """Whether the rule names the port of a Service where it had to name the port of the pods behind it."""
    destination, asked = side.destination, side.asked
    if not isinstance(destination, Member) or asked is None:
        return
    for service in side.state.services.values():
        if service.spec.cluster_ip == "None":
            continue  # a headless Service translates no ports
        if _selects(service, destination):
            for port in service.spec.ports or ():
                if traffic.contains(port.protocol, port.port) and _leads_to(port, destination, asked):
                    name = f"{namespace_of(service)}/{service.metadata.name}"
                    yield (
                        f"{port.port} is the port of Service {name}, which leads to port {port.target_port} of its "
                        "pods: a rule must name the pods' port"
                    )


def _leads_to(port: ServicePort, destination: Member, asked: Traffic) -> bool:
    """Whether a Service translates its port into another one, which is the one that was asked for."""
    target = port.target_port
    number = destination.target_port(target, port.protocol) if isinstance(target, str) else target
    return number is not None and number != port.port and asked.contains(port.protocol, number)


def _is_behind(state: State, service: Service, destination: End) -> bool:
    """Whether a Service leads to a pod, or to one of some addresses by its EndpointSlices."""
    if isinstance(destination, Member):
        return _selects(service, destination)
    # A Service with a selector leads to pods only; its EndpointSlices are the control plane's and repeat them.
    return not service.spec.selector and any(
        _contains(destination, text)
        for piece in state.slices_of(service)
        for endpoint in piece.endpoints or ()
        for text in endpoint.addresses
    )


def _selects(service: Service, member: Member) -> bool:
    selector = service.spec.selector or {}
    in_reach = bool(selector) and namespace_of(service) == member.namespace
    return in_reach and selector.items() <= member.labels.items()
