"""Sets and maps of a program.

Source: nft(8), "SETS" and "MAPS".
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import compress
from operator import is_not
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ringfence.dataplane.program.keys import Key, KeyPart
from ringfence.dataplane.program.last_results import LastResults

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


KeyRange = tuple[bytes, bytes]
"""The first and the last key of a range."""


class RangeSet(msgspec.Struct, frozen=True, dict=True):
    """Ranges of keys; no two overlap, and ranges of keys of a single part do not touch either.

    Keys of several parts are ordered as wholes, like words in a dictionary: both ends of a range have the same parts
    except for the last one. nft's own ranges of concatenated keys (`nft_set_pipapo`) have ranges in every part, but the
    kernel takes seconds to flush a thousand of them, and does so in one transaction (docs/dataplane.md).
    """

    key: Key
    elements: frozenset[KeyRange] = frozenset()

    @property
    def size(self) -> int:
        """How many elements it has."""
        return len(self.elements)

    def contains(self, key: bytes) -> bool:
        """Whether a key lies in one of the ranges."""
        at = bisect_right(self._lows, key) - 1
        return at >= 0 and self._ordered[at][1] >= key

    @cached_property
    def _ordered(self) -> list[KeyRange]:
        return sorted(self.elements)

    @cached_property
    def _lows(self) -> list[bytes]:
        return [low for low, _ in self._ordered]


class VerdictMap(msgspec.Struct, frozen=True, dict=True):
    """Keys by the chain to which packets with these keys jump. No key is in two of the sets, and no set is empty.

    With `goto`, packets do not come back from the chain: if it returns, the chain with the lookup returns as well. A
    map without elements never has `goto`, because the kernel stores it in each element.
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
        """The map with some keys added, removed or moved to other chains."""
        elements = _moved(self.elements, moves)
        return VerdictMap(self.key, elements, self.goto and bool(elements))


class GroupMap(msgspec.Struct, frozen=True, dict=True):
    """Keys by the group to which they belong. No key is in two of the groups, and no group is empty.

    The keys are addresses, or groups of addresses, whose groups are called classes.
    """

    key: Key
    elements: Mapping[str, frozenset[bytes]] = {}
    """By the name of the group: its number in hexadecimal digits, as nft lists it."""

    @property
    def size(self) -> int:
        """How many keys it has."""
        return sum(map(len, self.elements.values()))

    def group_of(self, key: bytes) -> str | None:
        """The group that a key belongs to, if any."""
        return self._groups.get(key)

    def found(self, key: bytes) -> str | None:
        """Like `group_of`, but faster for few lookups in a map with few groups, because it builds no index."""
        for group, keys in self.elements.items():
            if key in keys:
                return group
        return None

    @cached_property
    def _groups(self) -> dict[bytes, str]:
        return {key: group for group, keys in self.elements.items() for key in keys}

    def moved(self, moves: Iterable["Move"]) -> "GroupMap":
        """The map with some keys added, removed or moved to other groups."""
        return GroupMap(self.key, _moved(self.elements, moves))


def _moved(elements: Mapping[str, frozenset[bytes]], moves: Iterable["Move"]) -> dict[str, frozenset[bytes]]:
    gone: defaultdict[str, set[bytes]] = defaultdict(set)
    come: defaultdict[str, set[bytes]] = defaultdict(set)
    for key, old, new in moves:
        if old is not None:
            gone[old].add(key)
        if new is not None:
            come[new].add(key)
    found = dict(elements)
    for target in gone.keys() | come.keys():
        # Only chains and groups that keys leave or join get new sets. All others stay the same objects.
        keys = found.pop(target, frozenset()) - gone[target] | come[target]
        if keys:
            found[target] = keys
    return found


class RangeMap(msgspec.Struct, frozen=True, dict=True):
    """Ranges of keys by the chain to which packets with such keys go. No two ranges overlap."""

    key: Key
    elements: Mapping[str, frozenset[KeyRange]] = {}

    @property
    def size(self) -> int:
        """How many ranges it has."""
        return sum(map(len, self.elements.values()))

    def chain_of(self, key: bytes) -> str | None:
        """The chain that a key belongs to, if any."""
        at = bisect_right(self._lows, key) - 1
        if at < 0:
            return None
        (_, high), chain = self._ordered[at]
        return chain if key <= high else None

    @cached_property
    def _ordered(self) -> list[tuple[KeyRange, str]]:
        return sorted((one, chain) for chain, ranges in self.elements.items() for one in ranges)

    @cached_property
    def _lows(self) -> list[bytes]:
        return [low for (low, _), _ in self._ordered]


class Move(NamedTuple):
    """A key of a map, and its old and new chain or group; None if the key is not in the map."""

    key: bytes
    old: str | None
    new: str | None


def moves_between(old: VerdictMap | GroupMap | None, new: VerdictMap | GroupMap | None) -> list[Move]:
    """The keys that are added, removed or moved. The work is proportional to the number of chains and differences."""
    return list(_moves_between_last(old, new))


def _moves_between(old: VerdictMap | GroupMap | None, new: VerdictMap | GroupMap | None) -> list[Move]:
    before = old.elements if old else {}
    after = new.elements if new else {}
    gone: dict[bytes, str] = {}
    come: dict[bytes, str] = {}
    # Chains that stay the same object have the same keys, so only the others are looked into.
    for chain in before.keys() - after.keys():
        gone |= dict.fromkeys(before[chain], chain)
    for chain, was, will in differing(before, after):
        gone |= dict.fromkeys(was - will if was else (), chain)
        come |= dict.fromkeys(will - was if was else will, chain)
    return [Move(key, gone.get(key), come.get(key)) for key in gone.keys() | come.keys()]


def note_moves(old: VerdictMap | GroupMap, new: VerdictMap | GroupMap, moves: list[Move]) -> None:
    """Note for the next comparison of two maps that `moves` lead from one to the other, each for another key."""
    if len(moves) < _FEW_MOVES:
        _moves_between_last.note(old, new, moves)


_FEW_MOVES: Final = 100
"""So few are noted, because they are kept until the next update ends: a new map has thousands."""

_COMPARED_MAPS: Final = 256
"""The number of pairs of maps whose moves are kept. An update asks up to five times about each map that changes."""

_moves_between_last: Final = LastResults[VerdictMap | GroupMap | None, list[Move]](_moves_between, _COMPARED_MAPS)


Collection = HashSet | RangeSet | VerdictMap | RangeMap | GroupMap


def has_classes(collection: Collection) -> bool:
    """Whether a set holds what classes contain, or a map where they lead, under identifiers that say what it is.

    So it never changes: such an element may be there before anything leads to its class, and after nothing does.
    """
    return collection.key[:1] in ((KeyPart.CLASS,), (KeyPart.PEER_CLASS,))


def has_groups(collection: Collection) -> bool:
    """Whether a map leads from groups of addresses, of which no number ever stands for another group.

    Such an element may be there before any address is in its group, and after none is.
    """
    return collection.key == (KeyPart.GROUP,)


def differing(old: Mapping[str, V], new: Mapping[str, V]) -> Iterator[tuple[str, V | None, V]]:
    """The entries of `new` that are not the same object in `old`: name, old value (None if it is new) and new value.

    Consecutive programs share the objects that have not changed, so most of them need not be compared.
    """
    if old is new:
        return
    names = _different_names(old, new) if len(new) < _LARGE else _different_names_of_large(old, new)
    for name in names:
        yield name, old.get(name), new[name]


def note_differences(old: Mapping[str, V], new: Mapping[str, V], changes: Mapping[str, V]) -> None:
    """Note for the next comparison that `new` is `old` with these changes: entries that are added or replaced."""
    if old is not new and len(new) >= _LARGE:
        names = [name for name, one in changes.items() if old.get(name) is not one]
        _different_names_of_large.note(old, new, names)


_LARGE: Final = 100
"""The size from which differences are kept for the next comparison of the same two values."""


def _different_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    # In C, because programs have thousands of objects and are compared by identity a dozen times for each update.
    return list(compress(new, map(is_not, new.values(), map(old.get, new))))


_different_names_of_large: Final = LastResults[Mapping[str, Any], list[str]](_different_names)


class ElementChanges(NamedTuple):
    """The elements that a set gains and loses."""

    added: frozenset[Any]
    removed: frozenset[Any]


def element_changes(old: frozenset[Any], new: frozenset[Any]) -> ElementChanges:
    """What a set with the elements `old` gains and loses to have the elements `new`."""
    return _element_changes(old, new) if len(new) < _LARGE else _element_changes_of_large(old, new)


def _element_changes(old: frozenset[Any], new: frozenset[Any]) -> ElementChanges:
    added = new - old
    # Most changes only add or only remove elements, and then the sizes tell that one difference is empty.
    return ElementChanges(added, old - new if len(old) + len(added) > len(new) else frozenset())


_element_changes_of_large: Final = LastResults[frozenset[Any], ElementChanges](_element_changes)


def forget_differences() -> None:
    """Drop the differences between programs that are kept for the next comparison."""
    _moves_between_last.forget()
    _different_names_of_large.forget()
    _element_changes_of_large.forget()
