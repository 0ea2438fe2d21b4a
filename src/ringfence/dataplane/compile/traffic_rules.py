"""Traffic as conditions on a packet's protocol and port."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
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
    PortBetween,
    ProtocolIs,
    RangeSet,
    digest_of_ranges,
    port_key,
    traffic_key,
)
from ringfence.sets import intervals
from ringfence.sets.intervals import Interval, Intervals
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, PROTOCOLS, Traffic

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

_ANY_PORT: Final[Interval] = (0, 65535)
"""All ports as the kernel counts them: from 0, which no policy can name."""

_PORTS: Final = 1 << 16


OTHER_PROTOCOLS: Final[Interval] = (1 << 24, 1 << 24)
"""The number that stands for all protocols that have no ports."""

NUMBERS: Final[Interval] = (0, OTHER_PROTOCOLS[1])
"""All numbers of protocols and ports."""


def traffic_conditions(numbers: Intervals) -> Iterator[tuple[tuple[Condition, ...], dict[str, Collection]]]:
    """Alternatives, with the sets that they look into: a packet meets one of them if it belongs to the traffic."""
    for protocol, ports in _by_protocol(numbers):
        yield _port_conditions(protocol, ports)
    if without_others(numbers) != numbers:
        yield (WITHOUT_PORTS,), WITHOUT_PORTS_SETS


def compared_ports(numbers: Intervals, most: int) -> Iterator[tuple[tuple[Condition, ...], Intervals]]:
    """Alternatives without any sets for the protocols of which the traffic has at most so many ranges of ports.

    Each comes with the numbers that it is about.
    """
    for protocol, ports in _by_protocol(numbers):
        for first, last in ports if len(ports) <= most else ():
            on_ports = () if (first, last) == _ANY_PORT else (PortBetween(first, last),)
            number = protocol * _PORTS
            yield (ProtocolIs(protocol), *on_ports), ((number + first, number + last),)


def _by_protocol(numbers: Intervals) -> Iterator[tuple[int, list[Interval]]]:
    """The protocols that have ports, each with ranges of its own, as far as there are any."""
    for protocol in PROTOCOL_NUMBERS.values():
        first = protocol * _PORTS
        if ports := intervals.intersection(numbers, ((first, first + _PORTS - 1),)):
            yield protocol, [(low - first, high - first) for low, high in ports]


def _port_conditions(protocol: int, ports: Sequence[Interval]) -> tuple[tuple[Condition, ...], dict[str, Collection]]:
    """The conditions of one protocol and some of its ports."""
    if ports == [_ANY_PORT]:
        return (ProtocolIs(protocol),), {}
    ranges = [(port_key(first), port_key(last)) for first, last in ports]
    name = f"ports_{digest_of_ranges(ranges)}"
    return (ProtocolIs(protocol), Lookup((Field.PORT,), name)), {name: RangeSet(PORT, frozenset(ranges))}


@lru_cache(maxsize=1 << 14)
def numbered(traffic: Traffic) -> Intervals:
    """The traffic as one set of numbers: `protocol * 65536 + port`, and `OTHER_PROTOCOLS`."""
    ranges = (
        (PROTOCOL_NUMBERS[protocol] * _PORTS + low, PROTOCOL_NUMBERS[protocol] * _PORTS + high)
        for protocol in PROTOCOLS
        for low, high in _in_kernel(traffic.ports(protocol))
    )
    return intervals.normalise([*ranges, *([OTHER_PROTOCOLS] if traffic.other else [])])


def traffic_ranges(numbers: Intervals) -> Iterator[KeyRange]:
    """Numbers of protocols and ports as ranges of keys."""
    for low, high in numbers:
        yield traffic_key(*divmod(low, _PORTS)), traffic_key(*divmod(high, _PORTS))


def without_others(numbers: Intervals) -> Intervals:
    """The numbers of protocols that have ports."""
    return intervals.difference(numbers, (OTHER_PROTOCOLS,))


def _in_kernel(ports: Intervals) -> Intervals:
    return (_ANY_PORT,) if ports == ALL_PORTS else ports


ALL_NUMBERS: Final = numbered(ALL_TRAFFIC)
