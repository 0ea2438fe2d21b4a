"""What the API server refuses in an EndpointSlice, as far as its fields are read.

Source: `pkg/apis/discovery/validation/validation.go`.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from ringfence.model.field_errors import FieldError, duplicate, each_once, invalid, required, too_many, unsupported
from ringfence.model.names import dns_label_errors, subdomain_errors
from ringfence.model.server_versions import STRICT_CIDRS, ServerVersion
from ringfence.model.services import EndpointSlice, SliceEndpoint, SlicePort
from ringfence.model.validation.addresses import (
    address_errors,
    canonical_address_errors,
    endpoint_address_errors,
    parse_address,
)
from ringfence.model.validation.metadata import metadata_errors
from ringfence.model.validation.ports import protocol_errors

_ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_ENDPOINTS: Final = 1000
_ADDRESSES: Final = 100
_PORTS: Final = 20000


def endpoint_slice_errors(endpoint_slice: EndpointSlice, server: ServerVersion) -> list[FieldError]:
    """Everything for which the API server would refuse to create `endpoint_slice`."""
    return each_once(
        chain(
            metadata_errors(endpoint_slice.metadata, subdomain_errors),
            _address_type_errors(endpoint_slice.address_type),
            _port_list_errors(endpoint_slice.ports or ()),
            _endpoint_list_errors(endpoint_slice, server),
        )
    )


def _address_type_errors(address_type: str) -> Iterator[FieldError]:
    if not address_type:
        yield required("addressType")
    elif address_type not in _ADDRESS_TYPES:
        yield unsupported("addressType", address_type, _ADDRESS_TYPES)


def _port_list_errors(ports: tuple[SlicePort, ...]) -> Iterator[FieldError]:
    if len(ports) > _PORTS:
        yield too_many("ports", len(ports), _PORTS)
        return
    names: set[str] = set()
    for i, port in enumerate(ports):
        name = port.name or ""
        for error in dns_label_errors(name) if name else ():
            yield invalid(f"ports[{i}].name", name, error)
        if name in names:
            yield duplicate(f"ports[{i}].name", name)
        names.add(name)
        if port.protocol is not None:
            yield from protocol_errors(port.protocol, f"ports[{i}].protocol")


def _endpoint_list_errors(endpoint_slice: EndpointSlice, server: ServerVersion) -> Iterator[FieldError]:
    endpoints = endpoint_slice.endpoints or ()
    if len(endpoints) > _ENDPOINTS:
        yield too_many("endpoints", len(endpoints), _ENDPOINTS)
        return
    for i, endpoint in enumerate(endpoints):
        yield from _endpoint_errors(endpoint, f"endpoints[{i}].addresses", endpoint_slice.address_type, server)


def _endpoint_errors(
    endpoint: SliceEndpoint, path: str, address_type: str, server: ServerVersion
) -> Iterator[FieldError]:
    if not endpoint.addresses:
        yield required(path)
    elif len(endpoint.addresses) > _ADDRESSES:
        yield too_many(path, len(endpoint.addresses), _ADDRESSES)
    for i, address in enumerate(endpoint.addresses):
        place = f"{path}[{i}]"
        match address_type:
            case "IPv4":
                errors = list(address_errors(address, place, is_strict=server >= STRICT_CIDRS))
                yield from errors or _family_errors(address, path, place, 4)
            case "IPv6":
                errors = list(canonical_address_errors(address, place))
                yield from errors or _family_errors(address, path, place, 6)
            case "FQDN":
                yield from _domain_name_errors(address, place)


def _family_errors(address: str, path: str, place: str, family: int) -> Iterator[FieldError]:
    parsed = parse_address(address)
    if parsed is not None and parsed.version != family:
        # Upstream names the list, not its item.
        yield invalid(path, address, f"must be an IPv{family} address")
    yield from endpoint_address_errors(address, place)


def _domain_name_errors(text: str, path: str) -> Iterator[FieldError]:
    name = text.removesuffix(".")
    if not text:
        yield required(path)
    elif errors := subdomain_errors(name):
        yield invalid(path, name, ",".join(errors))
    elif "." not in name:
        yield invalid(path, name, "should be a domain with at least two segments separated by dots")
    else:
        for label in name.split("."):
            if errors := dns_label_errors(label):
                yield invalid(path, label, ",".join(errors))
                return
