"""Sets and maps of a program.

Source: nft(8), "SETS" and "MAPS".
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate, compress
from operator import is_not
from typing import NamedTuple, TypeVar

import msgspec

from ringfence.dataplane.program.keys import Key

V = TypeVar("V")


class HashSet(msgspec.Struct, frozen=True):
    """Single keys, found by hashing. With `counted`, the kernel counts the packets that match each of them."""

    key: Key
    elements: frozenset[bytes] = frozenset()
    counted: bool = False

    @property
    def size(self) -> int:
        """How many elements it has."""
        return len(self.elements)

    def contains(self, key: bytes) -> bool:
        """Whether a key is in the set."""
        return key in self.elements


class RangeSet(msgspec.Struct, frozen=True, dict=True):
    """Ranges of keys, first and last included; no two overlap, and ranges of a single part do not touch either."""

    key: Key
    elements: frozenset[tuple[bytes, bytes]] = frozenset()

    @property
    def size(self) -> int:
        """How many elements it has."""
        return len(self.elements)

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
    """Keys, by the chain that a packet with such a key jumps to. No key is in two of the sets, and no set is empty.

    With `goto`, packets do not come back from the chain: where it returns, so does the chain that looked into the map.
    A map without elements never has it, because the kernel keeps it with each element.
    """

    key: Key
    elements: Mapping[str, frozenset[bytes]] = {}
    goto: bool = False

    @property
    def size(self) -> int:
        """How many keys it has."""
        return sum(map(len, self.elements.values()))

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
        return VerdictMap(self.key, elements, self.goto and bool(elements))


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


def differing(old: Mapping[str, V], new: Mapping[str, V]) -> Iterator[tuple[str, V | None, V]]:
    """What is in `new` and not the very same object in `old`: its name, what it was (None if it is new), what it is.

    Programs that follow one another share what stays, so that most of it need not be compared.
    """
    if old is new:
        return
    for name in compress(new, map(is_not, new.values(), map(old.get, new))):
        yield name, old.get(name), new[name]
