"""Regrouping: moves addresses to other groups without an effect on packets.

The chain of a profile looks up the group of a packet's peer, and then the class of this group in a map of its own. The
class determines what is allowed. The number of a group is never used for another group. So maps may have elements for a
group before any address is in it, and after no address is in it.

An address can move at any time if its old and its new group have the same class in each map. This is the case if new
policies divide the pods of one group. Other addresses may have to move to an interim group first (`interim_groups`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple, TypeVar

import msgspec

from ringfence.dataplane.program import (
    Collection,
    GroupMap,
    Key,
    Move,
    Program,
    VerdictMap,
    differing,
    group_key,
    has_classes,
    has_groups,
    moves_between,
)
from ringfence.dataplane.update.interim_groups import NOTHING, interim_groups

_Pair = tuple[str, str]
"""The old and the new group of an address."""


class Regrouping(NamedTuple):
    """The changes of maps from groups, and of the groups of addresses.

    The step *create* applies `maps`, the step *regroup* applies `groups`, and the step *pass* applies `interim`.
    """

    maps: Mapping[str, Collection]
    """The maps from groups and from classes, with their elements from both programs and temporary ones."""
    groups: Mapping[str, Collection]
    """The addresses by group, after the moves that have no effect on packets."""
    interim: Mapping[str, Collection]
    """The addresses by group, after these moves and the moves to interim groups."""


def regrouping(old: Program, new: Program) -> Regrouping:
    """Find the changes of groups between two programs that can precede all changes of verdicts."""
    maps: dict[str, Collection] = dict(_united_maps(old, new))
    groups: dict[str, Collection] = {}
    interim: dict[str, Collection] = {}
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, GroupMap) and isinstance(after, GroupMap) and not has_groups(after):
            moves = moves_between(before, after)
            pairs = {(one, will) for _, one, will in moves if one is not None and will is not None}
            unnoticed = _unnoticed(pairs, before, old, maps, new)
            unnoticed_moves = [move for move in moves if (move.old, move.new) in unnoticed]
            if unnoticed_moves:
                groups[name] = before.moved(unnoticed_moves)
            noticed = [move for move in moves if (move.old, move.new) not in unnoticed]
            found = (
                interim_groups(noticed, name, old, {**dict(_united_chains(old, new)), **maps}) if noticed else NOTHING
            )
            maps |= found.maps
            if found.moves:
                interim[name] = before.moved(unnoticed_moves).moved(found.moves)
    return Regrouping(maps, groups, interim)


def _united_maps(old: Program, new: Program) -> Iterator[tuple[str, GroupMap]]:
    """Yield the maps from groups that both programs have with different elements, with the elements of both."""
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, GroupMap) and isinstance(after, GroupMap) and has_groups(after):
            yield name, with_both(before, after)


def _united_chains(old: Program, new: Program) -> Iterator[tuple[str, VerdictMap]]:
    """Yield the maps from classes to chains that both programs have with different elements, with those of both."""
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, VerdictMap) and isinstance(after, VerdictMap) and has_classes(after):
            yield name, with_both(before, after)


M = TypeVar("M", VerdictMap, GroupMap)


def with_both(before: M, after: M) -> M:
    """Return a map with the elements of both maps. If they differ for a key, the element of `after` is used."""
    gone = [Move(move.key, None, move.old) for move in moves_between(before, after) if move.new is None]
    if not gone:
        return after
    # An empty map does not say whether its elements are gotos.
    united = before if isinstance(before, VerdictMap) and not after.elements else after
    return msgspec.structs.replace(united, elements=after.elements).moved(gone)


def _of_family(key: Key, program: Program) -> dict[str, GroupMap]:
    """Return the maps in which rules look up the groups of addresses of one family."""
    found: dict[str, GroupMap] = {}
    for groups, names in program.index.classes_of_groups.items():
        by_address = program.collections.get(groups)
        if by_address is not None and by_address.key == key:
            some = ((name, program.collections.get(name)) for name in names)
            found |= {name: classes for name, classes in some if isinstance(classes, GroupMap)}
    return found


def _unnoticed(
    pairs: set[_Pair], before: GroupMap, program: Program, united: dict[str, Collection], new: Program
) -> Set[tuple[str | None, str | None]]:
    """Return the moves between groups that have the same class in every map of the old `program`.

    Maps that the new program does not have get an element for a new group if this makes the classes equal.
    """
    found: set[tuple[str | None, str | None]] = set()
    added: defaultdict[str, dict[str, str]] = defaultdict(dict)
    maps = _of_family(before.key, program) if pairs else {}
    for old, will in sorted(pairs):
        wanted: dict[str, str] = {}
        old_key, new_key = group_key(old), group_key(will)
        for name, classes in maps.items():
            of_old, present = classes.found(old_key), united.get(name, classes)
            assert isinstance(present, GroupMap)
            of_new = added[name].get(will) or present.found(new_key)
            # The map is only in the old program, and no address is in the new group yet: an element for it affects no
            # packet.
            if of_new is None and of_old is not None and will not in before.elements and name not in new.collections:
                wanted[name] = of_old
            elif of_new != of_old:
                break
        else:
            # The loop has met no map that gives the two groups different classes.
            found.add((old, will))
            for name, its_class in wanted.items():
                added[name][will] = its_class
    for name, classes_added in added.items():
        if classes_added:
            come = (Move(group_key(group), None, its_class) for group, its_class in classes_added.items())
            united[name] = maps[name].moved(come)
    return found
