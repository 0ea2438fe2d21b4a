"""Traffic: a set of (protocol, port), kept as disjoint port ranges for each protocol.

NetworkPolicy defines TCP, UDP and SCTP only. Whether everything else (ICMP and other protocols) belongs to the set is a
single flag. No port entry can name those protocols, so they are allowed if and only if a rule without ports allows all
traffic of a pair, or neither side is isolated.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from ringfence.sets import intervals
from ringfence.sets.intervals import Interval, Intervals

SinglePort = tuple[str, int]
"""A protocol and a port number, such as `("TCP", 80)`."""

# The order in which texts list protocols. The API server refuses other values of `protocol` (core/v1, type Protocol).
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
# From 1, because validation refuses port 0 (`IsValidPortNum` of apimachinery/pkg/util/validation).
ALL_PORTS: Final[Intervals] = ((1, 65535),)


class Traffic(msgspec.Struct, frozen=True, cache_hash=True):
    """Port ranges per protocol, and whether all other protocols are included."""

    tcp: Intervals = intervals.NOTHING
    udp: Intervals = intervals.NOTHING
    sctp: Intervals = intervals.NOTHING
    other: bool = False

    @classmethod
    def of(cls, protocol: str, ports: Iterable[Interval] = ALL_PORTS) -> "Traffic":
        """The traffic of one protocol (`TCP`, `UDP` or `SCTP`) to the ports in `ports`."""
        ranges = intervals.normalise(ports)
        match protocol:
            case "TCP":
                return cls(tcp=ranges)
            case "UDP":
                return cls(udp=ranges)
            case _:
                return cls(sctp=ranges)

    @classmethod
    def union_of(cls, sets: Iterable["Traffic"]) -> "Traffic":
        """The union of `sets`, in one pass over the ranges of all of them."""
        listed = list(sets)
        if len(listed) == 1:
            return listed[0]
        return cls(
            intervals.union_of(one.tcp for one in listed),
            intervals.union_of(one.udp for one in listed),
            intervals.union_of(one.sctp for one in listed),
            any(one.other for one in listed),
        )

    @property
    def work(self) -> int:
        """The steps that it takes to compare the set with another one, beyond those of a set of a few ranges: none.

        Those who set a bound take the ranges of all rules into account, of which few are left after a comparison.
        """
        return 0

    def __bool__(self) -> bool:
        return bool(self.tcp or self.udp or self.sctp or self.other)

    def __or__(self, more: "Traffic") -> "Traffic":
        return Traffic(
            intervals.union(self.tcp, more.tcp),
            intervals.union(self.udp, more.udp),
            intervals.union(self.sctp, more.sctp),
            self.other or more.other,
        )

    def __and__(self, mask: "Traffic") -> "Traffic":
        # Equal sets are common, because many rules name the same port; see `intervals.intersection`.
        if self == mask:
            return self
        return Traffic(
            intervals.intersection(self.tcp, mask.tcp),
            intervals.intersection(self.udp, mask.udp),
            intervals.intersection(self.sctp, mask.sctp),
            self.other and mask.other,
        )

    def __sub__(self, less: "Traffic") -> "Traffic":
        return Traffic(
            intervals.difference(self.tcp, less.tcp),
            intervals.difference(self.udp, less.udp),
            intervals.difference(self.sctp, less.sctp),
            self.other and not less.other,
        )

    def ports(self, protocol: str) -> Intervals:
        """The port ranges of one protocol (`TCP`, `UDP` or `SCTP`)."""
        match protocol:
            case "TCP":
                return self.tcp
            case "UDP":
                return self.udp
            case _:
                return self.sctp

    def contains(self, protocol: str, port: int) -> bool:
        """Whether `protocol` to `port` is in the set."""
        return intervals.contains(self.ports(protocol), port)

    @property
    def single(self) -> SinglePort | None:
        """The protocol and the number, if the set is exactly one port."""
        if self.other:
            return None
        match self.tcp, self.udp, self.sctp:
            case ((low, high),), (), ():
                protocol = "TCP"
            case (), ((low, high),), ():
                protocol = "UDP"
            case (), (), ((low, high),):
                protocol = "SCTP"
            case _:
                return None
        return (protocol, low) if low == high else None

    def __str__(self) -> str:
        """Every protocol with its ports: `TCP 80,443,8000-8080; UDP 53`."""
        if self == ALL_TRAFFIC:
            return "all traffic"
        if not self:
            return "nothing"
        parts = []
        for protocol in PROTOCOLS:
            if ports := self.ports(protocol):
                parts.append(f"{protocol} {port_list(ports)}")
        if self.other:
            parts.append("other protocols")
        return "; ".join(parts)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


NO_TRAFFIC: Final = Traffic()
ALL_TRAFFIC: Final = Traffic(ALL_PORTS, ALL_PORTS, ALL_PORTS, other=True)


def port_list(ports: Intervals) -> str:
    """Port ranges as people write them: `80,443,8000-8080`."""
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ports)
