"""Which addresses are isolated and by whom, and what goes with it: counters, own addresses, addresses to wait for."""

from collections.abc import Iterator, Mapping
from typing import Final

from ringfence.dataplane.compile.subjects import Address, Side
from ringfence.dataplane.program import (
    ADDRESS,
    ADDRESS_PAIR,
    DENIED,
    DROPS,
    HELD,
    ISOLATED,
    KNOWN,
    OWN,
    Collection,
    HashSet,
    Move,
    RangeSet,
    VerdictMap,
    address_key,
)
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses, Family

_FIXED_CHAINS: Final = frozenset(DENIED.values())


class Isolation:
    """Which addresses are isolated, by whom, as the sets and maps of a program."""

    def __init__(self, held: Addresses) -> None:
        self._held = {family: _ranges(family, held) for family in FAMILIES}
        self._known = {family: HashSet(ADDRESS[family]) for family in FAMILIES}
        self._maps = {(direction, family): VerdictMap(ADDRESS[family]) for direction, family in ISOLATED}
        self._drops = {(direction, family): HashSet(ADDRESS[family], counted=True) for direction, family in DROPS}
        self._own = {family: HashSet(ADDRESS_PAIR[family]) for family in FAMILIES}

    def move(self, moves: Mapping[Side, list[Move]]) -> None:
        """Let addresses come, go or change their chains."""
        for side, some in moves.items():
            if some:
                self._maps[side] = self._maps[side].moved(some)
                self._drops[side] = _changed(
                    self._drops[side],
                    come={move.key for move in some if move.old is None},
                    gone={move.key for move in some if move.new is None},
                )
        for family in FAMILIES:
            touched = {move.key for direction in Direction for move in moves[direction, family]}
            isolated = {key for key in touched if any(self._is_isolated(key, family, one) for one in Direction)}
            own = self._own[family]
            come, gone = ({key * 2 for key in keys} for keys in (isolated, touched - isolated))
            self._own[family] = _changed(own, come=come - own.elements, gone=gone & own.elements)

    def know(self, addresses: Mapping[Address, bool]) -> None:
        """Note whether these addresses belong to known pods; which matters only where others are held."""
        for family, held in self._held.items():
            if held.elements:
                keys = {address_key(*one): is_known for one, is_known in addresses.items() if one[0] is family}
                known = self._known[family]
                self._known[family] = _changed(
                    known,
                    come={key for key, is_known in keys.items() if is_known} - known.elements,
                    gone={key for key, is_known in keys.items() if not is_known} & known.elements,
                )

    def _is_isolated(self, key: bytes, family: Family, direction: Direction) -> bool:
        return key in self._drops[direction, family].elements

    def chains(self) -> set[str]:
        """The profiles' chains that some address has."""
        return {name for one in self._maps.values() for name in one.elements} - _FIXED_CHAINS

    def collections(self) -> Iterator[tuple[str, Collection]]:
        """All of this, by name."""
        for side, name in ISOLATED.items():
            yield name, self._maps[side]
        for side, name in DROPS.items():
            yield name, self._drops[side]
        for family in FAMILIES:
            yield OWN[family], self._own[family]
            yield HELD[family], self._held[family]
            yield KNOWN[family], self._known[family]


def _changed(collection: HashSet, *, come: set[bytes], gone: set[bytes]) -> HashSet:
    """The set with some keys more and some less; the very same one if there are none."""
    if not come and not gone:
        return collection
    return HashSet(collection.key, collection.elements - gone | come, collection.counted)


def _ranges(family: Family, addresses: Addresses) -> RangeSet:
    spans = ((address_key(family, low), address_key(family, high)) for low, high in addresses.ranges(family))
    return RangeSet(ADDRESS[family], frozenset(spans))
