"""Regrouping: addresses that come into other groups without any packet noticing.

A chain of a profile finds the group of a packet's peer, and then, in a map of its own, what is allowed with the group.
No number ever stands for another group, so what maps say of a group may be there before any address is in it, and after
none is. Addresses whose new group leads, in each map, to where their old one did can be moved at any time: so it is if
new policies tell pods apart that were one group.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ringfence.dataplane.program import (
    Collection,
    GroupMap,
    Key,
    Move,
    Program,
    VerdictMap,
    differing,
    group_key,
    has_groups,
    moves_between,
)

_Pair = tuple[str | None, str | None]
"""The old and the new group of an address; None is none."""


class Regrouping(NamedTuple):
    """What changes before anything else does: maps from groups, and then the groups of addresses."""

    maps: Mapping[str, Collection]
    """The maps from groups, with all that they say in either program."""
    groups: Mapping[str, Collection]
    """The addresses by group: those whose move no packet notices are moved already."""


def regrouping(old: Program, new: Program) -> Regrouping:
    """What can change of groups between two programs before packets may notice anything."""
    maps: dict[str, Collection] = dict(_united_maps(old, new))
    groups: dict[str, Collection] = {}
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, GroupMap) and isinstance(after, GroupMap):
            moves = moves_between(before, after)
            pairs = {(move.old, move.new) for move in moves}
            unnoticed = _unnoticed(pairs, before, _of_family(before.key, old), maps, new)
            if unnoticed:
                groups[name] = before.moved(move for move in moves if (move.old, move.new) in unnoticed)
    return Regrouping(maps, groups)


def _united_maps(old: Program, new: Program) -> Iterator[tuple[str, VerdictMap]]:
    """The maps from groups that stay and get other elements."""
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, VerdictMap) and isinstance(after, VerdictMap) and has_groups(after):
            gone = [move for move in moves_between(before, after) if move.new is None]
            yield name, _with(after, (Move(move.key, None, move.old) for move in gone))


def _of_family(key: Key, program: Program) -> dict[str, VerdictMap]:
    """The maps that rules look into by the groups of addresses of one family."""
    found: dict[str, VerdictMap] = {}
    for chain in program.chains.values():
        for groups, name in chain.group_maps:
            by_address, verdicts = program.collections.get(groups), program.collections.get(name)
            if by_address is not None and by_address.key == key and isinstance(verdicts, VerdictMap):
                found[name] = verdicts
    return found


def _unnoticed(
    pairs: set[_Pair], before: GroupMap, maps: Mapping[str, VerdictMap], united: dict[str, Collection], new: Program
) -> set[_Pair]:
    """The moves that lead to the same in every map of the old program; those that are gone get what this takes."""
    found: set[_Pair] = set()
    added: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for pair in sorted(pair for pair in pairs if pair[0] is not None and pair[1] is not None):
        old, will = pair
        assert old is not None
        assert will is not None
        wanted: dict[str, str] = {}
        for name, verdicts in maps.items():
            of_old, present = _chain_of(verdicts, old), united.get(name, verdicts)
            assert isinstance(present, VerdictMap)
            of_new = added[name].get(will) or _chain_of(present, will)
            if of_new is None and of_old is not None and will not in before.elements and name not in new.collections:
                wanted[name] = of_old
            elif of_new != of_old:
                break
        else:
            found.add(pair)
            for name, chain in wanted.items():
                added[name][will] = chain
    for name, chains in added.items():
        if chains:
            come = (Move(group_key(group), None, chain) for group, chain in chains.items())
            united[name] = _with(maps[name], come)
    return found


def _with(verdicts: VerdictMap, moves: Iterable[Move]) -> VerdictMap:
    return VerdictMap(verdicts.key, verdicts.elements, goto=True).moved(moves)


def _chain_of(verdicts: VerdictMap, group: str) -> str | None:
    key = group_key(group)
    return next((chain for chain, keys in verdicts.elements.items() if key in keys), None)
