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
    Lookup,
    ProtocolIs,
    RangeSet,
    digest,
    port_key,
)
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


def traffic_conditions(traffic: Traffic) -> Iterator[tuple[tuple[Condition, ...], dict[str, Collection]]]:
    """Alternatives, with the sets that they look into: a packet meets one of them if it belongs to the traffic."""
    for protocol in PROTOCOLS:
        if ports := traffic.ports(protocol):
            yield port_conditions(protocol, ports)
    if traffic.other:
        yield (WITHOUT_PORTS,), WITHOUT_PORTS_SETS


def port_conditions(protocol: str, ports: Intervals) -> tuple[tuple[Condition, ...], dict[str, Collection]]:
    """The conditions of one protocol and some of its ports; all ports include port 0, which no policy can name."""
    is_protocol = ProtocolIs(PROTOCOL_NUMBERS[protocol])
    if ports == ALL_PORTS:
        return (is_protocol,), {}
    ranges = RangeSet(PORT, frozenset((port_key(first), port_key(last)) for first, last in ports))
    name = f"ports_{digest(ranges.elements)}"
    return (is_protocol, Lookup((Field.PORT,), name)), {name: ranges}
