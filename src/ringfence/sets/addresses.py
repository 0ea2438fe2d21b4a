"""Addresses: a set of IP addresses, kept as disjoint ranges for each family.

An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is not an IPv4 address here. `parse_address` reads such a text as the
IPv4 address, as Kubernetes does.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, summarize_address_range
from typing import Final

import msgspec

from ringfence.sets import intervals
from ringfence.sets.address_blocks import Prefix, blocks
from ringfence.sets.intervals import Interval, Intervals

Network = IPv4Network | IPv6Network


class Family(IntEnum):
    """An address family, by its IP version."""

    IPV4 = 4
    IPV6 = 6

    # `Enum` hashes the name, by a function in Python: every look-up with a question about a port would call it.
    __hash__ = int.__hash__

    def __str__(self) -> str:
        return f"IPv{self.value}"


FAMILIES: Final = (Family.IPV4, Family.IPV6)
WHOLE: Final[dict[Family, Interval]] = {Family.IPV4: (0, (1 << 32) - 1), Family.IPV6: (0, (1 << 128) - 1)}


# Steps bound questions about any cluster (`engine.possible.budget`), so a set of thousands of ranges must count as more
# than one.
_RANGES_OF_A_STEP: Final = 8
"""The number of ranges that are compared in the time of a step."""


class Addresses(msgspec.Struct, frozen=True, cache_hash=True):
    """Ranges of IPv4 and of IPv6 addresses, as numbers."""

    v4: Intervals = intervals.NOTHING
    v6: Intervals = intervals.NOTHING

    @classmethod
    def of(cls, *networks: Network) -> "Addresses":
        """All the addresses of `networks`."""
        spans = {family: [span(network) for network in networks if network.version == family] for family in FAMILIES}
        return cls(intervals.normalise(spans[Family.IPV4]), intervals.normalise(spans[Family.IPV6]))

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[Family, Interval]]) -> "Addresses":
        """All the addresses in some ranges, each with its family."""
        by_family: dict[Family, list[Interval]] = {family: [] for family in FAMILIES}
        for family, interval in ranges:
            by_family[family].append(interval)
        return cls(intervals.normalise(by_family[Family.IPV4]), intervals.normalise(by_family[Family.IPV6]))

    @classmethod
    def in_family(cls, family: Family, ranges: Intervals) -> "Addresses":
        """The set of one family's `ranges`."""
        return cls(v4=ranges) if family is Family.IPV4 else cls(v6=ranges)

    @classmethod
    def union_of(cls, sets: Iterable["Addresses"]) -> "Addresses":
        """The union of `sets`, in one pass over the ranges of all of them."""
        listed = list(sets)
        if len(listed) == 1:
            return listed[0]
        return cls(intervals.union_of(one.v4 for one in listed), intervals.union_of(one.v6 for one in listed))

    def ranges(self, family: Family) -> Intervals:
        """The ranges of one family."""
        return self.v4 if family is Family.IPV4 else self.v6

    @property
    def work(self) -> int:
        """The steps that it takes to compare the set with another one, beyond those of a set of a few ranges."""
        return (len(self.v4) + len(self.v6)) // _RANGES_OF_A_STEP

    def size(self, family: Family) -> int:
        """How many addresses of one family are in the set."""
        return intervals.size(self.ranges(family))

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of which there are addresses in the set."""
        if self.v4 and self.v6:
            return FAMILIES
        return (Family.IPV4,) if self.v4 else (Family.IPV6,) if self.v6 else ()

    def has_most_of_a_family(self) -> bool:
        """Whether the set has most addresses of a family: a block with a few exceptions is nearly as open as all."""
        return any(2 * self.size(family) > ALL_ADDRESSES.size(family) for family in FAMILIES)

    def contains(self, family: Family, number: int) -> bool:
        """Whether the address with this number is in the set."""
        return intervals.contains(self.ranges(family), number)

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def __or__(self, more: "Addresses") -> "Addresses":
        return Addresses(intervals.union(self.v4, more.v4), intervals.union(self.v6, more.v6))

    def __and__(self, mask: "Addresses") -> "Addresses":
        return Addresses(intervals.intersection(self.v4, mask.v4), intervals.intersection(self.v6, mask.v6))

    def __sub__(self, less: "Addresses") -> "Addresses":
        return Addresses(intervals.difference(self.v4, less.v4), intervals.difference(self.v6, less.v6))

    def __xor__(self, other: "Addresses") -> "Addresses":
        return (self - other) | (other - self)

    def cidrs(self) -> list[str]:
        """The shortest list of CIDRs that covers exactly this set, IPv4 first, ascending."""
        return [str(network) for family in FAMILIES for network in _networks(family, self.ranges(family))]

    def blocks(self) -> list[tuple[str, tuple[str, ...]]]:
        """CIDRs, each with exceptions, that cover exactly this set, as in ipBlocks: in as few CIDRs as possible."""
        return [
            (_prefix_text(family, block.prefix), tuple(_prefix_text(family, one) for one in block.exceptions))
            for family in FAMILIES
            for block in blocks(self.ranges(family), WHOLE[family])
        ]

    def __str__(self) -> str:
        """All addresses, as an ipBlock is written, in as few CIDRs as possible: `10.0.0.0/8 except 10.1.0.0/16; ::/0`.

        A semicolon separates CIDRs with exceptions, a comma the others.
        """
        return _text(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


NO_ADDRESSES: Final = Addresses()
ALL_ADDRESSES: Final = Addresses((WHOLE[Family.IPV4],), (WHOLE[Family.IPV6],))
LOOPBACK: Final = Addresses(((127 << 24, (128 << 24) - 1),), ((1, 1),))
"""127.0.0.0/8 and ::1: for every pod and node, these are its own addresses."""


def span(network: Network) -> Interval:
    """The first and the last address of a network, as numbers."""
    return int(network.network_address), int(network.broadcast_address)


def parse_address(text: str) -> tuple[Family, int]:
    """An address's family and number. Raises ValueError for text that is not an IP address."""
    try:
        # `OCTETS` has no texts with leading zeros: Python refuses `010.0.0.1` since 3.9.5, because some programs read
        # it as octal.
        a, b, c, d = text.split(".")
        return _IPV4, OCTETS[a] << 24 | OCTETS[b] << 16 | OCTETS[c] << 8 | OCTETS[d]
    except (KeyError, ValueError):  # not IPv4, or not an address
        if ":" not in text:  # the library takes eight times as long to refuse a text, and an object can have 75,000
            raise ValueError(f"{text!r} does not appear to be an IPv4 or IPv6 address") from None
        # For Go's `net.IP`, an IPv4-mapped address is the IPv4 address (`IP.To4`).
        written = ip_address(text)
        address = (written.ipv4_mapped if isinstance(written, IPv6Address) else None) or written
        return Family(address.version), int(address)


OCTETS: Final = {str(number): number for number in range(256)}
"""To look up four numbers takes a sixth of the time that the standard library needs to read them."""

_IPV4: Final = Family.IPV4  # the attribute of the enumeration is looked up once, not for each address


def address_text(family: Family, number: int) -> str:
    """The address with this number, as text."""
    return str(IPv4Address(number) if family is Family.IPV4 else IPv6Address(number))


@lru_cache(maxsize=4096)  # a list of connections writes the same few sets again and again
def _text(addresses: Addresses) -> str:
    if addresses == ALL_ADDRESSES:
        return "any address"
    parts: list[str] = []
    # A comma inside exceptions would be ambiguous with a comma between blocks, so blocks next to a block with
    # exceptions are separated by a semicolon.
    joint = ""
    for cidr, exceptions in addresses.blocks():
        if parts:
            parts.append("; " if exceptions or joint == "; " else ", ")
        parts.append(cidr)
        if exceptions:
            parts.append(f" except {', '.join(exceptions)}")
        joint = "; " if exceptions else ", "
    return "".join(parts) or "no address"


def _prefix_text(family: Family, prefix: Prefix) -> str:
    number, length = prefix
    return f"{address_text(family, number)}/{length}"


def _networks(family: Family, ranges: Intervals) -> Iterable[Network]:
    address = IPv4Address if family is Family.IPV4 else IPv6Address
    for low, high in ranges:
        yield from summarize_address_range(address(low), address(high))
