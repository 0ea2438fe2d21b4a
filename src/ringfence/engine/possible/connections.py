"""Single possible connections: the points of the space of boxes, and the smallest one in a box.

Not every box contains one: two pods of one namespace have the same namespace labels, both ends use one address family,
no two ends have the same address, and addresses of a domain name are also addresses of its wildcards.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice, product
from typing import Final, NamedTuple

import msgspec

from ringfence.engine.population import NAME_LABEL, PortName
from ringfence.engine.possible.axes import (
    A_POD,
    ADDRESS,
    AN_ADDRESS,
    IS_NODE,
    KIND,
    TRAFFIC,
    YES,
    EndProperty,
    LabelAxis,
    Labelled,
    PropertyAxis,
    Role,
    domain_name_axis,
    name_axis,
    port_name_axis,
    resolved_names,
)
from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, Addresses, Family, parse_address
from ringfence.sets.boxes import Axis, AxisSet, Box, box_of
from ringfence.sets.host_addresses import HostAddresses
from ringfence.sets.label_values import ABSENT, ANY_VALUE, PRESENT, LabelValues, one_of
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic

Address = tuple[Family, int]


class ExactPod(msgspec.Struct, frozen=True):
    """A pod that could exist; `namespace_labels` includes the name of the namespace."""

    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str]
    address: Address

    @property
    def namespace(self) -> str:
        """The name of its namespace."""
        return self.namespace_labels[NAME_LABEL]


class ExactAddress(msgspec.Struct, frozen=True):
    """An address outside the cluster: of a node if `node_labels` are given, and of `domain_names` if these are.

    Wildcards that match a name, such as `*.example.com`, are not listed. A source node may have `other_addresses` of
    the same family.
    """

    address: Address
    node_labels: Mapping[str, str] | None = None
    domain_names: tuple[str, ...] = ()
    other_addresses: tuple[Address, ...] = ()

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        """The address of the connection, and after it the others."""
        return (self.address, *self.other_addresses)


ExactEnd = ExactPod | ExactAddress


class PossibleConnection(msgspec.Struct, frozen=True):
    """One possible connection. An empty protocol stands for one without ports, such as ICMP.

    `port_names` are the names that the destination gives the port.
    """

    source: ExactEnd
    destination: ExactEnd
    protocol: str
    port: int
    port_names: tuple[PortName, ...] = ()

    def end(self, role: Role) -> ExactEnd:
        """The end in a role."""
        return self.source if role is Role.SOURCE else self.destination

    @property
    def traffic(self) -> Traffic:
        """The protocol and the port as a set."""
        return Traffic.of(self.protocol, ((self.port, self.port),)) if self.protocol else Traffic(other=True)


# --- the box of a connection ------------------------------------------------------------------------------------------


def connection_box(connection: PossibleConnection, axes: Iterable[Axis]) -> Box:
    """The box of one connection, limited on those `axes` that the policies read (`Meaning.axes`)."""
    read = list(axes)
    named = {port_name_axis(name, protocol) for name, protocol in connection.port_names}
    limits: list[tuple[Axis, AxisSet]] = [(TRAFFIC, connection.traffic)]
    for role in Role:
        limits += end_box(connection.end(role), role, read).items()
    for axis in read:
        if isinstance(axis, PropertyAxis) and axis.about is EndProperty.PORT_NAME:
            limits.append((axis, YES if axis in named else one_of(ABSENT)))
    box = box_of(limits)
    assert box is not None
    return box


def end_box(end: ExactEnd, role: Role, axes: Iterable[Axis]) -> Box:
    """The connections with exactly `end` at one end, limited on those `axes` that the policies read (`Meaning.axes`).

    A label that the end lacks is absent. Port names are not limited.
    """
    limits: list[tuple[Axis, AxisSet]] = [
        (KIND[role], A_POD if isinstance(end, ExactPod) else AN_ADDRESS),
        (ADDRESS[role], _exact_address(end, role)),
    ]
    labels = _labels_of(end)
    for axis in axes:
        if isinstance(axis, LabelAxis) and axis.role is role and axis.labelled in labels:
            limits.append((axis, one_of(labels[axis.labelled].get(axis.key, ABSENT))))
    if isinstance(end, ExactAddress):
        limits.append((IS_NODE[role], YES if end.node_labels is not None else one_of(ABSENT)))
        resolving = {domain_name_axis(role, one) for name in end.domain_names for one in resolved_names(name)}
        for axis in axes:
            if isinstance(axis, PropertyAxis) and axis.role is role and axis.about is EndProperty.DOMAIN_NAME:
                limits.append((axis, YES if axis in resolving else one_of(ABSENT)))
    box = box_of(limits)
    assert box is not None, f"{end} is not possible"
    return box


def _exact_address(end: ExactEnd, role: Role) -> AxisSet:
    family, number = end.address
    if role is Role.DESTINATION:
        return Addresses.in_family(family, ((number, number),))
    numbers = [one for _, one in end.all_addresses] if isinstance(end, ExactAddress) else [number]
    return HostAddresses.exactly(family, numbers)


def _labels_of(end: ExactEnd) -> dict[Labelled, Mapping[str, str]]:
    if isinstance(end, ExactPod):
        return {Labelled.NAMESPACE: end.namespace_labels, Labelled.POD: end.labels}
    return {} if end.node_labels is None else {Labelled.NODE: end.node_labels}


# --- the smallest connection in a box ---------------------------------------------------------------------------------

_KINDS: Final = ((A_POD, A_POD), (AN_ADDRESS, A_POD), (A_POD, AN_ADDRESS))
"""The possible kinds of source and destination. Policies do not apply between two addresses."""


def connection_in(box: Box) -> PossibleConnection | None:
    """A connection in a box, with as few labels as possible; None if none could exist."""
    meeting = next(_meetings_in(box), None)
    if meeting is None:
        return None
    protocol, port = _port_in(box.get(TRAFFIC, ALL_TRAFFIC))
    source, destination = _ends_of(box, meeting)
    names = tuple(_port_names_in(box, protocol)) if isinstance(destination, ExactPod) else ()
    return PossibleConnection(source, destination, protocol, port, names)


def has_connection(box: Box) -> bool:
    """Whether a connection in a box could exist: `connection_in`, without its labels and its port."""
    return next(_meetings_in(box), None) is not None


def _port_in(traffic: Traffic) -> tuple[str, int]:
    for protocol in PROTOCOLS:
        if ports := traffic.ports(protocol):
            usual = [port for port in _USUAL_PORTS if intervals.contains(ports, port)]
            return protocol, usual[0] if usual else ports[0][0]
    return "", 0


_USUAL_PORTS: Final = (80, 443, 53)
"""Well-known ports, which are preferred if the box allows them."""


def _port_names_in(box: Box, protocol: str) -> Iterator[PortName]:
    for axis, values in box.items():
        if isinstance(axis, PropertyAxis) and axis.about is EndProperty.PORT_NAME and values == YES:
            name, _, named_protocol = axis.name.rpartition("/")
            if named_protocol == protocol:
                yield name, protocol


class _Meeting(NamedTuple):
    """Where two ends meet: all addresses of the source, of which it uses the first, and that of the destination.

    `names` are those of their namespaces; None for an address outside the cluster.
    """

    sources: tuple[Address, ...]
    destination: Address
    names: tuple[str | None, str | None]


def _meetings_in(box: Box) -> Iterator[_Meeting]:
    """Where ends of each kind could meet, pods in different namespaces if possible: their labels are then independent.

    One for each pair of kinds that is possible.
    """
    for kinds in _KINDS:
        if all(box.get(KIND[role], kind) & kind for role, kind in zip(Role, kinds, strict=True)):
            meeting = _meeting_in(box, kinds[0] is A_POD, kinds[1] is A_POD)
            if meeting is not None:
                yield meeting


def _meeting_in(box: Box, source_is_pod: bool, destination_is_pod: bool) -> _Meeting | None:
    hosts, limits = (box.get(ADDRESS[role], ADDRESS[role].universe) for role in Role)
    addresses = _addresses_in(hosts, limits, source_is_pod, destination_is_pod)
    if addresses is None and not source_is_pod and box.get(IS_NODE[Role.SOURCE], YES) & YES:
        addresses = _addresses_of_node_in(hosts, limits, destination_is_pod)
    if addresses is None or not all(_has_wider_names(box, role) for role in Role):
        return None
    source, destination = (
        _names_in(box, role) if is_pod else (None,)
        for role, is_pod in zip(Role, (source_is_pod, destination_is_pod), strict=True)
    )
    # Stable sort by "is one namespace": pairs of two namespaces come first, because their labels need not agree.
    for names in sorted(product(source, destination), key=lambda pair: pair[0] == pair[1]):
        if names[0] != names[1] or _shared_labels_in(box, str(names[0])) is not None:
            return _Meeting(*addresses, names)
    return None


def _ends_of(box: Box, meeting: _Meeting) -> tuple[ExactEnd, ExactEnd]:
    """The two ends in a box that meet there."""
    source, destination = meeting.names
    shared = _shared_labels_in(box, source) if source is not None and source == destination else None
    return (
        _address_in(box, Role.SOURCE, *meeting.sources)
        if source is None
        else _pod_in(box, Role.SOURCE, meeting.sources[0], source, shared),
        _address_in(box, Role.DESTINATION, meeting.destination)
        if destination is None
        else _pod_in(box, Role.DESTINATION, meeting.destination, destination, shared),
    )


def _pod_in(box: Box, role: Role, address: Address, name: str, shared: dict[str, str] | None) -> ExactPod:
    """The pod at one end, in a namespace with this name; `shared` are its labels if both ends are in it."""
    labels = shared or {**_labels_in(box, role, Labelled.NAMESPACE), NAME_LABEL: name}
    return ExactPod(labels, _labels_in(box, role, Labelled.POD), address)


def _address_in(box: Box, role: Role, address: Address, *others: Address) -> ExactAddress:
    is_node = bool(others) or box.get(IS_NODE[role]) == YES
    resolving = _domain_names_in(box, role)
    # A wildcard that a listed name already implies would be noise in the example.
    wider = {one for name in resolving for one in resolved_names(name)[1:]}
    names = tuple(name for name in resolving if name not in wider)
    return ExactAddress(address, _labels_in(box, role, Labelled.NODE) if is_node else None, names, others)


def _domain_names_in(box: Box, role: Role) -> list[str]:
    """The domain names that resolve to the address of an end."""
    return [
        axis.name
        for axis, values in box.items()
        if isinstance(axis, PropertyAxis)
        and axis.role is role
        and axis.about is EndProperty.DOMAIN_NAME
        and values == YES
    ]


def _has_wider_names(box: Box, role: Role) -> bool:
    """Whether the box allows, for each domain name of an end, the wildcards that match it."""
    names = (one for name in _domain_names_in(box, role) for one in resolved_names(name))
    return all(box.get(domain_name_axis(role, one), YES) & YES for one in names)


def _labels_in(box: Box, role: Role, labelled: Labelled) -> dict[str, str]:
    found = {
        axis.key: values.example()
        for axis, values in box.items()
        if isinstance(axis, LabelAxis) and axis.role is role and axis.labelled is labelled
    }
    return {key: value for key, value in found.items() if value is not ABSENT}


def _names_in(box: Box, role: Role) -> tuple[str, ...]:
    """One or two possible names of the namespace of an end."""
    usual = "somewhere" if role is Role.SOURCE else "elsewhere"
    return _two_of(box.get(name_axis(role), PRESENT), usual)


@lru_cache(maxsize=1 << 12)
def _two_of(values: LabelValues, usual: str) -> tuple[str, ...]:
    names: list[str] = []
    # Two names for each end suffice, because at most one of them equals that of the other end.
    while values and len(names) < 2:
        name = values.example(usual)
        assert name is not ABSENT
        names.append(name)
        values -= one_of(name)
    return tuple(names)


def _shared_labels_in(box: Box, name: str) -> dict[str, str] | None:
    """The labels of a namespace that contains both ends; None if it would need two values of one label."""
    limits: dict[str, LabelValues] = {}
    for axis, values in box.items():
        if isinstance(axis, LabelAxis) and axis.labelled is Labelled.NAMESPACE:
            limits[axis.key] = limits.get(axis.key, ANY_VALUE) & values
    if not all(limits.values()):
        return None
    found = {key: values.example() for key, values in limits.items()}
    return {**{key: value for key, value in found.items() if value is not ABSENT}, NAME_LABEL: name}


# --- addresses --------------------------------------------------------------------------------------------------------

_POD_RANGES: Final = {Family.IPV4: parse_address("10.0.0.1")[1], Family.IPV6: parse_address("fd00::1")[1]}
_OUTSIDE: Final = {Family.IPV4: parse_address("203.0.113.1")[1], Family.IPV6: parse_address("2001:db8::1")[1]}
"""Typical pod addresses, and addresses for documentation (RFC 5737, RFC 3849) for others."""
_EXAMPLES: Final = 253
"""How many more addresses for documentation follow the first one."""


# Most boxes do not limit addresses, or have limits that other boxes have, too.
@lru_cache(maxsize=1 << 12)
def _addresses_in(
    hosts: HostAddresses, limits: Addresses, source_is_pod: bool, destination_is_pod: bool
) -> tuple[tuple[Address, ...], Address] | None:
    """The address of a source that has only one, and a destination address of the same family."""
    usual = [_POD_RANGES if is_pod else _OUTSIDE for is_pod in (source_is_pod, destination_is_pod)]
    alone = hosts.alone
    for family in FAMILIES:
        # Two candidates for each end suffice, because at most one of them equals that of the other end.
        sources, destinations = (
            list(islice(_members(some.ranges(family), near[family]), 2))
            for some, near in zip((alone, limits), usual, strict=True)
        )
        for source, destination in product(sources, destinations):
            # Two ends with one address would be the same end.
            if source != destination:
                return ((family, source),), (family, destination)
    return None


def _addresses_of_node_in(
    hosts: HostAddresses, limits: Addresses, destination_is_pod: bool
) -> tuple[tuple[Address, ...], Address] | None:
    """All addresses of a source that is a node with several, of which it uses the first; otherwise as above."""
    usual = _POD_RANGES if destination_is_pod else _OUTSIDE
    for family in FAMILIES:
        examples = ((_OUTSIDE[family], _OUTSIDE[family] + _EXAMPLES),)
        # This ends soon: only few addresses are addresses of every possible node.
        for destination in _members(limits.ranges(family), usual[family]) if hosts.clauses(family) else ():
            own = Addresses.in_family(family, ((destination, destination),))
            host = (hosts & HostAddresses.without(own)).example(family, examples)
            if host:
                return tuple((family, number) for number in host), (family, destination)
    return None


def _members(ranges: intervals.Intervals, near: int) -> Iterator[int]:
    """All numbers of the ranges, with `near` and its successor first, if they are among them."""
    preferred = intervals.intersection(ranges, ((near, near + 1),))
    yield from (number for low, high in preferred for number in range(low, high + 1))
    for low, high in intervals.difference(ranges, preferred):
        first = intervals.plain(((low, high),))
        yield from chain(range(first, high + 1), range(low, first))
