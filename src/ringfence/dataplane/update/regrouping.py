"""Regrouping: addresses that come into other groups without any packet noticing.

A chain of a profile finds the group of a packet's peer, and then, in a map of its own, the class of the group, which
stands for what is allowed with it. No number ever stands for another group, so what maps say of a group may be there
before any address is in it, and after none is. Addresses whose new group leads, in each map, to where their old one did
can be moved at any time: so it is if new policies tell pods apart that were one group. Others may have to go through
an interim group (`interim_groups`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
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

_Pair = tuple[str | None, str | None]
"""The old and the new group of an address; None is none."""


class Regrouping(NamedTuple):
    """What changes before anything else does: maps from groups, and then the groups of addresses."""

    maps: Mapping[str, Collection]
    """The maps from groups, with all that they say in either program."""
    groups: Mapping[str, Collection]
    """The addresses by group: those whose move no packet notices are moved already."""
    interim: Mapping[str, Collection]
    """The addresses by group: those that have to go through interim groups are in these."""


def regrouping(old: Program, new: Program) -> Regrouping:
    """What can change of groups between two programs before packets may notice anything."""
    maps: dict[str, Collection] = dict(_united_maps(old, new))
    groups: dict[str, Collection] = {}
    interim: dict[str, Collection] = {}
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, GroupMap) and isinstance(after, GroupMap) and not has_groups(after):
            moves = moves_between(before, after)
            pairs = {(move.old, move.new) for move in moves}
            unnoticed = _unnoticed(pairs, before, _of_family(before.key, old), maps, new)
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
    """The maps from groups that stay and get other elements."""
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, GroupMap) and isinstance(after, GroupMap) and has_groups(after):
            yield name, with_both(before, after)


def _united_chains(old: Program, new: Program) -> Iterator[tuple[str, VerdictMap]]:
    """The maps from classes to chains that stay and get other elements."""
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, VerdictMap) and isinstance(after, VerdictMap) and has_classes(after):
            yield name, with_both(before, after)


M = TypeVar("M", VerdictMap, GroupMap)


def with_both(before: M, after: M) -> M:
    """A map with the elements of both; where they differ, with those of `after`."""
    gone = [Move(move.key, None, move.old) for move in moves_between(before, after) if move.new is None]
    if not gone:
        return after
    united = before if isinstance(before, VerdictMap) and not after.elements else after
    return msgspec.structs.replace(united, elements=after.elements).moved(gone)


def _of_family(key: Key, program: Program) -> dict[str, GroupMap]:
    """The maps that rules look into by the groups of addresses of one family."""
    found: dict[str, GroupMap] = {}
    for one in program.index.group_dispatches:
        by_address, classes = program.collections.get(one.groups), program.collections.get(one.classes)
        if by_address is not None and by_address.key == key and isinstance(classes, GroupMap):
            found[one.classes] = classes
    return found


def _unnoticed(
    pairs: set[_Pair], before: GroupMap, maps: Mapping[str, GroupMap], united: dict[str, Collection], new: Program
) -> set[_Pair]:
    """The moves that lead to the same in every map of the old program; those that are gone get what this takes."""
    found: set[_Pair] = set()
    added: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for pair in sorted(pair for pair in pairs if pair[0] is not None and pair[1] is not None):
        old, will = pair
        assert old is not None
        assert will is not None
        wanted: dict[str, str] = {}
        old_key, new_key = group_key(old), group_key(will)
        for name, classes in maps.items():
            of_old, present = classes.found(old_key), united.get(name, classes)
            assert isinstance(present, GroupMap)
            of_new = added[name].get(will) or present.found(new_key)
            if of_new is None and of_old is not None and will not in before.elements and name not in new.collections:
                wanted[name] = of_old
            elif of_new != of_old:
                break
        else:
            found.add(pair)
            for name, its_class in wanted.items():
                added[name][will] = its_class
    for name, classes_added in added.items():
        if classes_added:
            come = (Move(group_key(group), None, its_class) for group, its_class in classes_added.items())
            united[name] = maps[name].moved(come)
    return found
