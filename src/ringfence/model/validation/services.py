"""What the API server refuses in a Service, as far as its fields are read.

What depends on the cluster is not looked at: whether an address or a node port is free and in the cluster's range.

Source: `ValidateServiceCreate` in `pkg/apis/core/validation/validation.go`; `pkg/registry/core/service/storage`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from ringfence.model.field_errors import (
    FieldError,
    duplicate,
    each_once,
    forbidden,
    invalid,
    invalid_object,
    required,
    unsupported,
)
from ringfence.model.names import dns_label_errors, service_name_errors, subdomain_errors
from ringfence.model.policies import DEFAULT_PROTOCOL
from ringfence.model.server_versions import RELAXED_SERVICE_NAMES, STRICT_CIDRS, ServerVersion
from ringfence.model.services import HEADLESS, Service, ServicePort, ServiceSpec
from ringfence.model.validation.addresses import address_errors, is_of_two_families
from ringfence.model.validation.labels import label_errors
from ringfence.model.validation.metadata import metadata_errors
from ringfence.model.validation.ports import port_number_errors, port_reference_errors, protocol_errors

_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_EXTERNAL_NAME: Final = "ExternalName"


def service_errors(service: Service, server: ServerVersion) -> list[FieldError]:
    """Everything for which the API server would refuse to create `service`."""
    if addresses := list(_cluster_ip_errors(service.spec, server)):
        # The server gives out addresses first: if it cannot, it looks at nothing else.
        return addresses
    name_errors = dns_label_errors if server >= RELAXED_SERVICE_NAMES else service_name_errors
    return each_once(chain(metadata_errors(service.metadata, name_errors), _spec_errors(service.spec)))


def _spec_errors(spec: ServiceSpec) -> Iterator[FieldError]:
    ports = spec.ports or ()
    if not ports and not _is_headless(spec) and spec.type != _EXTERNAL_NAME:
        yield required("spec.ports")
    yield from _type_errors(spec)
    yield from _port_list_errors(ports)
    yield from label_errors(spec.selector or {}, "spec.selector")


def _type_errors(spec: ServiceSpec) -> Iterator[FieldError]:
    if spec.type and spec.type not in _TYPES:
        yield unsupported("spec.type", spec.type, _TYPES)
    if spec.type in ("LoadBalancer", "NodePort") and _is_headless(spec):
        yield invalid("spec.clusterIPs[0]", HEADLESS, f"may not be set to 'None' for {spec.type} services")
    if spec.type == _EXTERNAL_NAME:
        if _cluster_ips(spec):
            yield forbidden("spec.clusterIPs", "may not be set for ExternalName services")
        # A trailing dot denotes a name that is complete.
        name = spec.external_name.removesuffix(".")
        if not name:
            yield required("spec.externalName")
        for error in subdomain_errors(name) if name else ():
            yield invalid("spec.externalName", name, error)


def _port_list_errors(ports: Sequence[ServicePort]) -> Iterator[FieldError]:
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    for i, port in enumerate(ports):
        path = f"spec.ports[{i}]"
        yield from _port_errors(port, path, needs_name=len(ports) > 1)
        if port.name and port.name in names:
            yield duplicate(f"{path}.name", port.name)
        names.add(port.name)
        protocol = port.protocol or DEFAULT_PROTOCOL
        if (protocol, port.port) in numbers:
            yield duplicate(path, _port_as_printed(protocol, port.port))
        numbers.add((protocol, port.port))


def _port_errors(port: ServicePort, path: str, *, needs_name: bool) -> Iterator[FieldError]:
    if port.name:
        for error in dns_label_errors(port.name):
            yield invalid(f"{path}.name", port.name, error)
    elif needs_name:
        yield required(f"{path}.name")
    yield from port_number_errors(port.port, f"{path}.port")
    yield from protocol_errors(port.protocol or DEFAULT_PROTOCOL, f"{path}.protocol")
    match port.target_port:
        case str(name) if name:
            yield from port_reference_errors(name, f"{path}.targetPort")
        case int(number) if number:
            yield from port_number_errors(number, f"{path}.targetPort")
        case _:
            # Without a target port, the server validates the number of the port a second time, under this path.
            yield from port_number_errors(port.port, f"{path}.targetPort")


def _port_as_printed(protocol: str, number: int) -> dict[str, object]:
    """A port as upstream prints one that is there twice: a struct of its own, with all fields."""
    return {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": number, "TargetPort": 0, "NodePort": 0}


def _cluster_ip_errors(spec: ServiceSpec, server: ServerVersion) -> Iterator[FieldError]:
    """What is wrong with the addresses of a Service, or with how its two fields for them agree."""
    if spec.type == _EXTERNAL_NAME:
        return
    path = "spec.clusterIPs"
    addresses = _cluster_ips(spec)
    if spec.cluster_ip and addresses[0] != spec.cluster_ip:
        yield invalid_object(path, addresses, "first value must match `clusterIP`")
    if not spec.cluster_ip and addresses:
        yield invalid_object(path, addresses, "must be empty when `clusterIP` is not specified")
    errors = list(_address_list_errors(addresses, path, is_strict=server >= STRICT_CIDRS))
    yield from errors
    if len(addresses) > 2:
        yield invalid_object(path, addresses, "may only hold up to 2 values")
    if not errors and len(addresses) > 1 and not is_of_two_families(addresses):
        yield invalid_object(path, addresses, "may specify no more than one IP for each IP family")


def _address_list_errors(addresses: Sequence[str], path: str, *, is_strict: bool) -> Iterator[FieldError]:
    for i, address in enumerate(addresses):
        if i == 0 and address == HEADLESS:
            if len(addresses) > 1:
                yield invalid_object(path, addresses, "'None' must be the first and only value")
        else:
            yield from address_errors(address, f"{path}[{i}]", is_strict=is_strict)


def _cluster_ips(spec: ServiceSpec) -> tuple[str, ...]:
    """The addresses as the server sees them: one that is written in the older field alone counts for both."""
    return spec.cluster_ips or ((spec.cluster_ip,) if spec.cluster_ip else ())


def _is_headless(spec: ServiceSpec) -> bool:
    return _cluster_ips(spec) == (HEADLESS,)
