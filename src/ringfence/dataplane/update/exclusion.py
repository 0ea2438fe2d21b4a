"""When the kernel refuses a part of a program: the profiles that need this part are closed, the rest is kept.

One policy that cannot be programmed must not hold back the others, nor leave its own pods open.
"""

from collections.abc import Iterable, Iterator

from ringfence.dataplane.program import DENIED, ISOLATED, Chain, Collection, Move, Program, VerdictMap, base_program


def profiles_using(program: Program, name: str) -> frozenset[str]:
    """The profiles' chains that need a set or chain of this name; none if the whole program needs it."""
    fixed = base_program()
    if name in fixed.collections or name in fixed.chains:
        return frozenset()
    return frozenset(one for one, chain in program.chains.items() if one == name or name in chain.sets)


def with_profiles_closed(program: Program, profiles: Iterable[str]) -> Program:
    """The program without these profiles: their pods are allowed nothing."""
    excluded = frozenset(profiles)
    chains = {name: chain for name, chain in program.chains.items() if name not in excluded}
    kept, dropped = (_looked_into(program.chains[name] for name in names) for names in (chains, excluded))
    collections = {name: one for name, one in program.collections.items() if name in kept or name not in dropped}
    return Program({**collections, **dict(_denying(program, excluded))}, chains)


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
