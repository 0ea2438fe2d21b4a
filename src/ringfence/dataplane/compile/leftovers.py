"""Leftovers: removes the parts of large chains from the program piece by piece when nothing uses them any more.

Deleting 3,000 chains takes the kernel and this process 100 ms. Changes of other namespaces must not wait for that.
"""

from collections.abc import Callable, Iterator, Set
from graphlib import TopologicalSorter
from typing import Final, NamedTuple

from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.program import Program, RangeMap

_PART: Final = 25
"""The number of elements that take as long to load as it takes to delete a chain, a set or a map."""


class _Large(NamedTuple):
    """A large chain whose parts may be in the program, and the namespace whose pods use it."""

    namespace: str
    chain: ProfileChain


class Leftovers:
    """The unused parts of large chains, in the order of their removal: each before the parts to which it refers."""

    def __init__(self) -> None:
        self._large: dict[str, _Large] = {}
        """The large chains that are in use or are being loaded, by name."""
        self._namespaces: dict[str, str] = {}
        """The namespaces for which the unused sets, maps and chains were loaded, by the names of these."""

    def __bool__(self) -> bool:
        """Whether there are unused parts."""
        return bool(self._namespaces)

    def expect(self, name: str, namespace: str, chain: ProfileChain) -> None:
        """Record that the program may contain parts of a large chain from now on."""
        before = self._large.get(name)
        if before is not None and before.chain is not chain:
            self._leave(before)
        self._large[name] = _Large(namespace, chain)

    def keep(self, names: Set[str]) -> None:
        """Mark the parts of all chains with other names as unused."""
        for name in self._large.keys() - names:
            self._leave(self._large.pop(name))

    def _leave(self, large: _Large) -> None:
        # This chain may refer to parts that are unused already. They move to the end, after the parts that refer to
        # them.
        parts = list(_in_order(large.chain))
        for name in parts:
            self._namespaces.pop(name, None)
        self._namespaces |= dict.fromkeys(parts, large.namespace)

    def reduce(self, room: int, may_go: Callable[[str], bool]) -> tuple[int, set[str]]:
        """Remove unused parts while there is room; returns the remaining room and the namespaces of the removed parts.

        `may_go` decides whether parts of a namespace may be removed now.
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
        """Return the program together with the unused parts that the kernel still contains."""
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
        """Also keep the sets, maps and chains to which unused parts refer. Smaller chains can share them."""
        gone = {
            (target, namespace)
            for name, namespace in self._namespaces.items()
            for target in _references(name, present) - wanted
            if target not in self._namespaces
        }
        if gone:
            # This ends: each call adds a part of `present` that was not there. Sorted, so that the order is the same
            # each time.
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
    """Return the chains, sets and maps to which a map or a chain refers."""
    found: frozenset[str] = frozenset()
    if isinstance(one := program.collections.get(name), RangeMap):
        found |= one.elements.keys()
    if chain := program.chains.get(name):
        found |= chain.sets | chain.targets
    return found


def _in_order(chain: ProfileChain) -> Iterator[str]:
    """Yield the parts of a large chain, each before the parts to which it refers."""
    # The chains to which a map leads look up the maps of the layers after it.
    for name, one in chain.fixed.items():
        if isinstance(one, RangeMap):
            yield name
            yield from one.elements.keys() & chain.parts.keys()
    yield from (name for name, one in chain.fixed.items() if not isinstance(one, RangeMap))
