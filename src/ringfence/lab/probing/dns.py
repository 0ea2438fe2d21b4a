"""DNS: the names of Services and pods in a cluster, answered from a topology.

    db.prod.svc.cluster.local           a Service: its cluster addresses, or its pods' if it is headless
    web-0.db.prod.svc.cluster.local     a pod behind a headless Service
    10-244-0-7.prod.pod.cluster.local   a pod by its address
    web-0.prod.pod.cluster.local        a pod by its name: an addition, because the laboratory chooses the addresses

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

_LARGEST_DATAGRAM: Final = 512  # without EDNS0 (RFC 6891), which this server does not offer
_TIME_TO_LIVE: Final = 5  # the default of CoreDNS's plugin `kubernetes`
_HEADER: Final = struct.Struct("!HHHHHH")
_RECORD: Final = struct.Struct("!HHIH")
_CLASS_INTERNET: Final = 1
_TYPE_A, _TYPE_CNAME, _TYPE_AAAA, _TYPE_ANY = 1, 5, 28, 255
# The flags of a header (RFC 1035, section 4.1.1): QR, AA, TC, RD and the four bits of OPCODE.
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _RECURSION_DESIRED = 0x8000, 0x0400, 0x0200, 0x0100
_OPCODE: Final = 0x7800
_LONGEST_LABEL: Final = 63


class _ResponseCode(IntEnum):
    NO_ERROR = 0
    FORMAT_ERROR = 1
    NAME_ERROR = 3
    NOT_IMPLEMENTED = 4


class _MalformedQuestion(ValueError):
    """A question that cannot be read."""


class _Question(msgspec.Struct, frozen=True):
    """The name and the record type that a query asks for, and where the question ends in the query."""

    name: str
    type: int
    end: int


class DnsRecords(msgspec.Struct, frozen=True):
    """What a name stands for: addresses, or another name."""

    addresses: tuple[IPAddress, ...] = ()
    alias: str = ""


Zone = Mapping[str, DnsRecords]
"""All names, in lower case and without a dot at the end."""


def build_zone(topology: Topology) -> Zone:
    """The names of a topology."""
    addresses: defaultdict[str, list[IPAddress]] = defaultdict(list)
    aliases: dict[str, DnsRecords] = {}
    for pod in topology.pods:
        domain = f"{pod.namespace}.pod.{CLUSTER_DOMAIN}"
        addresses[f"{_name_in_namespace(pod.name)}.{domain}"] += pod.addresses
        for ip in pod.addresses:
            addresses[f"{_dashed(ip)}.{domain}"].append(ip)
    for service in topology.services:
        name = service_name(service)
        if service.external_name:
            aliases[name] = DnsRecords(alias=service.external_name.rstrip(".").lower())
        elif service.addresses:
            addresses[name] += service.addresses
        else:
            for pod_name in service.pods:
                of_pod = topology.pod_by_name[pod_name].addresses
                addresses[name] += of_pod
                addresses[f"{_name_in_namespace(pod_name)}.{name}"] += of_pod
    return aliases | {name.lower(): DnsRecords(tuple(found)) for name, found in addresses.items()}


def service_name(service: LabService) -> str:
    """The full name of a Service."""
    namespace, _, name = service.name.partition("/")
    return f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"


def resolver_configuration(server: IPAddress, namespace: str) -> str:
    """The `/etc/resolv.conf` of a pod in `namespace`; the search domains with `pod` find pods by name.

    `ndots:5` is what the kubelet writes: names with fewer dots are looked up in the search domains first.
    """
    domains = (f"{namespace}.svc", "svc", "", f"{namespace}.pod", "pod")
    search = " ".join(f"{domain}.{CLUSTER_DOMAIN}".lstrip(".") for domain in domains)
    return f"nameserver {server}\nsearch {search}\noptions ndots:5\n"


def answer_datagram(names: Zone, query: bytes) -> bytes | None:
    """The response to a query by UDP, truncated if it is too long; None if `query` is not a query."""
    response = answer(names, query)
    if response is None or len(response) <= _LARGEST_DATAGRAM:
        return response
    number, flags, *_ = _HEADER.unpack_from(response)
    end = _parse_question(query).end
    return _HEADER.pack(number, flags | _TRUNCATED, 1, 0, 0, 0) + query[_HEADER.size : end]


def answer_stream(names: Zone, received: bytes) -> bytes | None:
    """The response to the first query on a TCP connection; None while it is incomplete."""
    length = int.from_bytes(received[:2], "big")
    if len(received) < 2 + length:
        return None
    response = answer(names, received[2 : 2 + length]) or b""
    return len(response).to_bytes(2, "big") + response


def answer(names: Zone, query: bytes) -> bytes | None:
    """The response to a query; None if `query` is not a query.

    Names outside the cluster do not exist either: the laboratory has no other server to ask.
    """
    if len(query) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & _RESPONSE:  # two servers that answered each other's answers would never stop
        return None
    flags = _RESPONSE | _AUTHORITATIVE | flags & (_OPCODE | _RECURSION_DESIRED)
    if flags & _OPCODE:
        return _HEADER.pack(number, flags | _ResponseCode.NOT_IMPLEMENTED, 0, 0, 0, 0)
    try:
        question = _parse_question(query)
    except _MalformedQuestion:
        return _HEADER.pack(number, flags | _ResponseCode.FORMAT_ERROR, 0, 0, 0, 0)
    if questions != 1:
        return _HEADER.pack(number, flags | _ResponseCode.FORMAT_ERROR, 0, 0, 0, 0)
    exists = question.name in names or _is_above_a_name(names, question.name)
    code = _ResponseCode.NO_ERROR if exists else _ResponseCode.NAME_ERROR
    records = list(_records(names, question))
    header = _HEADER.pack(number, flags | code, 1, len(records), 0, 0)
    return header + query[_HEADER.size : question.end] + b"".join(records)


def _parse_question(query: bytes) -> _Question:
    """The first question of a query. Raises _MalformedQuestion."""
    labels = []
    at = _HEADER.size
    while True:
        if at >= len(query):
            raise _MalformedQuestion("the name does not end")
        length = query[at]
        # Larger values are compression pointers; the first name of a message has nothing to point to.
        if length > _LONGEST_LABEL:
            raise _MalformedQuestion("the name is compressed")
        at += 1
        if length == 0:
            break
        labels.append(query[at : at + length].decode(errors="surrogateescape").lower())
        at += length
    if at + 4 > len(query):
        raise _MalformedQuestion("the question is incomplete")
    return _Question(".".join(labels), int.from_bytes(query[at : at + 2], "big"), at + 4)


def _records(names: Zone, question: _Question) -> Iterator[bytes]:
    """The records that answer a question; an alias is followed once, inside the cluster."""
    name = question.name
    found = names.get(name, DnsRecords())
    if found.alias:
        yield _record(name, _TYPE_CNAME, _encoded(found.alias))
        name = found.alias
        found = names.get(name, DnsRecords())
    for ip in found.addresses:
        record_type = _TYPE_A if ip.version == 4 else _TYPE_AAAA
        if question.type in (record_type, _TYPE_ANY):
            yield _record(name, record_type, ip.packed)


def _record(name: str, record_type: int, data: bytes) -> bytes:
    return _encoded(name) + _RECORD.pack(record_type, _CLASS_INTERNET, _TIME_TO_LIVE, len(data)) + data


def _encoded(name: str) -> bytes:
    labels = [label.encode(errors="surrogateescape")[:_LONGEST_LABEL] for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _is_above_a_name(names: Zone, name: str) -> bool:
    """Whether another name ends in this one: then it exists although it has no records (RFC 8020)."""
    return any(other.endswith(f".{name}") for other in names)


def _name_in_namespace(path: str) -> str:
    return path.partition("/")[2]


def _dashed(ip: IPAddress) -> str:
    return str(ip).replace(".", "-").replace(":", "-")
