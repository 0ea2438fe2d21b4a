"""Traffic as conditions on a packet's protocol and port."""

from collections.abc import Iterator
from typing import Final

from ringfence.dataplane.compile.peers import PROTOCOL_NUMBERS
from ringfence.dataplane.program import (
    PORT,
    Collection,
    Condition,
    Field,
    HashSet,
    KeyPart,
    KeyRange,
    Lookup,
    ProtocolIs,
    RangeSet,
    digest,
    port_key,
    traffic_key,
)
from ringfence.sets import intervals
from ringfence.sets.intervals import Intervals
from ringfence.sets.traffic import ALL_PORTS, PROTOCOLS, Traffic

_WITH_PORTS: Final = "with_ports"
"""The set of the protocols that have ports: what is not in it is Kubernetes' other traffic, such as ICMP."""

_WITH_PORTS_SET: Final = HashSet(
    (KeyPart.PROTOCOL,), frozenset(bytes([number]) for number in PROTOCOL_NUMBERS.values())
)

WITHOUT_PORTS: Final = Lookup((Field.PROTOCOL,), _WITH_PORTS, absent=True)
"""The packet is of a protocol that has no ports."""

WITHOUT_PORTS_SETS: Final[dict[str, Collection]] = {_WITH_PORTS: _WITH_PORTS_SET}
"""What `WITHOUT_PORTS` looks into."""

TRAFFIC_FIELDS: Final = (Field.PROTOCOL, Field.PORT)

_ANY_PORT: Final[Intervals] = ((0, 65535),)
"""All ports as the kernel counts them: from 0, which no policy can name."""

_PORTS: Final = 1 << 16


def traffic_conditions(traffic: Traffic) -> Iterator[tuple[tuple[Condition, ...], dict[str, Collection]]]:
    """Alternatives, with the sets that they look into: a packet meets one of them if it belongs to the traffic."""
    for protocol in PROTOCOLS:
        if ports := traffic.ports(protocol):
            yield _port_conditions(protocol, ports)
    if traffic.other:
        yield (WITHOUT_PORTS,), WITHOUT_PORTS_SETS


def _port_conditions(protocol: str, ports: Intervals) -> tuple[tuple[Condition, ...], dict[str, Collection]]:
    """The conditions of one protocol and some of its ports; all ports include port 0, which no policy can name."""
    is_protocol = ProtocolIs(PROTOCOL_NUMBERS[protocol])
    if ports == ALL_PORTS:
        return (is_protocol,), {}
    ranges = RangeSet(PORT, frozenset((port_key(first), port_key(last)) for first, last in ports))
    name = f"ports_{digest(ranges.elements)}"
    return (is_protocol, Lookup((Field.PORT,), name)), {name: ranges}


def numbered(traffic: Traffic) -> Intervals:
    """The protocols and ports of the traffic as one set of numbers: `protocol * 65536 + port`."""
    return intervals.normalise(
        (PROTOCOL_NUMBERS[protocol] * _PORTS + low, PROTOCOL_NUMBERS[protocol] * _PORTS + high)
        for protocol in PROTOCOLS
        for low, high in _in_kernel(traffic.ports(protocol))
    )


def traffic_ranges(numbers: Intervals) -> Iterator[KeyRange]:
    """Numbers of protocols and ports as ranges of keys."""
    for low, high in numbers:
        yield traffic_key(*divmod(low, _PORTS)), traffic_key(*divmod(high, _PORTS))


def _in_kernel(ports: Intervals) -> Intervals:
    return _ANY_PORT if ports == ALL_PORTS else ports
