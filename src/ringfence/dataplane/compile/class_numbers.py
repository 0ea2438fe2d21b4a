"""The numbers of the classes of peers. Rules find the chain of a class by its number.

A number is never used for another class, so a map may know it before any group has this class, and after none has.
"""

from collections import defaultdict
from collections.abc import Container
from typing import Final

from ringfence.dataplane.program import (
    DENYING,
    PEER_CLASS,
    GroupMap,
    Program,
    VerdictMap,
    group_name,
    has_groups,
    read_peer_class,
)

REMEMBERED: Final = 1_000
"""The number of chains from which on numbers of unused chains are forgotten."""

FIRST_FOREIGN: Final = 1 << 31
"""The first number that only another program can have written. Counting does not get this far: it would take a thousand
new classes each second for 24 days."""


class ClassNumbers:
    """Numbers by the chains to which classes lead. These chains are named after what they allow."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._next = 1

    def of(self, chain: str) -> str:
        """Return the number of the class with this chain, as 8 hexadecimal digits."""
        if chain not in self._known:
            self._known[chain] = group_name(self._next)
            self._next += 1
        return self._known[chain]

    def adopt(self, present: Program) -> None:
        """Take over the numbers in the kernel. Does nothing if there are numbers already."""
        if self._known:
            return
        chains: defaultdict[str, set[str]] = defaultdict(set)
        numbers: set[str] = set()
        for one in present.collections.values():
            if isinstance(one, VerdictMap) and one.key == PEER_CLASS:
                for chain, keys in one.elements.items():
                    for number in map(read_peer_class, keys):
                        chains[number].add(chain)
            elif isinstance(one, GroupMap) and has_groups(one):
                numbers |= one.elements.keys()
        own = {number for number in numbers | chains.keys() if int(number, 16) < FIRST_FOREIGN}
        # Another program can have made two chains of one number. Then it is not clear which of them is meant.
        self._known = {
            chain: number for number, (chain, *others) in sorted(chains.items()) if number in own and not others
        }
        # Above all numbers in the kernel: none of them may be used for another class.
        self._next = max([self._next, *(1 + int(number, 16) for number in own)])

    def forget_unused(self, used: Container[str]) -> None:
        """Forget the numbers of chains that are not used any more. These get other numbers if they come back."""
        # Maps also lead to fixed chains that deny, which are not among the chains of classes.
        if len(self._known) > REMEMBERED:
            self._known = {chain: number for chain, number in self._known.items() if chain in used or chain in DENYING}
