"""When the kernel refuses a part of a program: the profiles that need this part are closed, the rest is kept.

One policy that cannot be programmed must not hold back the others, nor leave its own pods open.
"""

from collections.abc import Container, Iterable, Iterator

from ringfence.dataplane.program import DENIED, ISOLATED, Chain, Collection, Move, Program, VerdictMap, base_program

_SUBJECT_MAPS = frozenset(ISOLATED.values())


def profiles_using(program: Program, name: str) -> frozenset[str]:
    """The profiles' chains that need a set or chain of this name; none if the whole program needs it."""
    fixed = base_program()
    if name in fixed.collections or name in fixed.chains:
        return frozenset()
    using = {one for one, chain in program.chains.items() if one == name or name in chain.sets}
    # A chain of peers is a part of the profiles that look into the maps which lead to it.
    parts = using & _peer_chains(program, program.collections)
    maps = {one for one, verdicts in _peer_maps(program) if not parts.isdisjoint(verdicts.elements)}
    return frozenset(using - parts).union(one for one, chain in program.chains.items() if maps & chain.sets)


def with_profiles_closed(program: Program, profiles: Iterable[str]) -> Program:
    """The program without these profiles: their pods are allowed nothing."""
    excluded = frozenset(profiles)
    remaining = program.chains.keys() - excluded
    looked_into = _looked_into(program.chains[name] for name in remaining)
    parts = _peer_chains(program, program.collections) - _peer_chains(program, looked_into)
    chains = {name: program.chains[name] for name in program.chains if name in remaining - parts}
    kept = _looked_into(chains.values())
    dropped = _looked_into(program.chains[name] for name in excluded | parts)
    collections = {name: one for name, one in program.collections.items() if name in kept or name not in dropped}
    return Program({**collections, **dict(_denying(program, excluded))}, chains)


def with_all_profiles_closed(program: Program) -> Program:
    """The program in which every isolated side is allowed nothing."""
    return with_profiles_closed(program, program.chains.keys() - base_program().chains.keys())


def _peer_maps(program: Program) -> Iterator[tuple[str, VerdictMap]]:
    for name, one in program.collections.items():
        if isinstance(one, VerdictMap) and name not in _SUBJECT_MAPS:
            yield name, one


def _peer_chains(program: Program, maps: Container[str]) -> frozenset[str]:
    """The chains to which some of the peer maps lead, those of denials excepted."""
    found: set[str] = set()
    for name, verdicts in _peer_maps(program):
        if name in maps:
            found |= verdicts.elements.keys()
    return frozenset(found) - frozenset(DENIED.values())


def _looked_into(chains: Iterable[Chain]) -> frozenset[str]:
    return frozenset().union(*(chain.sets for chain in chains))


def _denying(program: Program, excluded: frozenset[str]) -> Iterator[tuple[str, Collection]]:
    for (direction, _), name in ISOLATED.items():
        verdicts = program.collections[name]
        if isinstance(verdicts, VerdictMap):
            moves = (
                Move(key, chain, DENIED[direction])
                for chain in excluded & verdicts.elements.keys()
                for key in verdicts.elements[chain]
            )
            yield name, verdicts.moved(moves)
