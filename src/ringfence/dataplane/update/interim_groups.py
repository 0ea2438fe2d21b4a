"""Moves addresses to other groups safely if chains look up two maps of groups, one after the other.

A chain can look up the group of a peer in a map of exceptions and, if it is not there, in a map that many subjects
share. The kernel determines the group of the address again for the second lookup. If the address moves to another group
between the two lookups, the first map is searched for the old group and the second map for the new one. If only the new
group is an exception, the packet gets the result of the common map for the new group. Neither the old nor the new rules
give this result. To prevent it, the first map temporarily gets an element for the old group, with the class that the
second map has for it.

If the second map has no element for the old group, or if there is no old group, the address moves to an interim group
first. For an interim group,

- the first map has the class of the old group, or the class of the new group if it has no element for the old one;
- the second map has the class of the old group.

So at any time, every packet gets the result of the old rules or of the new ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import count
from typing import NamedTuple

from ringfence.dataplane.program import (
    FIRST_INTERIM_GROUP,
    Collection,
    GroupMap,
    Move,
    Program,
    TwoDispatches,
    VerdictMap,
    group_key,
    group_name,
    peer_class_key,
)

_Pair = tuple[str | None, str]
"""The old group of an address (None if there is none) and the new one."""


class InterimGroups(NamedTuple):
    """The maps with their temporary elements, and the moves of addresses into interim groups."""

    maps: Mapping[str, Collection]
    moves: list[Move]


NOTHING = InterimGroups({}, [])


def interim_groups(
    moves: Iterable[Move], name: str, program: Program, united: Mapping[str, Collection]
) -> InterimGroups:
    """Return the temporary changes for moves of addresses in the map `name` of a program.

    `united` contains maps with their elements from before and after the moves. All other maps are as in the program.
    """
    known = {**program.collections, **united}
    by_pair: defaultdict[_Pair, list[Move]] = defaultdict(list)
    for move in moves:
        if move.new is not None:
            by_pair[move.old, move.new].append(move)
    twos = program.index.dispatches_in_a_row.get(name, frozenset()) if by_pair else frozenset()
    added: defaultdict[str, list[Move]] = defaultdict(list)
    interim: dict[_Pair, str] = {}
    maps = _asked(name, program, known) if twos else {}
    unused = _unused_groups(maps)
    firsts = {first: maps[first] for first in {two.first.classes for two in twos} & maps.keys()}
    for old, new in by_pair:
        excepted = _knowing(new, firsts)
        mixing = [two for two in twos if two.first.classes in excepted and _mixes(old, new, two, maps)]
        if mixing and (old is None or any(class_of(maps[two.second.classes], old) is None for two in mixing)):
            interim[old, new] = next(unused)
        elif old is not None:
            for two in mixing:
                _say_the_same(old, two, known, added)
    for one, some in _of_interim(interim, twos, maps) if interim else ():
        added[one] += some
    passing = [Move(key, old, group) for pair, group in interim.items() for key, old, _ in by_pair[pair]]
    return InterimGroups({one: _with(known[one], some) for one, some in added.items()}, passing)


def _asked(name: str, program: Program, known: Mapping[str, Collection]) -> dict[str, GroupMap]:
    """Return the maps in which chains look up the groups from the map `name`."""
    found = ((one, known.get(one)) for one in program.index.classes_of_groups.get(name, ()))
    return {one: classes for one, classes in found if isinstance(classes, GroupMap)}


def _knowing(group: str, maps: Mapping[str, GroupMap]) -> frozenset[str]:
    """Return the names of the maps that have an element for a group. Few maps of exceptions do."""
    key = group_key(group)
    return frozenset(name for name, one in maps.items() if one.found(key))


def _mixes(old: str | None, new: str, two: TwoDispatches, maps: Mapping[str, GroupMap]) -> bool:
    """Whether a packet that finds the old group first and then the new one gets a result that neither group has."""
    first, second = maps.get(two.first.classes), maps.get(two.second.classes)
    if first is None or second is None:
        return False
    # If the first map has nothing about the new group, or decides about the old one, the second lookup mixes nothing.
    exception = class_of(first, new)
    if exception is None or (old is not None and class_of(first, old)):
        return False
    before, found = None if old is None else class_of(second, old), class_of(second, new)
    if before is None and two.last:
        return False  # nothing was allowed before, and exceptions allow everything that the second map allows
    return found not in (exception, before)


def _say_the_same(
    old: str, two: TwoDispatches, known: Mapping[str, Collection], added: defaultdict[str, list[Move]]
) -> None:
    """Give the first map the element that the second map has for a group."""
    said = known[two.second.classes]
    led, leading = known[two.first.map], known[two.second.map]
    found = class_of(said, old) if isinstance(said, GroupMap) else None
    if found is None or not (isinstance(led, VerdictMap) and isinstance(leading, VerdictMap)):
        return
    move = Move(group_key(old), None, found)
    if move not in added[two.first.classes]:
        added[two.first.classes].append(move)
    key = peer_class_key(found)
    leads = Move(key, None, leading.chain_of(key))
    if led.chain_of(key) is None and leads not in added[two.first.map]:
        added[two.first.map].append(leads)


def _unused_groups(maps: Mapping[str, GroupMap]) -> Iterator[str]:
    """Yield interim groups for which no map has an element. An update that failed can have left elements behind."""
    for number in count(FIRST_INTERIM_GROUP):
        group = group_name(number)
        if not any(class_of(one, group) for one in maps.values()):
            yield group


def _of_interim(
    interim: Mapping[_Pair, str], twos: Set[TwoDispatches], maps: Mapping[str, GroupMap]
) -> Iterator[tuple[str, list[Move]]]:
    """Yield the elements of maps for interim groups."""
    first = {two.first.classes for two in twos}
    for (old, new), group in interim.items():
        for name, one in maps.items():
            found = class_of(one, old) if old else None
            if found is None and name in first:
                found = class_of(one, new)
            if found:
                yield name, [Move(group_key(group), None, found)]


def _with(one: Collection, moves: list[Move]) -> Collection:
    if isinstance(one, VerdictMap):
        return VerdictMap(one.key, one.elements, goto=True).moved(moves)
    return one.moved(moves) if isinstance(one, GroupMap) else one


def class_of(classes: GroupMap, group: str) -> str | None:
    """Return the class of a group in one map; None if the map has no element for it."""
    return classes.found(group_key(group))
