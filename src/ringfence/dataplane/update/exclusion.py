"""When the kernel refuses a part of a program: the profiles that need this part are closed, the rest is kept.

One policy that cannot be programmed must not hold back the others, nor leave its own pods open.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.dataplane.program import CLOSED, ISOLATED, Collection, Move, Program, RangeMap, VerdictMap, is_fixed

_SUBJECT_MAPS = frozenset(ISOLATED.values())


class _Parts(NamedTuple):
    """Names of chains, and of sets and maps."""

    chains: frozenset[str]
    collections: frozenset[str]


def profiles_using(program: Program, name: str) -> frozenset[str]:
    """The profiles' chains that need a set, map or chain of this name; none if the whole program needs it."""
    if is_fixed(name):
        return frozenset()
    chains = frozenset({name} & program.chains.keys())
    collections = frozenset({name} & program.collections.keys())
    while True:
        maps = (one for one in program.collections if not chains.isdisjoint(_led_to(program, one)))
        using = (
            one
            for one, chain in program.chains.items()
            if not (chains.isdisjoint(chain.targets) and collections.isdisjoint(chain.sets))
        )
        found = _Parts(chains.union(using), collections.union(maps))
        if found == (chains, collections):
            return chains - _parts_of_profiles(program)
        chains, collections = found


def with_profiles_closed(program: Program, profiles: Iterable[str]) -> Program:
    """The program without these profiles: their pods are allowed nothing."""
    excluded = frozenset(profiles)
    needed = _needed_by(program, excluded)
    remaining = _needed_by(program, (one for one in program.chains if one not in needed.chains or is_fixed(one)))
    dropped = (needed.chains | needed.collections) - (remaining.chains | remaining.collections)
    chains = {name: one for name, one in program.chains.items() if name not in dropped}
    collections = {name: one for name, one in program.collections.items() if name not in dropped}
    return Program({**collections, **dict(_denying(program, excluded))}, chains)


def is_needed(program: Program, name: str) -> bool:
    """Whether packets can come to a chain, or are looked up in a set or map, of this name; else it is being loaded."""
    reached = _reached(program)
    return is_fixed(name) or name in reached.chains or name in reached.collections


def without_unneeded(program: Program) -> Program:
    """The program without the chains, sets and maps that no packet comes to."""
    reached = _reached(program)
    chains = {name: one for name, one in program.chains.items() if name in reached.chains}
    collections = {
        name: one for name, one in program.collections.items() if is_fixed(name) or name in reached.collections
    }
    return Program(collections, chains)


def with_all_profiles_closed(program: Program) -> Program:
    """The program in which every isolated side is allowed nothing, and which has nothing that is not needed for that.

    What is being loaded, or removed piece by piece, would take long to load.
    """
    profiles = frozenset(name for name in program.chains if not is_fixed(name))
    return without_unneeded(program.changed(dict(_denying(program, profiles))))


def _reached(program: Program) -> _Parts:
    """What packets can come to: from the fixed chains, and from the maps of subjects."""
    subjects = (program.collections.get(name) for name in _SUBJECT_MAPS)
    profiles = [one for verdicts in subjects if isinstance(verdicts, VerdictMap) for one in verdicts.elements]
    return _needed_by(program, [*filter(is_fixed, program.chains), *profiles])


def _parts_of_profiles(program: Program) -> frozenset[str]:
    """The chains to which packets come from other chains only."""
    targets = (chain.targets for chain in program.chains.values())
    return frozenset().union(*targets, *(_led_to(program, name) for name in program.collections))


def _led_to(program: Program, name: str) -> Iterable[str]:
    """The chains to which a map leads, that of subjects excepted: it is everybody's."""
    one = program.collections[name]
    return one.elements if isinstance(one, VerdictMap | RangeMap) and name not in _SUBJECT_MAPS else ()


def _needed_by(program: Program, chains: Iterable[str]) -> _Parts:
    """Some chains, and all that packets in them come to or look into."""
    found: set[str] = set()
    collections: set[str] = set()
    new = program.chains.keys() & set(chains)
    while new:
        found |= new
        sets = frozenset().union(*(program.chains[name].sets for name in new)) & program.collections.keys()
        collections |= sets
        targets = (program.chains[name].targets for name in new)
        new = program.chains.keys() & set().union(*targets, *(_led_to(program, name) for name in sets)) - found
    return _Parts(frozenset(found), frozenset(collections))


def _denying(program: Program, excluded: frozenset[str]) -> Iterator[tuple[str, Collection]]:
    for (direction, _), name in ISOLATED.items():
        verdicts = program.collections[name]
        if isinstance(verdicts, VerdictMap):
            moves = (
                Move(key, chain, CLOSED[direction])
                for chain in excluded & verdicts.elements.keys()
                for key in verdicts.elements[chain]
            )
            yield name, verdicts.moved(moves)
