"""Isolated addresses: the verdict maps that lead to the chains of the pods, and the related sets.

- `ISOLATED` maps each isolated address to the chain of its profiles;
- `DROPS` counts the packets that were dropped at each isolated address;
- `OWN` contains pairs of each isolated address with itself, because a pod always reaches itself;
- `HELD` contains the ranges whose addresses are closed until a known pod has them;
- `KNOWN` contains the addresses in these ranges that known pods have.

Source: Kubernetes documentation, "Network Policies": a pod cannot block access to itself.
"""

from collections.abc import Iterator, Mapping

from ringfence.dataplane.compile.subjects import Address, Side
from ringfence.dataplane.program import (
    ADDRESS,
    ADDRESS_PAIR,
    BRIDGE_HELD,
    DENYING,
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


class Isolation:
    """The sets and maps of a program that contain the isolated addresses and their chains."""

    def __init__(self, held: Addresses) -> None:
        self._held = {family: _ranges(family, held) for family in FAMILIES}
        self._known = {family: HashSet(ADDRESS[family]) for family in FAMILIES}
        self._maps = {(direction, family): VerdictMap(ADDRESS[family]) for direction, family in ISOLATED}
        self._drops = {(direction, family): HashSet(ADDRESS[family], counted=True) for direction, family in DROPS}
        self._own = {family: HashSet(ADDRESS_PAIR[family]) for family in FAMILIES}

    def apply_moves(self, moves: Mapping[Side, list[Move]]) -> None:
        """Add addresses, remove them, or give them other chains."""
        for side, some in moves.items():
            if some:
                self._maps[side] = self._maps[side].moved(some)
                # A move from one chain to another does not change the set: a new element would start to count at 0.
                self._drops[side] = _changed(
                    self._drops[side],
                    added={move.key for move in some if move.old is None},
                    removed={move.key for move in some if move.new is None},
                )
        for family in FAMILIES:
            touched = {move.key for direction in Direction for move in moves[direction, family]}
            isolated = {key for key in touched if any(self._is_isolated(key, family, one) for one in Direction)}
            own = self._own[family]
            # Only isolated addresses need the pair: no rule judges the packets of other addresses.
            pairs, stale = ({key * 2 for key in keys} for keys in (isolated, touched - isolated))
            self._own[family] = _changed(own, added=pairs - own.elements, removed=stale & own.elements)

    def mark_known(self, addresses: Mapping[Address, bool]) -> None:
        """Record for each address whether a known pod has it."""
        for family, held in self._held.items():
            # The rules look up known addresses only inside the held ranges.
            if held.elements:
                keys = {address_key(*one): is_known for one, is_known in addresses.items() if one[0] is family}
                known = self._known[family]
                self._known[family] = _changed(
                    known,
                    added={key for key, is_known in keys.items() if is_known} - known.elements,
                    removed={key for key, is_known in keys.items() if not is_known} & known.elements,
                )

    def _is_isolated(self, key: bytes, family: Family, direction: Direction) -> bool:
        return key in self._drops[direction, family].elements

    def is_isolated(self, address: Address, direction: Direction) -> bool:
        """Whether policies isolate an address in this direction."""
        return self._is_isolated(address_key(*address), address[0], direction)

    def held_on_bridges(self) -> dict[str, Collection]:
        """Return the held ranges as the sets that the rules for bridge ports use."""
        return {BRIDGE_HELD[family]: held for family, held in self._held.items()}

    def chains(self) -> set[str]:
        """Return the names of the profile chains that at least one address has."""
        return {name for one in self._maps.values() for name in one.elements} - DENYING

    def collections(self) -> Iterator[tuple[str, Collection]]:
        """Yield all sets and maps with their names."""
        for side, name in ISOLATED.items():
            yield name, self._maps[side]
        for side, name in DROPS.items():
            yield name, self._drops[side]
        for family in FAMILIES:
            yield OWN[family], self._own[family]
            yield HELD[family], self._held[family]
            yield KNOWN[family], self._known[family]


def _changed(collection: HashSet, *, added: set[bytes], removed: set[bytes]) -> HashSet:
    """Return the set with keys added and removed, or the same object if nothing changes."""
    if not added and not removed:
        return collection
    # Each operation copies the set, which can have 10,000 elements. Most changes only add or only remove, so they need
    # only one of the two operations.
    kept = collection.elements - removed if removed else collection.elements
    return HashSet(collection.key, kept | added if added else kept, collection.counted)


def _ranges(family: Family, addresses: Addresses) -> RangeSet:
    spans = ((address_key(family, low), address_key(family, high)) for low, high in addresses.ranges(family))
    return RangeSet(ADDRESS[family], frozenset(spans))
