"""Programs: what the kernel must hold, as plain immutable data.

A program is one nftables table: sets, verdict maps and chains by name. Keys of elements are kept as the kernel keeps
them (network byte order, each part of a concatenation padded to four bytes), so a program can be compared, sent and
read back without being translated.

A profile's chain is jumped to from a verdict map and *returns* when the profile allows a packet; what no rule allows
goes to a chain that counts and drops it. Every name is made here from fixed words, numbers and digests, never from a
string of an object.

Source: nft(8); `<linux/netfilter/nf_tables.h>`.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, StrEnum
from functools import cached_property
from itertools import accumulate, compress
from operator import is_not
from typing import Final, NamedTuple, TypeVar

import msgspec

from ringfence.sets.addresses import FAMILIES, Family

V = TypeVar("V")


class KeyPart(Enum):
    """One part of a key: its name in nft's syntax, its length in bytes and nft's number for its data type."""

    ADDRESS_4 = ("ipv4_addr", 4, 7)
    ADDRESS_6 = ("ipv6_addr", 16, 8)
    PROTOCOL = ("inet_proto", 1, 12)
    PORT = ("inet_service", 2, 13)
    CONNECTION = ("ct id", 4, 4)

    def __init__(self, word: str, length: int, code: int) -> None:
        self.word = word
        self.length = length
        self.code = code


Key = tuple[KeyPart, ...]
"""The parts that an element's key consists of."""

ADDRESS: Final[dict[Family, Key]] = {Family.IPV4: (KeyPart.ADDRESS_4,), Family.IPV6: (KeyPart.ADDRESS_6,)}
ADDRESS_PAIR: Final[dict[Family, Key]] = {family: ADDRESS[family] * 2 for family in FAMILIES}
FLOW: Final[dict[Family, Key]] = {family: (*ADDRESS[family], KeyPart.PROTOCOL, KeyPart.PORT) for family in FAMILIES}
PORT: Final[Key] = (KeyPart.PORT,)
CONNECTION: Final[Key] = (KeyPart.CONNECTION,)


class HashSet(msgspec.Struct, frozen=True):
    """Single keys, found by hashing. With `counted`, the kernel counts the packets that match each of them."""

    key: Key
    elements: frozenset[bytes] = frozenset()
    counted: bool = False

    def contains(self, key: bytes) -> bool:
        """Whether a key is in the set."""
        return key in self.elements


class RangeSet(msgspec.Struct, frozen=True, dict=True):
    """Ranges of keys, first and last included; no two overlap, and ranges of a single part do not touch either."""

    key: Key
    elements: frozenset[tuple[bytes, bytes]] = frozenset()

    def contains(self, key: bytes) -> bool:
        """Whether every part of a key lies in its part of one of the ranges."""
        first = slice(0, self.key[0].length)
        candidate = bisect_right(self._lows, key[first]) - 1
        while candidate >= 0 and self._reaches[candidate] >= key[first]:
            if self._holds(self._ordered[candidate], key):
                return True
            candidate -= 1
        return False

    @cached_property
    def _ordered(self) -> list[tuple[bytes, bytes]]:
        return sorted(self.elements)

    @cached_property
    def _lows(self) -> list[bytes]:
        """Where the first part of each range begins."""
        return [low[: self.key[0].length] for low, _ in self._ordered]

    @cached_property
    def _reaches(self) -> list[bytes]:
        """The last first part that a range reaches, or any range that begins before it."""
        return list(accumulate((high[: self.key[0].length] for _, high in self._ordered), max))

    def _holds(self, bounds: tuple[bytes, bytes], key: bytes) -> bool:
        low, high = bounds
        at = 0
        for part in self.key:
            piece = slice(at, at + part.length)
            if not low[piece] <= key[piece] <= high[piece]:
                return False
            at += -(-part.length // 4) * 4
        return True


class VerdictMap(msgspec.Struct, frozen=True, dict=True):
    """Keys, by the chain that a packet with such a key jumps to. No key is in two of the sets, and no set is empty."""

    key: Key
    elements: Mapping[str, frozenset[bytes]] = {}

    def chain_of(self, key: bytes) -> str | None:
        """The chain that a key belongs to, if any."""
        return self._chains.get(key)

    @cached_property
    def _chains(self) -> dict[bytes, str]:
        return {key: chain for chain, keys in self.elements.items() for key in keys}

    def moved(self, moves: Iterable["Move"]) -> "VerdictMap":
        """The map after some keys have come, gone or changed their chains."""
        gone: defaultdict[str, set[bytes]] = defaultdict(set)
        come: defaultdict[str, set[bytes]] = defaultdict(set)
        for key, old, new in moves:
            if old is not None:
                gone[old].add(key)
            if new is not None:
                come[new].add(key)
        elements = dict(self.elements)
        for chain in gone.keys() | come.keys():
            keys = elements.pop(chain, frozenset()) - gone[chain] | come[chain]
            if keys:
                elements[chain] = keys
        return VerdictMap(self.key, elements)


class Move(NamedTuple):
    """A key of a verdict map, the chain it belonged to and the one it will belong to: None is outside the map."""

    key: bytes
    old: str | None
    new: str | None


def moves_between(old: VerdictMap | None, new: VerdictMap | None) -> list[Move]:
    """The keys that come, go or change their chains; work is proportional to the chains and to what differs."""
    before = old.elements if old else {}
    after = new.elements if new else {}
    gone: dict[bytes, str] = {}
    come: dict[bytes, str] = {}
    for chain in before.keys() - after.keys():
        gone |= dict.fromkeys(before[chain], chain)
    for chain, was, will in differing(before, after):
        gone |= dict.fromkeys(was - will if was else (), chain)
        come |= dict.fromkeys(will - was if was else will, chain)
    return [Move(key, gone.get(key), come.get(key)) for key in gone.keys() | come.keys()]


Collection = HashSet | RangeSet | VerdictMap


class Field(Enum):
    """What can be read from a packet to look something up: its type, and how nft's syntax calls it."""

    SOURCE_4 = (KeyPart.ADDRESS_4, "ip saddr", Family.IPV4)
    DESTINATION_4 = (KeyPart.ADDRESS_4, "ip daddr", Family.IPV4)
    SOURCE_6 = (KeyPart.ADDRESS_6, "ip6 saddr", Family.IPV6)
    DESTINATION_6 = (KeyPart.ADDRESS_6, "ip6 daddr", Family.IPV6)
    PROTOCOL = (KeyPart.PROTOCOL, "meta l4proto")
    PORT = (KeyPart.PORT, "th dport")
    """The destination port: TCP, UDP and SCTP keep it at the same place."""
    CONNECTION = (KeyPart.CONNECTION, "ct id")

    def __init__(self, part: KeyPart, word: str, family: Family | None = None) -> None:
        self.part = part
        self.word = word
        self.family = family


SOURCE: Final = {Family.IPV4: Field.SOURCE_4, Family.IPV6: Field.SOURCE_6}
DESTINATION: Final = {Family.IPV4: Field.DESTINATION_4, Family.IPV6: Field.DESTINATION_6}


class Lookup(msgspec.Struct, frozen=True, tag=True):
    """The packet's `fields`, concatenated, are in a set, or `absent` from it.

    A packet of another address family has no such fields and does not match, either way.
    """

    fields: tuple[Field, ...]
    set: str
    absent: bool = False

    @property
    def family(self) -> Family | None:
        """The address family that the fields belong to; None if they are the same in both."""
        return next((field.family for field in self.fields if field.family), None)


class ProtocolIs(msgspec.Struct, frozen=True, tag=True):
    """The transport protocol has this number."""

    number: int


class Established(msgspec.Struct, frozen=True, tag=True):
    """The packet belongs to a tracked connection that was accepted before, or is an error message about one."""


class NeighbourDiscovery(msgspec.Struct, frozen=True, tag=True):
    """One of the five ICMPv6 messages by which neighbours and routers find one another, sent on this very link."""


class OverLoopback(msgspec.Struct, frozen=True, tag=True):
    """The packet comes in over the loopback interface: the node speaks to itself."""


class FromNode(msgspec.Struct, frozen=True, tag=True):
    """The source is one of the node's own addresses."""


class RateLimit(msgspec.Struct, frozen=True, tag=True):
    """No more than so many packets have come here in the last second: what is beyond is not met."""

    packets: int


Condition = Lookup | ProtocolIs | Established | NeighbourDiscovery | OverLoopback | FromNode | RateLimit


class RuleVerdict(StrEnum):
    """What a rule does with a packet that meets its conditions."""

    ACCEPT = "accept"
    DROP = "drop"
    RETURN = "return"


class Goto(msgspec.Struct, frozen=True, tag=True):
    """Go on in another chain, and do not come back to this one."""

    chain: str


class Dispatch(msgspec.Struct, frozen=True, tag=True):
    """Jump to the chain that a verdict map names for the packet's `field`; if it names none, go on."""

    field: Field
    map: str


class Log(msgspec.Struct, frozen=True, tag=True):
    """Send a copy of the packet's headers to those who listen to a log group, marked with `prefix`, and go on."""

    group: int
    prefix: str


Action = RuleVerdict | Goto | Dispatch | Log


class Rule(msgspec.Struct, frozen=True):
    """What to do with packets that meet all of some conditions."""

    conditions: tuple[Condition, ...]
    action: Action


class ForeignRule(msgspec.Struct, frozen=True):
    """A rule found in the kernel that this project would never write; `code` is its encoded form."""

    code: bytes


class Hook(StrEnum):
    """Where packets enter a base chain: after destination addresses are translated and before source addresses are.

    There is no output hook, so a node always reaches its own pods.
    """

    FORWARD = "forward"
    INPUT = "input"


HOOK_PRIORITY: Final = -5
"""Just before the customary place of filters: after destination NAT (-100), before source NAT (100)."""


class Chain(msgspec.Struct, frozen=True, dict=True):
    """Rules in order. A base chain has a hook; what reaches its end is accepted."""

    rules: tuple[Rule | ForeignRule, ...] = ()
    hook: Hook | None = None

    @cached_property
    def sets(self) -> frozenset[str]:
        """The sets that its rules look into."""
        conditions = (condition for rule in self.rules if isinstance(rule, Rule) for condition in rule.conditions)
        return frozenset(condition.set for condition in conditions if isinstance(condition, Lookup))


class Program(msgspec.Struct, frozen=True):
    """All sets, maps and chains of the table, by name."""

    collections: Mapping[str, Collection] = {}
    chains: Mapping[str, Chain] = {}

    def changed(
        self,
        collections: Mapping[str, Collection] | None = None,
        chains: Mapping[str, Chain] | None = None,
        *,
        without: frozenset[str] = frozenset(),
    ) -> "Program":
        """The program with some objects added or replaced, and those named in `without` left out."""
        new_collections = _changed(self.collections, collections, without)
        new_chains = _changed(self.chains, chains, without)
        if new_collections is self.collections and new_chains is self.chains:
            return self
        return Program(new_collections, new_chains)


def _changed(old: Mapping[str, V], changes: Mapping[str, V] | None, without: frozenset[str]) -> Mapping[str, V]:
    """The very same mapping where nothing changes: then `differing` need not look at all."""
    if without:
        old = {name: one for name, one in old.items() if name not in without}
    return {**old, **changes} if changes else old


def address_key(family: Family, number: int) -> bytes:
    """The key of an address."""
    return number.to_bytes(4 if family is Family.IPV4 else 16, "big")


def port_key(port: int) -> bytes:
    """The key of a port."""
    return port.to_bytes(2, "big")


def flow_key(address: bytes, protocol: int, port: int) -> bytes:
    """The key of an address, a protocol number and a port together."""
    return b"%b%c\0\0\0%b\0\0" % (address, protocol, port.to_bytes(2, "big"))


def connection_key(identifier: int) -> bytes:
    """The key of a tracked connection's number."""
    return identifier.to_bytes(4, "big")


def differing(old: Mapping[str, V], new: Mapping[str, V]) -> Iterator[tuple[str, V | None, V]]:
    """What is in `new` and not the very same object in `old`: its name, what it was (None if it is new), what it is.

    Programs that follow one another share what stays, so that most of it need not be compared.
    """
    if old is new:
        return
    for name in compress(new, map(is_not, new.values(), map(old.get, new))):
        yield name, old.get(name), new[name]
