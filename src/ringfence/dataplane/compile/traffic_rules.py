"""Converts traffic into conditions on a packet's protocol and port."""

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
"""The set of the protocols that have ports. Protocols that are not in it are other traffic, such as ICMP."""

_WITH_PORTS_SET: Final = HashSet(
    (KeyPart.PROTOCOL,), frozenset(bytes([number]) for number in PROTOCOL_NUMBERS.values())
)

WITHOUT_PORTS: Final = Lookup((Field.PROTOCOL,), _WITH_PORTS, absent=True)
"""Matches packets of a protocol without ports."""

WITHOUT_PORTS_SETS: Final[dict[str, Collection]] = {_WITH_PORTS: _WITH_PORTS_SET}
"""The set that `WITHOUT_PORTS` looks up."""

TRAFFIC_FIELDS: Final = (Field.PROTOCOL, Field.PORT)

_ANY_PORT: Final[Interval] = (0, 65535)
"""All ports in the kernel. They include port 0, which no policy can name."""

_PORTS: Final = 1 << 16


# Above the numbers of all protocols with ports: those are less than 256 * 65536.
OTHER_PROTOCOLS: Final[Interval] = (1 << 24, 1 << 24)
"""The number that represents all protocols without ports."""

NUMBERS: Final[Interval] = (0, OTHER_PROTOCOLS[1])
"""The range of all numbers of protocols and ports."""


def traffic_conditions(numbers: Intervals) -> Iterator[tuple[tuple[Condition, ...], dict[str, Collection]]]:
    """Yield alternative conditions, with the sets that they look up.

    A packet belongs to the traffic if it meets all conditions of one alternative.
    """
    for protocol, ports in _by_protocol(numbers):
        yield _port_conditions(protocol, ports)
    if without_others(numbers) != numbers:
        yield (WITHOUT_PORTS,), WITHOUT_PORTS_SETS


def compared_ports(numbers: Intervals, most: int) -> Iterator[tuple[tuple[Condition, ...], Intervals]]:
    """Yield alternative conditions without sets, for protocols with at most `most` ranges of ports in the traffic.

    Each alternative is returned with the numbers that it matches.
    """
    for protocol, ports in _by_protocol(numbers):
        for first, last in ports if len(ports) <= most else ():
            on_ports = () if (first, last) == _ANY_PORT else (PortBetween(first, last),)
            number = protocol * _PORTS
            yield (ProtocolIs(protocol), *on_ports), ((number + first, number + last),)


def _by_protocol(numbers: Intervals) -> Iterator[tuple[int, list[Interval]]]:
    """Yield the protocols with ports that occur in the numbers, each with its ranges of ports."""
    for protocol in PROTOCOL_NUMBERS.values():
        first = protocol * _PORTS
        if ports := intervals.intersection(numbers, ((first, first + _PORTS - 1),)):
            yield protocol, [(low - first, high - first) for low, high in ports]


def _port_conditions(protocol: int, ports: Sequence[Interval]) -> tuple[tuple[Condition, ...], dict[str, Collection]]:
    """Return the conditions for one protocol and these ports, and the sets that the conditions look up."""
    if ports == [_ANY_PORT]:
        return (ProtocolIs(protocol),), {}
    ranges = [(port_key(first), port_key(last)) for first, last in ports]
    name = f"ports_{digest_of_ranges(ranges)}"
    return (ProtocolIs(protocol), Lookup((Field.PORT,), name)), {name: RangeSet(PORT, frozenset(ranges))}


@lru_cache(maxsize=1 << 14)
def numbered(traffic: Traffic) -> Intervals:
    """Convert traffic into one set of numbers: `protocol * 65536 + port`, and `OTHER_PROTOCOLS`."""
    ranges = (
        (PROTOCOL_NUMBERS[protocol] * _PORTS + low, PROTOCOL_NUMBERS[protocol] * _PORTS + high)
        for protocol in PROTOCOLS
        for low, high in _in_kernel(traffic.ports(protocol))
    )
    return intervals.normalise([*ranges, *([OTHER_PROTOCOLS] if traffic.other else [])])


def traffic_ranges(numbers: Intervals) -> Iterator[KeyRange]:
    """Convert numbers of protocols and ports into ranges of keys."""
    for low, high in numbers:
        yield traffic_key(*divmod(low, _PORTS)), traffic_key(*divmod(high, _PORTS))


def without_others(numbers: Intervals) -> Intervals:
    """Return the numbers without `OTHER_PROTOCOLS`: those of protocols that have ports."""
    return intervals.difference(numbers, (OTHER_PROTOCOLS,))


def _in_kernel(ports: Intervals) -> Intervals:
    return (_ANY_PORT,) if ports == ALL_PORTS else ports


ALL_NUMBERS: Final = numbered(ALL_TRAFFIC)
