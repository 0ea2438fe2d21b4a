"""Losses: whether a new program opens or closes most pods that the program before it isolates or connects.

An address loses its isolation in a direction if it was isolated and is open now: neither isolated nor held. It loses
its network if it belonged to a known pod and is held now.

A pod whose policies were not in force was closed in both directions, no matter which of them its policies concern. That
it is opened is therefore no sign of a loss. Closed pods count only if all isolated pods were closed.
"""

from ringfence.dataplane.program import CLOSED, HELD, ISOLATED, KNOWN, HashSet, Program, RangeSet, VerdictMap
from ringfence.sets.addresses import FAMILIES, Family


def most_lost(before: Program, after: Program, pods: int) -> str:
    """Describe the loss of most pods if `after` replaces `before`; empty if most pods lose nothing.

    `pods` is the number of pods that the node has now. If most pods were replaced by new ones, most addresses change,
    and that is no loss.
    """
    isolated, opened = _isolated_and_opened(before, after, closed=False)
    if not isolated:
        isolated, opened = _isolated_and_opened(before, after, closed=True)
    if 2 * opened > isolated:
        return f"{opened} of {isolated} isolated addresses would be open"
    for family in FAMILIES:
        known = _keys(before, KNOWN[family])
        closed = _held(after, family, known)
        # Most known addresses would be closed, and so few pods are left that new pods are not the reason.
        if 2 * len(closed) > len(known) > 2 * pods:
            return f"{len(closed)} of {len(known)} {family} addresses of pods would be closed: {pods} pods are left"
    return ""


def _isolated_and_opened(before: Program, after: Program, *, closed: bool) -> tuple[int, int]:
    """How many addresses were isolated, and how many of them would be open. `closed`: also count closed addresses."""
    isolated, opened = 0, 0
    for (direction, family), name in ISOLATED.items():
        keys = _keys(before, name)
        if not closed:
            keys -= _keys_of(before, name, CLOSED[direction])
        isolated += len(keys)
        opened += len(keys - _keys(after, name) - _held(after, family, keys))
    return isolated, opened


def _keys_of(program: Program, name: str, chain: str) -> frozenset[bytes]:
    """The keys that a map sends to a chain."""
    verdicts = program.collections.get(name)
    return verdicts.elements.get(chain, frozenset()) if isinstance(verdicts, VerdictMap) else frozenset()


def _keys(program: Program, name: str) -> frozenset[bytes]:
    """The elements of a set, or the keys of a map; none if the program, which may be of another version, lacks it."""
    match program.collections.get(name):
        case HashSet(elements=elements):
            return elements
        case VerdictMap(elements=chains):
            return frozenset().union(*chains.values())
        case _:
            return frozenset()


def _held(program: Program, family: Family, keys: frozenset[bytes]) -> frozenset[bytes]:
    """Those of the addresses `keys` that are closed because they are in held ranges and belong to no known pod."""
    held = program.collections.get(HELD[family])
    if not isinstance(held, RangeSet):
        return frozenset()
    return frozenset(filter(held.contains, keys - _keys(program, KNOWN[family])))
