"""DNS: the names that a cluster gives to Services and pods, answered from a topology.

    db.prod.svc.cluster.local           a Service: its cluster addresses, or its pods' if it is headless
    web-0.db.prod.svc.cluster.local     a pod behind a headless Service
    10-244-0-7.prod.pod.cluster.local   a pod by its address
    web-0.prod.pod.cluster.local        a pod by its name: clusters do not have this

Sources: "Kubernetes DNS-Based Service Discovery" (dns/docs/specification.md in github.com/kubernetes); RFC 1035, 3596.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final

import msgspec

from ringfence.lab.network import CLUSTER_DOMAIN, IPAddress, LabService, Topology

DNS_PORT: Final = 53

_LARGEST_DATAGRAM: Final = 512
_TIME_TO_LIVE: Final = 5
_HEADER: Final = struct.Struct("!HHHHHH")
_RECORD: Final = struct.Struct("!HHIH")
_CLASS_INTERNET: Final = 1
_TYPE_A, _TYPE_CNAME, _TYPE_AAAA, _TYPE_ANY = 1, 5, 28, 255
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _RECURSION_DESIRED = 0x8000, 0x0400, 0x0200, 0x0100
_OPERATION: Final = 0x7800


class _Outcome(IntEnum):
    NO_ERROR = 0
    FORMAT_ERROR = 1
    NO_SUCH_NAME = 3
    NOT_IMPLEMENTED = 4


class DnsRecords(msgspec.Struct, frozen=True):
    """What a name stands for: addresses, or another name."""

    addresses: tuple[IPAddress, ...] = ()
    alias: str = ""


Zone = Mapping[str, DnsRecords]
"""All names, in lower case and without a dot at the end."""


def build_zone(topology: Topology) -> Zone:
    """The names of a topology."""
    found: defaultdict[str, list[IPAddress]] = defaultdict(list)
    names: dict[str, DnsRecords] = {}
    for pod in topology.pods:
        domain = f"{pod.namespace}.pod.{CLUSTER_DOMAIN}"
        found[f"{_own_name(pod.name)}.{domain}"] += pod.addresses
        for ip in pod.addresses:
            found[f"{_dashed(ip)}.{domain}"].append(ip)
    for service in topology.services:
        name = service_name(service)
        if service.external_name:
            names[name] = DnsRecords(alias=service.external_name.rstrip(".").lower())
        elif service.addresses:
            found[name] += service.addresses
        else:
            for pod_name in service.pods:
                addresses = topology.pod_by_name[pod_name].addresses
                found[name] += addresses
                found[f"{_own_name(pod_name)}.{name}"] += addresses
    return names | {name.lower(): DnsRecords(tuple(addresses)) for name, addresses in found.items()}


def service_name(service: LabService) -> str:
    """The full name of a Service."""
    namespace, _, name = service.name.partition("/")
    return f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"


def resolver_configuration(server: IPAddress, namespace: str) -> str:
    """The `/etc/resolv.conf` of a pod in `namespace`; the last search domain finds pods by name."""
    domains = (f"{namespace}.svc", "svc", "", f"{namespace}.pod", "pod")
    search = " ".join(f"{domain}.{CLUSTER_DOMAIN}".lstrip(".") for domain in domains)
    return f"nameserver {server}\nsearch {search}\noptions ndots:5\n"


def answer_datagram(names: Zone, query: bytes) -> bytes | None:
    """The response to a query by UDP, cut to what fits; None for what is no query at all."""
    response = answer(names, query)
    if response is None or len(response) <= _LARGEST_DATAGRAM:
        return response
    number, flags, *_ = _HEADER.unpack_from(response)
    _, _, end = _question(query)
    return _HEADER.pack(number, flags | _TRUNCATED, 1, 0, 0, 0) + query[_HEADER.size : end]


def answer_stream(names: Zone, received: bytes) -> bytes | None:
    """The response to the first query on a TCP connection; None while it is incomplete."""
    length = int.from_bytes(received[:2], "big")
    if len(received) < 2 + length:
        return None
    response = answer(names, received[2 : 2 + length]) or b""
    return len(response).to_bytes(2, "big") + response


def answer(names: Zone, query: bytes) -> bytes | None:
    """The response to a query; None for what is no query at all.

    A name of the cluster that is not there does not exist; there is nobody to ask about any other.
    """
    if len(query) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & _RESPONSE:
        return None
    head = _RESPONSE | _AUTHORITATIVE | flags & (_OPERATION | _RECURSION_DESIRED)
    if flags & _OPERATION:
        return _HEADER.pack(number, head | _Outcome.NOT_IMPLEMENTED, 0, 0, 0, 0)
    try:
        name, kind, end = _question(query)
    except ValueError:
        return _HEADER.pack(number, head | _Outcome.FORMAT_ERROR, 0, 0, 0, 0)
    if questions != 1:
        return _HEADER.pack(number, head | _Outcome.FORMAT_ERROR, 0, 0, 0, 0)
    records = names.get(name)
    outcome = _Outcome.NO_SUCH_NAME if records is None and not _is_above_a_name(names, name) else _Outcome.NO_ERROR
    answers = list(_answers(names, name, kind))
    return _HEADER.pack(number, head | outcome, 1, len(answers), 0, 0) + query[_HEADER.size : end] + b"".join(answers)


def _question(query: bytes) -> tuple[str, int, int]:
    """The name and the type that are asked for, and where the question ends. Raises ValueError if it is malformed."""
    labels = []
    at = _HEADER.size
    while True:
        if at >= len(query):
            raise ValueError("the name does not end")
        length = query[at]
        if length > 63:
            raise ValueError("a question has no reason to be compressed")
        at += 1
        if length == 0:
            break
        labels.append(query[at : at + length].decode(errors="surrogateescape").lower())
        at += length
    if at + 4 > len(query):
        raise ValueError("the question is cut short")
    kind = int.from_bytes(query[at : at + 2], "big")
    return ".".join(labels), kind, at + 4


def _answers(names: Zone, name: str, kind: int) -> Iterator[bytes]:
    """The records of a name, following an alias to where it leads inside the cluster."""
    records = names.get(name, DnsRecords())
    if records.alias:
        yield _record(name, _TYPE_CNAME, _encoded(records.alias))
        name = records.alias
        records = names.get(name, DnsRecords())
    for ip in records.addresses:
        type_ = _TYPE_A if ip.version == 4 else _TYPE_AAAA
        if kind in (type_, _TYPE_ANY):
            yield _record(name, type_, ip.packed)


def _record(name: str, kind: int, data: bytes) -> bytes:
    return _encoded(name) + _RECORD.pack(kind, _CLASS_INTERNET, _TIME_TO_LIVE, len(data)) + data


def _encoded(name: str) -> bytes:
    labels = [label.encode(errors="surrogateescape")[:63] for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _is_above_a_name(names: Zone, name: str) -> bool:
    """Whether some other name ends in this one: then it exists, though nothing is there (RFC 8020)."""
    return any(other.endswith(f".{name}") for other in names)


def _own_name(path: str) -> str:
    return path.partition("/")[2]


def _dashed(ip: IPAddress) -> str:
    return str(ip).replace(".", "-").replace(":", "-")
