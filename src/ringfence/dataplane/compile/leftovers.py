"""Leftovers: what large chains have looked into goes out of the program piece by piece, once nothing leads there.

To delete 3,000 chains takes the kernel and this process 100 ms. Others' changes must not wait for that.
"""

from collections.abc import Callable, Iterator, Set
from graphlib import TopologicalSorter
from typing import Final, NamedTuple

from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.program import Program, RangeMap

_PART: Final = 25
"""How long it takes to delete a chain, a set or a map, in elements that are loaded meanwhile."""


class _Large(NamedTuple):
    """A large chain, of which there may be parts in the program, and the namespace whose pods have it."""

    namespace: str
    chain: ProfileChain


class Leftovers:
    """What is not needed any more, in an order in which it can go: nothing refers to what comes first."""

    def __init__(self) -> None:
        self._large: dict[str, _Large] = {}
        """By the name of the chain."""
        self._namespaces: dict[str, str] = {}
        """By the name of a set, map or chain that is left, the namespace for which it was loaded."""

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return bool(self._namespaces)

    def expect(self, name: str, namespace: str, chain: ProfileChain) -> None:
        """Note that parts of a large chain may be in the program from now on."""
        before = self._large.get(name)
        if before is not None and before.chain is not chain:
            self._leave(before)
        self._large[name] = _Large(namespace, chain)

    def keep(self, names: Set[str]) -> None:
        """Note that the chains of no other names are needed."""
        for name in self._large.keys() - names:
            self._leave(self._large.pop(name))

    def _leave(self, large: _Large) -> None:
        # What is left of another chain already may be referred to by this one.
        parts = list(_in_order(large.chain))
        for name in parts:
            self._namespaces.pop(name, None)
        self._namespaces |= dict.fromkeys(parts, large.namespace)

    def reduce(self, room: int, may_go: Callable[[str], bool]) -> tuple[int, set[str]]:
        """Have some go, as long as there is room; how much room is left, and for which namespaces they were there.

        `may_go` says whether those of a namespace may go now.
        """
        namespaces: set[str] = set()
        while room > 0 and self._namespaces:
            name, namespace = next(iter(self._namespaces.items()))
            if not may_go(namespace):
                break
            del self._namespaces[name]
            namespaces.add(namespace)
            room -= _PART
        return room, namespaces

    def added_to(self, program: Program, present: Program) -> Program:
        """The program, with what is left of that which the kernel holds at present."""
        wanted = program.collections.keys() | program.chains.keys()
        self._namespaces = {
            name: namespace
            for name, namespace in self._namespaces.items()
            if name not in wanted and (name in present.collections or name in present.chains)
        }
        self._leave_what_is_referred_to(wanted, present)
        return program.changed(
            {name: present.collections[name] for name in self._namespaces if name in present.collections},
            {name: present.chains[name] for name in self._namespaces if name in present.chains},
        )

    def _leave_what_is_referred_to(self, wanted: Set[str], present: Program) -> None:
        """Also leave the parts that smaller chains share with large ones: what is left may refer to them."""
        gone = {
            (target, namespace)
            for name, namespace in self._namespaces.items()
            for target in _references(name, present) - wanted
            if target not in self._namespaces
        }
        if gone:
            self._namespaces |= dict(sorted(gone))
            self._leave_what_is_referred_to(wanted, present)
            self._sort(present)

    def _sort(self, present: Program) -> None:
        order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(self._namespaces, ()))
        for name in self._namespaces:
            for target in _references(name, present) & self._namespaces.keys():
                order.add(target, name)
        self._namespaces = {name: self._namespaces[name] for name in order.static_order()}


def _references(name: str, program: Program) -> frozenset[str]:
    """The chains, sets and maps to which a map or a chain refers."""
    found: frozenset[str] = frozenset()
    if isinstance(one := program.collections.get(name), RangeMap):
        found |= one.elements.keys()
    if chain := program.chains.get(name):
        found |= chain.sets | chain.targets
    return found


def _in_order(chain: ProfileChain) -> Iterator[str]:
    """The parts of a large chain, each before those to which it refers."""
    # The chains to which a map leads look into the maps behind it.
    for name, one in chain.fixed.items():
        if isinstance(one, RangeMap):
            yield name
            yield from one.elements.keys() & chain.parts.keys()
    yield from (name for name, one in chain.fixed.items() if not isinstance(one, RangeMap))
