"""Losses: whether one program takes away most of what another one protects or lets through.

A pod loses its isolation in a direction if its address was isolated, and is open: neither isolated nor held. It loses
its network if its address was known, and is held.

A pod whose policies were not in force is closed in both directions, whatever they are about: that it is opened says
nothing. It counts only where all pods that were isolated are such.
"""

from ringfence.dataplane.program import CLOSED, HELD, ISOLATED, KNOWN, HashSet, Program, RangeSet, VerdictMap
from ringfence.sets.addresses import FAMILIES, Family


def most_lost(before: Program, after: Program, pods: int) -> str:
    """What most pods lose if `after` replaces `before`; empty if they lose nothing.

    `pods` is how many pods the node has now: where most pods were replaced by others, most addresses change, too.
    """
    isolated, opened = _isolated_and_opened(before, after, closed=False)
    if not isolated:
        isolated, opened = _isolated_and_opened(before, after, closed=True)
    if 2 * opened > isolated:
        return f"{opened} of {isolated} isolated addresses would be open"
    for family in FAMILIES:
        known = _keys(before, KNOWN[family])
        closed = _held(after, family, known)
        if 2 * len(closed) > len(known) > 2 * pods:
            return f"{len(closed)} of {len(known)} {family} addresses of pods would be closed: {pods} pods are left"
    return ""


def _isolated_and_opened(before: Program, after: Program, *, closed: bool) -> tuple[int, int]:
    """How many addresses were isolated, with or without those that were closed, and how many of them would be open."""
    isolated, opened = 0, 0
    for (direction, family), name in ISOLATED.items():
        keys = _keys(before, name)
        if not closed:
            keys -= _keys_of(before, name, CLOSED[direction])
        isolated += len(keys)
        opened += len(keys - _keys(after, name) - _held(after, family, keys))
    return isolated, opened


def _keys_of(program: Program, name: str, chain: str) -> frozenset[bytes]:
    """The keys of a map that lead to a chain."""
    verdicts = program.collections.get(name)
    return verdicts.elements.get(chain, frozenset()) if isinstance(verdicts, VerdictMap) else frozenset()


def _keys(program: Program, name: str) -> frozenset[bytes]:
    """The elements of a set, or the keys of a map; none if a program that was found in the kernel lacks it."""
    match program.collections.get(name):
        case HashSet(elements=elements):
            return elements
        case VerdictMap(elements=chains):
            return frozenset().union(*chains.values())
        case _:
            return frozenset()


def _held(program: Program, family: Family, keys: frozenset[bytes]) -> frozenset[bytes]:
    """Those of some addresses that are closed, because they lie in held ranges and belong to no known pod."""
    held = program.collections.get(HELD[family])
    if not isinstance(held, RangeSet):
        return frozenset()
    return frozenset(filter(held.contains, keys - _keys(program, KNOWN[family])))
