"""Loading: what a large chain needs comes into the program piece by piece, while nothing leads there yet.

To load 100,000 ranges of addresses takes the kernel half a second, and as many chains several seconds. Others' changes
must not wait for that. So one program has no more new parts of large chains than `AT_ONCE`, the next one has more, and
so on; when all are there, pods get the chain. Until then they are denied everything. What is not needed any more goes
piece by piece as well (`leftovers`), before anything else comes slowly.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.compile.leftovers import Leftovers
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.program import Chain, Collection, KeyRange, Program, RangeMap, RangeSet

AT_ONCE: Final = 20_000
"""The size of the new parts of large chains in one program, in elements: they take 50 to 100 ms to load."""

SLOWLY: Final = 3_000
"""The same for chains that were computed step by step: others' changes wait no longer than 30 ms for each program."""

LARGE_CHAIN: Final = 2_000
"""Chains of this size or less are not counted, and never wait: they take less than 10 ms."""

_PIECE: Final = 3_000
"""A set grows by so many elements, and a map of ranges by as many as take as long."""

_CHAIN_SIZE: Final = 25
"""Elements of a set that take as long to load as a chain does."""

_MAPPED_SIZE: Final = 3
"""Elements of a set that take as long to load as one of a map of ranges does."""


class _Piece(NamedTuple):
    """A set or a map, or as many of its elements as are there after this piece, or a chain."""

    name: str
    part: Collection | Chain
    size: int
    """What is new in it."""


class _Load:
    """How far one chain is loaded."""

    def __init__(self, chain: ProfileChain) -> None:
        self.chain = chain
        self.collections: dict[str, Collection] = {}
        self.chains: dict[str, Chain] = {}
        self._present = Program()
        self._pieces = _pieces(chain, lambda: self._present)
        self.is_complete = False

    def go_on(self, room: int, present: Program) -> int:
        """Add pieces for as long as there is room; returns how much room is left."""
        self._present = present
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
        """How much has room in the next program, of chains that are loaded slowly and of others."""
        self._leftovers = Leftovers()
        self.loaded_for: set[str] = set()
        """The namespaces for whose chains parts come into the next program, or go out of it."""

    @property
    def has_leftovers(self) -> bool:
        """Whether the last program had parts that are not needed any more."""
        return bool(self._leftovers)

    def begin(self, present: Program | None, may_load: Callable[[str], bool]) -> None:
        """Begin with the next program. `present` is what the kernel holds; if None, everything is loaded at once.

        `may_load` says whether parts for a namespace may come slowly, or go.
        """
        self._present, self.loaded_for = present, set()
        self._may_load = may_load
        self._rooms = {False: AT_ONCE, True: SLOWLY}
        if present is not None:
            self._rooms[True], self.loaded_for = self._leftovers.reduce(SLOWLY, may_load)

    def is_loaded(self, name: str, chain: ProfileChain, namespace: str, *, slowly: bool = False) -> bool:
        """Whether pods of a namespace can have this chain in the next program; if not, more of it comes into that."""
        size = size_of(chain)
        if self._present is None or size <= LARGE_CHAIN:
            return True
        load = self._loads.get(name)
        if load is None or load.chain is not chain:
            load = self._loads[name] = _Load(chain)
        if slowly and not self._may_load(namespace):
            return load.is_complete
        self._leftovers.expect(name, namespace, chain)
        room = self._rooms[slowly]
        self._rooms[slowly] = load.go_on(room, self._present)
        if self._rooms[slowly] != room:
            self.loaded_for.add(namespace)
        return load.is_complete

    def keep(self, names: Iterable[str]) -> None:
        """Drop what was loaded for other chains than these: nobody waits for it any more."""
        kept = frozenset(names)
        self._loads = {name: load for name, load in self._loads.items() if name in kept}

    def with_leftovers(self, program: Program, in_force: Iterable[str]) -> Program:
        """The next program, with what the kernel still has to hold of chains that are neither loaded nor `in_force`."""
        if self._present is None:
            return program
        self._leftovers.keep({*in_force, *self._loads})
        return self._leftovers.added_to(program, self._present)

    @property
    def collections(self) -> Mapping[str, Collection]:
        """The sets and maps that are loaded so far."""
        return {name: one for load in self._loads.values() for name, one in load.collections.items()}

    @property
    def chains(self) -> Mapping[str, Chain]:
        """The chains that are loaded so far, to which the maps lead."""
        return {name: one for load in self._loads.values() for name, one in load.chains.items()}


def size_of(chain: ProfileChain) -> int:
    """How long it takes to load what a chain looks into and leads to, in elements of a set."""
    return sum(map(_size, chain.fixed.values())) + _CHAIN_SIZE * len(chain.parts)


def _size(collection: Collection) -> int:
    return collection.size * (_MAPPED_SIZE if isinstance(collection, RangeMap) else 1)


def _pieces(chain: ProfileChain, present: Callable[[], Program]) -> Iterator[_Piece]:
    """The parts of a chain, each after those to which it refers, as far as the kernel does not hold them yet."""
    maps = {name: one for name, one in chain.fixed.items() if isinstance(one, RangeMap)}
    for name, one in chain.fixed.items():
        if name not in maps:
            yield from _growing(name, one, present())
    # The chains of a layer end with the rules of those behind it, which look into the maps of these.
    for name, one in reversed(maps.items()):
        for target in one.elements.keys() & chain.parts.keys():
            part = chain.parts[target]
            _ = part.sets, part.targets  # which are kept: of 20,000 chains at once, they take a step of 100 ms
            yield _Piece(target, part, 0 if target in present().chains else _CHAIN_SIZE)
        yield from _growing(name, one, present())


def _growing(name: str, whole: Collection, present: Program) -> Iterator[_Piece]:
    """A set or map in pieces, each of which contains those before it; the last one is `whole`."""
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
    """As many elements of a set or map as that."""
    if isinstance(whole, RangeSet):
        return msgspec.structs.replace(whole, elements=frozenset(islice(whole.elements, count)))
    elements: dict[str, frozenset[KeyRange]] = {}
    for chain, ranges in whole.elements.items():
        elements[chain] = frozenset(islice(ranges, count))
        count -= len(elements[chain])
        if not count:
            break
    return msgspec.structs.replace(whole, elements=elements)
