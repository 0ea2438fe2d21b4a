"""The steps of an update: intermediate programs, each of which is safe to reach from the previous one."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

import msgspec

from ringfence.dataplane.program import (
    Chain,
    Collection,
    HashSet,
    Move,
    Program,
    RangeSet,
    VerdictMap,
    differing,
    element_changes,
    has_classes,
    note_differences,
)
from ringfence.dataplane.update.comparison import FILTERING_SETS, UNCRITICAL_SETS, Difference
from ringfence.dataplane.update.intersection import Intersections
from ringfence.dataplane.update.regrouping import with_both


class StepKind(Enum):
    """The kinds of steps, in their order in an update in place; `CREATE` is also the only step of a new table."""

    RENAME = "rename"
    """Give chains other names, if this replaces moves of subjects from chain to chain. No packet notices it."""
    CREATE = "create"
    """Add everything new that no packet can reach yet, and make the changes that have no effect on packets."""
    REGROUP = "regroup"
    """Move addresses to other groups that have the same result."""
    CLOSE = "close"
    """Allow each address that gets another chain, or becomes known or unknown, only what both programs allow it."""
    NARROW = "narrow"
    """Let each chain that gets other rules allow only what both its old and its new rules allow, for the time being."""
    PASS = "pass"
    """Move addresses to interim groups if they cannot move to their new groups at once."""
    FILL = "fill"
    """Add the new elements to the edited sets."""
    THIN = "thin"
    """Remove the old elements from the edited sets."""
    WIDEN = "widen"
    """Give each chain its new rules."""
    OPEN = "open"
    """Give each address its new chain, and add the addresses that become known."""
    CLEAN = "clean"
    """Delete everything to which nothing refers any more."""
    SWITCH = "switch"
    """Change between enforcing and observing: replace the rules of all fixed chains in one transaction."""


class UpdateStep(NamedTuple):
    """A step: its kind, and the program to which it leads in one or more transactions."""

    kind: StepKind
    program: Program
    names: Mapping[str, str] = {}
    """The new names of the chains that the step renames, by their present names."""


def steps_in_place(old: Program, new: Program, difference: Difference, *, closing: bool) -> list[UpdateStep]:
    """Return the steps from `old` to `new` if the edited sets can change while chains look them up.

    Without `closing`, no side has to close before it opens. Then the steps *close* and *narrow* change only filtering
    sets: the sets of known addresses and of held ranges, and the sets and maps about bridge ports.
    """
    created = _created(old, new, difference)
    maps: dict[str, Collection] = {}
    chains = {}
    if closing:
        both = Intersections(old, new, difference.rewritten_chains)
        maps = {name: _closed_map(created.collections[name], some, both) for name, some in difference.moves.items()}
        chains = {name: both.in_place_of(name) for name in difference.rewritten_chains}
        created = _changed(created, chains=both.chains)
    regrouped = _changed(created, difference.regrouping.groups)
    filtering = {name: _shut(old.collections[name], new.collections[name]) for name in difference.filtering}
    closed = _changed(regrouped, {**filtering, **maps})
    narrowed = _changed(closed, chains=chains)
    passing = _changed(narrowed, difference.regrouping.interim)
    filled = _changed(passing, _unions(old, new, difference.edited_sets))
    thinned = _changed(filled, {name: new.collections[name] for name in difference.edited_sets})
    widened = _changed(thinned, chains={name: new.chains[name] for name in difference.rewritten_chains})
    opened = _changed(widened, {name: new.collections[name] for name in (*difference.moves, *difference.filtering)})
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


def _changed(
    program: Program, collections: Mapping[str, Collection] | None = None, chains: Mapping[str, Chain] | None = None
) -> Program:
    """Return the program with some objects added or replaced. The next comparison of the two knows which."""
    changed = program.changed(collections, chains)
    note_differences(program.collections, changed.collections, collections or {})
    note_differences(program.chains, changed.chains, chains or {})
    return changed


def _created(old: Program, new: Program, difference: Difference) -> Program:
    """Return `old` with all new objects, and with the changes that have no effect on packets yet."""
    collections = {
        # These get their new elements early, and lose their old ones only with *clean*.
        name: _union(before, after) if name in UNCRITICAL_SETS or has_classes(after) else after
        for name, before, after in differing(old.collections, new.collections)
        if name not in difference.edited_sets
        and name not in difference.regrouping.groups
        and name not in difference.moves
        and not (before is not None and name in FILTERING_SETS)
    }
    for name in difference.moves:
        if name not in old.collections:
            # Empty: its elements lead packets to chains, and these are complete only when *open* begins.
            collections[name] = VerdictMap(new.collections[name].key)
    chains = {name: chain for name, chain in new.chains.items() if name not in old.chains}
    return _changed(old, {**collections, **difference.regrouping.maps}, chains)


def _shut(before: Collection, after: Collection) -> Collection:
    """Return the common elements of two hash sets; for other sets and maps, return `after`."""
    if isinstance(before, HashSet) and isinstance(after, HashSet):
        return HashSet(after.key, before.elements & after.elements)
    return after


def _closed_map(before: Collection, moves: list[Move], both: Intersections) -> Collection:
    """Return a verdict map that allows each moved address only what both its old and its new chain allow."""
    closing = [Move(key, old, both.between(old, new)) for key, old, new in moves]
    return before.moved(closing) if isinstance(before, VerdictMap) else before


def _unions(old: Program, new: Program, names: Iterable[str]) -> dict[str, Collection]:
    return {name: _union(old.collections[name], new.collections[name]) for name in names}


def _union(before: Collection | None, after: Collection) -> Collection:
    match before, after:
        case HashSet(elements=old), HashSet(elements=new):
            changes = element_changes(old, new)
            if not (changes.added and changes.removed):
                # One of the two is the union already. The same object needs no command, and later comparisons skip it.
                return before if changes.removed else after
            return msgspec.structs.replace(after, elements=old | new)
        case VerdictMap(), VerdictMap():
            return with_both(before, after)
        case RangeSet(elements=old_ranges), RangeSet(elements=new_ranges):
            return msgspec.structs.replace(after, elements=old_ranges | new_ranges)
        case _:
            return after
