"""Loading: adds the parts of a large chain to the program piece by piece, before any packet reaches them.

Loading 100,000 ranges of addresses takes the kernel half a second, and loading as many chains takes several seconds.
Changes of other namespaces must not wait for that. So each program adds at most `AT_ONCE` new elements of large
chains. The pods get the chain when all its parts are loaded. Until then, they are denied everything.

Unused parts are removed piece by piece, too (`leftovers`). They are removed before new parts are loaded slowly.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.compile.leftovers import Leftovers
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.program import Chain, Collection, KeyRange, Program, RangeMap, RangeSet

AT_ONCE: Final = 20_000
"""The maximum size of the new parts of large chains in one program, in elements. Loading them takes 50 to 100 ms."""

SLOWLY: Final = 3_000
"""The same for chains that were computed step by step: each program delays other changes by at most 30 ms."""

LARGE_CHAIN: Final = 2_000
"""The largest size of a chain that is loaded at once without being counted. Loading it takes less than 10 ms."""

_PIECE: Final = 3_000
"""The number of elements by which a set of ranges grows in one piece. A map of ranges grows by elements that take the
same time."""

_CHAIN_SIZE: Final = 25
"""The number of set elements that take as long to load as a chain."""

_MAPPED_SIZE: Final = 3
"""The number of set elements that take as long to load as one element of a map of ranges."""


class _Piece(NamedTuple):
    """A chain, or a set or map with the elements that it has after this piece is loaded."""

    name: str
    part: Collection | Chain
    size: int
    """The size of what this piece adds."""


class _Load:
    """The progress of loading one chain."""

    def __init__(self, chain: ProfileChain) -> None:
        self.chain = chain
        self.collections: dict[str, Collection] = {}
        self.chains: dict[str, Chain] = {}
        self._present = Program()
        self._pieces = _pieces(chain, lambda: self._present)
        self.is_complete = False

    def advance(self, room: int, present: Program) -> int:
        """Add pieces while there is room; returns the remaining room."""
        self._present = present
        # The last piece may take more than is left: it has at most `_PIECE` elements.
        while room > 0 and not self.is_complete:
            piece = next(self._pieces, None)
            if piece is None:
                self.is_complete = True
            elif isinstance(piece.part, Chain):
                self.chains[piece.name] = piece.part
                room -= piece.size
            else:
                self.collections[piece.name] = piece.part
                room -= piece.size
        return room


class Loading:
    """The chains that are being loaded, by name."""

    def __init__(self) -> None:
        self._loads: dict[str, _Load] = {}
        self._present: Program | None = None
        self._may_load: Callable[[str], bool] = lambda namespace: True
        self._rooms: dict[bool, int] = {}
        """The remaining room in the next program: for chains that are loaded slowly (True), and for others (False)."""
        self._leftovers = Leftovers()
        self.loaded_for: set[str] = set()
        """The namespaces for which the next program adds or removes parts of chains."""

    @property
    def has_leftovers(self) -> bool:
        """Whether the last program contains unused parts."""
        return bool(self._leftovers)

    def begin(self, present: Program | None, may_load: Callable[[str], bool]) -> None:
        """Start the next program. `present` is the program in the kernel; if it is None, everything is loaded at once.

        `may_load` decides whether parts for a namespace may be loaded slowly or removed.
        """
        self._present, self.loaded_for = present, set()
        self._may_load = may_load
        self._rooms = {False: AT_ONCE, True: SLOWLY}
        if present is not None:
            self._rooms[True], self.loaded_for = self._leftovers.reduce(SLOWLY, may_load)

    def is_loaded(self, name: str, chain: ProfileChain, namespace: str, *, slowly: bool = False) -> bool:
        """Load more parts of a chain into the next program; returns whether pods can have the chain there."""
        size = size_of(chain)
        if self._present is None or size <= LARGE_CHAIN:
            return True
        load = self._loads.get(name)
        # A chain that has been built in another form is loaded from the beginning.
        if load is None or load.chain is not chain:
            load = self._loads[name] = _Load(chain)
        if slowly and not self._may_load(namespace):
            return load.is_complete
        self._leftovers.expect(name, namespace, chain)
        room = self._rooms[slowly]
        self._rooms[slowly] = load.advance(room, self._present)
        if self._rooms[slowly] != room:
            self.loaded_for.add(namespace)
        return load.is_complete

    def keep(self, names: Iterable[str]) -> None:
        """Stop loading all other chains: no pod waits for them any more."""
        kept = frozenset(names)
        self._loads = {name: load for name, load in self._loads.items() if name in kept}

    def with_leftovers(self, program: Program, in_force: Iterable[str]) -> Program:
        """Return the next program with the unused parts of chains that are neither being loaded nor `in_force`."""
        if self._present is None:
            return program
        self._leftovers.keep({*in_force, *self._loads})
        return self._leftovers.added_to(program, self._present)

    @property
    def collections(self) -> Mapping[str, Collection]:
        """The loaded parts of the sets and maps of the chains that are being loaded."""
        return {name: one for load in self._loads.values() for name, one in load.collections.items()}

    @property
    def chains(self) -> Mapping[str, Chain]:
        """The chains loaded so far to which these maps lead."""
        return {name: one for load in self._loads.values() for name, one in load.chains.items()}


def size_of(chain: ProfileChain) -> int:
    """Return the size of the fixed sets, maps and chains of a chain.

    The size is a measure of the time to load them: the number of set elements that take as long.
    """
    return sum(map(_size, chain.fixed.values())) + _CHAIN_SIZE * len(chain.parts)


def _size(collection: Collection) -> int:
    return collection.size * (_MAPPED_SIZE if isinstance(collection, RangeMap) else 1)


def _pieces(chain: ProfileChain, present: Callable[[], Program]) -> Iterator[_Piece]:
    """Yield the parts of a chain, each after the parts to which it refers. Parts in the kernel have the size 0."""
    maps = {name: one for name, one in chain.fixed.items() if isinstance(one, RangeMap)}
    for name, one in chain.fixed.items():
        if name not in maps:
            yield from _growing(name, one, present())
    # The chains of a layer end with the rules of the layers after it, which look up the maps of those layers. So the
    # last layer is loaded first.
    for name, one in reversed(maps.items()):
        for target in one.elements.keys() & chain.parts.keys():
            part = chain.parts[target]
            # Compute these cached properties now: for 20,000 chains at once, this would be one step of 100 ms.
            _ = part.sets, part.targets
            yield _Piece(target, part, 0 if target in present().chains else _CHAIN_SIZE)
        yield from _growing(name, one, present())


def _growing(name: str, whole: Collection, present: Program) -> Iterator[_Piece]:
    """Yield growing versions of a set or map; the last one is `whole`."""
    found = present.collections.get(name)
    if found is whole or found == whole:
        yield _Piece(name, whole, 0)
        return
    loaded, weight = 0, _size(whole) // max(whole.size, 1)
    if isinstance(whole, RangeSet | RangeMap):
        step = max(1, _PIECE // weight)
        for loaded in range(step, whole.size, step):
            yield _Piece(name, _first(whole, loaded), step * weight)
    yield _Piece(name, whole, (whole.size - loaded) * weight)


def _first(whole: RangeSet | RangeMap, count: int) -> RangeSet | RangeMap:
    """Return the set or map with its first `count` elements."""
    if isinstance(whole, RangeSet):
        # A frozen set has the same order in each iteration, so each version contains the one before it.
        return msgspec.structs.replace(whole, elements=frozenset(islice(whole.elements, count)))
    elements: dict[str, frozenset[KeyRange]] = {}
    for chain, ranges in whole.elements.items():
        elements[chain] = frozenset(islice(ranges, count))
        count -= len(elements[chain])
        if not count:
            break
    return msgspec.structs.replace(whole, elements=elements)
