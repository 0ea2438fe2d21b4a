"""Excludes parts of a program that the kernel refuses: closes the profiles that need them, and keeps the rest.

A policy that cannot be programmed must not delay other policies, and must not leave its own pods open.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ringfence.dataplane.program import CLOSED, ISOLATED, Collection, Move, Program, RangeMap, VerdictMap, is_fixed

_SUBJECT_MAPS = frozenset(ISOLATED.values())


class _Parts(NamedTuple):
    """The names of chains, and of sets and maps (`collections`)."""

    chains: frozenset[str]
    collections: frozenset[str]


def profiles_using(program: Program, name: str) -> frozenset[str]:
    """Return the profile chains that need the set, map or chain of this name; none if the whole program needs it."""
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
        # Each turn follows the references one step further back, until there are no more.
        found = _Parts(chains.union(using), collections.union(maps))
        if found == (chains, collections):
            return chains - _parts_of_profiles(program)
        chains, collections = found


def with_profiles_closed(program: Program, profiles: Iterable[str]) -> Program:
    """Return the program without these profiles. Their pods are denied everything."""
    excluded = frozenset(profiles)
    needed = _needed_by(program, excluded)
    # Profiles share parts, so only what nothing else needs is dropped.
    remaining = _needed_by(program, (one for one in program.chains if one not in needed.chains or is_fixed(one)))
    dropped = (needed.chains | needed.collections) - (remaining.chains | remaining.collections)
    chains = {name: one for name, one in program.chains.items() if name not in dropped}
    collections = {name: one for name, one in program.collections.items() if name not in dropped}
    return Program({**collections, **dict(_denying(program, excluded))}, chains)


def is_needed(program: Program, name: str) -> bool:
    """Whether packets can reach the chain, set or map of this name. If not, it is being loaded or removed."""
    reached = _reached(program)
    return is_fixed(name) or name in reached.chains or name in reached.collections


def without_unneeded(program: Program) -> Program:
    """Return the program without the chains, sets and maps that packets cannot reach."""
    reached = _reached(program)
    chains = {name: one for name, one in program.chains.items() if name in reached.chains}
    collections = {
        name: one for name, one in program.collections.items() if is_fixed(name) or name in reached.collections
    }
    return Program(collections, chains)


def with_all_profiles_closed(program: Program) -> Program:
    """Return the program that denies everything for every isolated side, without the parts that this does not need.

    Parts that are being loaded or removed piece by piece would take long to load.
    """
    profiles = frozenset(name for name in program.chains if not is_fixed(name))
    return without_unneeded(program.changed(dict(_denying(program, profiles))))


def _reached(program: Program) -> _Parts:
    """Return the parts that packets can reach, through the fixed chains and the maps of subjects."""
    subjects = (program.collections.get(name) for name in _SUBJECT_MAPS)
    profiles = [one for verdicts in subjects if isinstance(verdicts, VerdictMap) for one in verdicts.elements]
    return _needed_by(program, [*filter(is_fixed, program.chains), *profiles])


def _parts_of_profiles(program: Program) -> frozenset[str]:
    """Return the chains that packets reach only through other chains, so that they are no profile chains."""
    targets = (chain.targets for chain in program.chains.values())
    return frozenset().union(*targets, *(_led_to(program, name) for name in program.collections))


def _led_to(program: Program, name: str) -> Iterable[str]:
    """Return the chains to which a map leads; none for the maps of subjects, because all profiles share these."""
    one = program.collections[name]
    return one.elements if isinstance(one, VerdictMap | RangeMap) and name not in _SUBJECT_MAPS else ()


def _needed_by(program: Program, chains: Iterable[str]) -> _Parts:
    """Return these chains, and all chains, sets and maps that packets can reach through them."""
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
