"""The steps of an update: programs to go through, chosen such that each is safe to reach from the one before it."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

import msgspec

from ringfence.dataplane.program import (
    Collection,
    HashSet,
    Move,
    Program,
    RangeSet,
    VerdictMap,
    differing,
    has_classes,
)
from ringfence.dataplane.update.comparison import GATES, UNCRITICAL_SETS, Difference
from ringfence.dataplane.update.intersection import Intersections
from ringfence.dataplane.update.regrouping import with_both


class StepKind(Enum):
    """What a step does, in the order of steps."""

    CREATE = "create"
    """Add everything new that no packet can reach yet, and change what packets do not notice."""
    REGROUP = "regroup"
    """Move addresses to other groups that lead to the same."""
    CLOSE = "close"
    """Let each address that gets another chain, or becomes known or unknown, have only what both programs allow it."""
    NARROW = "narrow"
    """Let each chain that gets other rules allow only what both its old and its new rules allow."""
    PASS = "pass"
    """Move addresses that may not go to their new groups at once to interim ones."""
    FILL = "fill"
    """Add the new elements to the edited sets."""
    THIN = "thin"
    """Remove the old elements from the edited sets."""
    WIDEN = "widen"
    """Give each chain its new rules."""
    OPEN = "open"
    """Give each address its new chain, and let it be known where it will be."""
    CLEAN = "clean"
    """Delete what nothing refers to any more."""
    SWITCH = "switch"
    """Change from enforcing to observing or back: by the rules of the fixed chains, all of them in one transaction."""


class UpdateStep(NamedTuple):
    """A step: what it does, and the program that it leads to, in one transaction or more."""

    kind: StepKind
    program: Program


def steps_in_place(old: Program, new: Program, difference: Difference, *, closing: bool) -> list[UpdateStep]:
    """The steps from `old` to `new` if the edited sets can change while chains look into them.

    Without `closing`, no side has to close before it opens, and the steps to close and to narrow change nothing but the
    sets of known addresses and of held ranges.
    """
    created = _created(old, new, difference)
    maps: dict[str, Collection] = {}
    chains = {}
    if closing:
        both = Intersections(old, new, difference.rewritten_chains)
        maps = {name: _closed_map(created.collections[name], some, both) for name, some in difference.moves.items()}
        chains = {name: both.in_place_of(name) for name in difference.rewritten_chains}
        created = created.changed(chains=both.chains)
    regrouped = created.changed(difference.regrouping.groups)
    gates = {name: _shut(old.collections[name], new.collections[name]) for name in difference.gates}
    closed = regrouped.changed({**gates, **maps})
    narrowed = closed.changed(chains=chains)
    passing = narrowed.changed(difference.regrouping.interim)
    filled = passing.changed(_unions(old, new, difference.edited_sets))
    thinned = filled.changed({name: new.collections[name] for name in difference.edited_sets})
    widened = thinned.changed(chains={name: new.chains[name] for name in difference.rewritten_chains})
    opened = widened.changed({name: new.collections[name] for name in (*difference.moves, *difference.gates)})
    return [
        UpdateStep(StepKind.CREATE, created),
        UpdateStep(StepKind.REGROUP, regrouped),
        UpdateStep(StepKind.CLOSE, closed),
        UpdateStep(StepKind.NARROW, narrowed),
        UpdateStep(StepKind.PASS, passing),
        UpdateStep(StepKind.FILL, filled),
        UpdateStep(StepKind.THIN, thinned),
        UpdateStep(StepKind.WIDEN, widened),
        UpdateStep(StepKind.OPEN, opened),
        UpdateStep(StepKind.CLEAN, new),
    ]


def _created(old: Program, new: Program, difference: Difference) -> Program:
    """`old`, with everything new, and with everything that no packet can reach yet as it will be."""
    collections = {
        name: _union(before, after) if name in UNCRITICAL_SETS or has_classes(after) else after
        for name, before, after in differing(old.collections, new.collections)
        if name not in difference.edited_sets
        and name not in difference.regrouping.groups
        and name not in difference.moves
        and not (before is not None and name in GATES)
    }
    for name in difference.moves:
        if name not in old.collections:
            collections[name] = VerdictMap(new.collections[name].key)
    chains = {name: chain for name, chain in new.chains.items() if name not in old.chains}
    return old.changed({**collections, **difference.regrouping.maps}, chains)


def _shut(before: Collection, after: Collection) -> Collection:
    """Single addresses as far as both programs have them; ranges and ports as they will be."""
    if isinstance(before, HashSet) and isinstance(after, HashSet):
        return HashSet(after.key, before.elements & after.elements)
    return after


def _closed_map(before: Collection, moves: list[Move], both: Intersections) -> Collection:
    """A verdict map in which each moved address allows only what its old and its new chain allow."""
    closing = [Move(key, old, both.between(old, new)) for key, old, new in moves]
    return before.moved(closing) if isinstance(before, VerdictMap) else before


def _unions(old: Program, new: Program, names: Iterable[str]) -> dict[str, Collection]:
    return {name: _union(old.collections[name], new.collections[name]) for name in names}


def _union(before: Collection | None, after: Collection) -> Collection:
    match before, after:
        case HashSet(elements=old), HashSet(elements=new):
            if old <= new or old >= new:
                return after if old <= new else before
            return msgspec.structs.replace(after, elements=old | new)
        case VerdictMap(), VerdictMap():
            return with_both(before, after)
        case RangeSet(elements=old_ranges), RangeSet(elements=new_ranges):
            return msgspec.structs.replace(after, elements=old_ranges | new_ranges)
        case _:
            return after
