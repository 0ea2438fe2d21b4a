"""The verdict maps, and what goes with them for every isolated address: a counter, and the right to reach itself."""

from collections.abc import Iterator, Mapping
from typing import Final

from ringfence.dataplane.program import ADDRESS, ADDRESS_PAIR, Collection, HashSet, Move, VerdictMap
from ringfence.dataplane.skeleton import DENIED, DROPS, ISOLATED, OWN
from ringfence.dataplane.subjects import Side
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

_FIXED_CHAINS: Final = frozenset(DENIED.values())


class Isolation:
    """Which addresses are isolated, by whom, as the sets and maps of a program."""

    def __init__(self) -> None:
        self._maps = {(direction, family): VerdictMap(ADDRESS[family]) for direction, family in ISOLATED}
        self._drops = {(direction, family): HashSet(ADDRESS[family], counted=True) for direction, family in DROPS}
        self._own = {family: HashSet(ADDRESS_PAIR[family]) for family in FAMILIES}

    def move(self, moves: Mapping[Side, list[Move]]) -> None:
        """Let addresses come, go or change their chains."""
        for side, some in moves.items():
            if some:
                come = {move.key for move in some if move.old is None}
                gone = {move.key for move in some if move.new is None}
                self._maps[side] = self._maps[side].moved(some)
                self._drops[side] = HashSet(self._drops[side].key, self._drops[side].elements - gone | come, True)
        for family in FAMILIES:
            self._own[family] = self._own_after(family, {move.key for one in Direction for move in moves[one, family]})

    def _own_after(self, family: Family, moved: set[bytes]) -> HashSet:
        present = self._own[family]
        isolated = {key for key in moved if any(key in self._drops[one, family].elements for one in Direction)}
        elements = present.elements - {key * 2 for key in moved} | {key * 2 for key in isolated}
        return present if elements == present.elements else HashSet(present.key, elements)

    def chains(self) -> set[str]:
        """The profiles' chains that some address has."""
        return {name for one in self._maps.values() for name in one.elements} - _FIXED_CHAINS

    def collections(self) -> Iterator[tuple[str, Collection]]:
        """All of this, by name."""
        for side, name in ISOLATED.items():
            yield name, self._maps[side]
        for side, name in DROPS.items():
            yield name, self._drops[side]
        for family, name in OWN.items():
            yield name, self._own[family]
