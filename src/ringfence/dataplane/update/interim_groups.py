"""Interim groups: how an address comes into another group where chains ask two maps about it, one after the other.

A chain can look for the group of a peer in a map of exceptions, and, if it is not there, in one that many subjects
have in common. It finds the group anew for each of them. If it did not find the old group among the exceptions, and
then found what the common map says of the new one, although that is an exception, the packet would meet neither the old
rules nor the new ones. So such an address goes through a group of its own, an interim one, of which

- the first map says what it says of the old group, or else what it says of the new one;
- the second map says what it says of the old group.

Every packet then meets the old rules or the new ones, whenever it looks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, count
from typing import NamedTuple

from ringfence.dataplane.program import FIRST_INTERIM_GROUP, GroupMap, Move, Program, group_key, group_name


class _Two(NamedTuple):
    """Two maps of groups that a chain asks one after the other, by their names."""

    first: str
    second: str


class InterimGroups(NamedTuple):
    """What maps say of the interim groups, and the moves of addresses into these."""

    maps: Mapping[str, GroupMap]
    moves: list[Move]


def interim_groups(moves: Iterable[Move], name: str, program: Program, maps: Mapping[str, GroupMap]) -> InterimGroups:
    """The interim groups for addresses that move in the map `name` of a program.

    `maps` are those that lead from its groups, with all that they say before and after the moves.
    """
    twos = set(_asked_in_a_row(name, program))
    interim: dict[tuple[str | None, str], str] = {}
    passing: list[Move] = []
    unused = _unused_groups(maps) if twos else iter(())
    for key, old, new in moves:
        if new is None or not any(_mixes(old, new, maps[two.first], maps[two.second]) for two in twos):
            continue
        if (old, new) not in interim:
            interim[old, new] = next(unused)
        passing.append(Move(key, old, interim[old, new]))
    return InterimGroups(dict(_with_interim(interim, twos, maps)), passing)


def _asked_in_a_row(name: str, program: Program) -> Iterator[_Two]:
    for chain in program.chains.values():
        asked = [one.classes for one in chain.group_dispatches if one.groups == name]
        yield from (_Two(*two) for two in combinations(asked, 2))


def _mixes(old: str | None, new: str, first: GroupMap, second: GroupMap) -> bool:
    """Whether a packet that finds the old group first, and then the new one, meets the rules of neither."""
    exception = class_of(first, new)
    if exception is None or (old is not None and class_of(first, old)):
        return False
    found = class_of(second, new)
    return found not in (exception, None if old is None else class_of(second, old))


def _unused_groups(maps: Mapping[str, GroupMap]) -> Iterator[str]:
    """Groups of which no map says anything, not even one that was left behind by an update that failed."""
    for number in count(FIRST_INTERIM_GROUP):
        group = group_name(number)
        if not any(class_of(one, group) for one in maps.values()):
            yield group


def _with_interim(
    interim: Mapping[tuple[str | None, str], str], twos: set[_Two], maps: Mapping[str, GroupMap]
) -> Iterator[tuple[str, GroupMap]]:
    first = {two.first for two in twos}
    added: defaultdict[str, list[Move]] = defaultdict(list)
    for (old, new), group in interim.items():
        for name, one in maps.items():
            found = class_of(one, old) if old else None
            if found is None and name in first:
                found = class_of(one, new)
            if found:
                added[name].append(Move(group_key(group), None, found))
    for name, some in added.items():
        yield name, maps[name].moved(some)


def class_of(classes: GroupMap, group: str) -> str | None:
    """The class of a group in one map."""
    # There are few classes, so this takes less time than to turn the map round.
    key = group_key(group)
    return next((one for one, keys in classes.elements.items() if key in keys), None)
