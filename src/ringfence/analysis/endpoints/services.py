"""The endpoints of a Service: the pods or addresses to which it leads, and their ports.

Policies do not refer to Services: kube-proxy rewrites the destination of a connection first, so policies apply to the
pod and its target port. Source: Kubernetes documentation, "Service", "EndpointSlices".
"""

from collections.abc import Iterator

import msgspec

from ringfence.analysis.endpoints.absence import absent_pods, operated_objects
from ringfence.analysis.endpoints.scaled_to_zero import scaled_to_zero
from ringfence.engine.answers import End, Families
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.kinds import namespace_of
from ringfence.model.services import HEADLESS, Service, ServicePort, SliceEndpoint
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, parse_address


class Backend(msgspec.Struct, frozen=True):
    """One pod or address behind a port of a Service, with its own port.

    `service_port` is None if clients connect to the backend's own ports directly (a headless Service).
    """

    end: End
    protocol: str
    port: int | None
    service_port: int | None = None


def reference_of(service: Service) -> Reference:
    """The reference of a Service."""
    return Reference(namespace_of(service), "Service", service.metadata.name)


def is_headless(service: Service) -> bool:
    """Whether clients connect to the pods of a Service by their own addresses and ports."""
    return service.spec.cluster_ip == HEADLESS


def families_of(service: Service) -> Families:
    """The address families over which clients reach a Service by its name; both, if the input does not say."""
    if service.spec.ip_families:
        found = tuple(family for family in FAMILIES if str(family) in service.spec.ip_families)
        # The constant itself, so that targets with both families share one value.
        return FAMILIES if found == FAMILIES else found
    addresses = NO_ADDRESSES
    for text in service.spec.virtual_addresses():
        try:
            family, number = parse_address(text)
        except ValueError:  # the API server refuses such a Service, but manifests may have it
            continue
        addresses |= Addresses.in_family(family, ((number, number),))
    return addresses.families or FAMILIES


def selected_members(state: State, service: Service) -> list[Member]:
    """The pods that a Service's selector matches; none if it has no selector.

    A Service for a single replica of a StatefulSet selects the template that stands for all replicas.
    """
    selector = service.spec.selector
    if not selector:
        return []
    return [member for member in state.members_in(namespace_of(service)) if member.some_pod_has(selector)]


def target_port(member: Member, port: ServicePort) -> int | None:
    """The port of `member` to which a Service port leads; None if the target is a name that the pod does not have."""
    # If no target port is written, the API server sets the Service's own port.
    target = port.target_port or port.port
    return target if isinstance(target, int) else member.target_port(target, port.protocol)


def backends(state: State, service: Service, protocol: str, port: int | None) -> list[Backend]:
    """The pods or addresses that a connection to one port of a Service may reach; without a port, to any of its ports.

    Raises EndpointError if the Service has no endpoints, or no such port.
    """
    reference = reference_of(service)
    if service.spec.type == "ExternalName":
        name = service.spec.external_name
        raise EndpointError(f"{reference} is an alias for the DNS name {name}: use the address that it resolves to")
    if is_headless(service):
        found = [Backend(end, protocol, port) for end in _ends(state, service)]
    else:
        found = [backend for one in _asked_ports(service, protocol, port) for backend in _behind(state, service, one)]
    if not found:
        raise EndpointError(f"{reference} has no endpoints: {_why_empty(state, service)}")
    return found


def _asked_ports(service: Service, protocol: str, port: int | None) -> list[ServicePort]:
    ports = service.spec.ports or ()
    asked = [one for one in ports if port is None or (one.port == port and one.protocol == protocol)]
    if not ports and port is None:
        raise EndpointError(f"{reference_of(service)} has no ports")
    if not asked:
        known = ", ".join(f"{one.port}/{one.protocol}" for one in ports) or "none"
        raise EndpointError(f"{reference_of(service)} has no port {port}/{protocol}; its ports: {known}")
    return asked


def _behind(state: State, service: Service, port: ServicePort) -> Iterator[Backend]:
    if service.spec.selector:
        for member in selected_members(state, service):
            target = target_port(member, port)
            # A pod without a port of this name gets no entry in the EndpointSlice, so it is not an endpoint of this
            # port.
            if target is not None:
                yield Backend(member, port.protocol, target, port.port)
        return
    for piece in state.slices_of(service):
        for slice_port in piece.ports or ():
            # Ports of slices are those of the pods. They belong to the Service port with the same name, whatever its
            # number.
            if slice_port.port and (slice_port.name or "", slice_port.protocol or "TCP") == (port.name, port.protocol):
                for endpoint in piece.endpoints or ():
                    for end in _endpoint_ends(state, service, endpoint):
                        yield Backend(end, port.protocol, slice_port.port, port.port)


def _ends(state: State, service: Service) -> list[End]:
    if service.spec.selector:
        return list(selected_members(state, service))
    return [
        end
        for piece in state.slices_of(service)
        for endpoint in piece.endpoints or ()
        for end in _endpoint_ends(state, service, endpoint)
    ]


def _endpoint_ends(state: State, service: Service, endpoint: SliceEndpoint) -> Iterator[End]:
    # An unknown state counts as ready, as the API defines it.
    if endpoint.conditions and endpoint.conditions.ready is False:
        return
    target = endpoint.target_ref
    if target and target.kind == "Pod":
        member = state.member(Reference(target.namespace or namespace_of(service), "Pod", target.name))
        if member:
            yield member
            return
    for text in endpoint.addresses:
        try:
            family, number = parse_address(text)
        except ValueError:  # a host name, which kube-proxy ignores, too
            continue
        # The address may be a pod's although the slice does not refer to it: policies select this pod all the same.
        pods = state.members_at(family, number)
        yield from pods
        if not pods:
            yield Addresses.in_family(family, ((number, number),))


def _why_empty(state: State, service: Service) -> str:
    if service.spec.selector:
        wanted, namespace = service.spec.selector.items(), namespace_of(service)
        if absent := absent_pods(state, lambda pod: pod.namespace == namespace and wanted <= pod.labels.items()):
            return absent
        selector = ",".join(f"{key}={value}" for key, value in service.spec.selector.items())
        no_pods = scaled_to_zero(state, namespace, lambda labels: wanted <= labels.items())
        no_pods += operated_objects(state, namespace)
        return f"no pod matches its selector {selector}, or none has its target port{no_pods}"
    return "it has no selector, and no EndpointSlice or Endpoints with ready addresses is in the input"
