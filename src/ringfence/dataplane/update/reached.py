"""What packets can reach from some chains and maps: through rules, and through the elements of maps."""

from collections.abc import Iterable
from typing import NamedTuple

from ringfence.dataplane.program import Chain, Collection, ForeignRule, Program, RangeMap, VerdictMap, is_fixed


class Reached(NamedTuple):
    """The sets, maps and chains of a program that packets can reach, by name."""

    collections: dict[str, Collection]
    chains: dict[str, Chain]


def reached_from(program: Program, *, chains: Iterable[str] = (), collections: Iterable[str] = ()) -> Reached:
    """Return these chains and collections, and everything that packets reach from them."""
    found = Reached({}, {})
    new_chains, new_collections = set(chains), set(collections)
    while new_chains or new_collections:
        found.chains.update((name, program.chains[name]) for name in new_chains)
        found.collections.update((name, program.collections[name]) for name in new_collections)
        targets = {target for name in new_chains for target in program.chains[name].targets}
        for name in new_collections:
            one = program.collections[name]
            if isinstance(one, VerdictMap | RangeMap):
                targets.update(one.elements)
        looked_up = {name for chain in new_chains for name in program.chains[chain].sets}
        # A verdict that another program has put into a map is read back as an element for a chain that does not exist.
        new_chains = targets & program.chains.keys() - found.chains.keys()
        new_collections = looked_up & program.collections.keys() - found.collections.keys()
    return found


def without_leftovers(old: Program, new: Program) -> Program:
    """Return `old` without the chains, sets and maps that no packet reaches, except those that `new` has, too.

    An update that ends early leaves what it has created, and the next one chooses other names (`unused_name`). So if
    one update after another ends early, each would leave more. Returns the same object if there is nothing to delete.
    """
    if all(name in new.chains for name in old.chains) and all(name in new.collections for name in old.collections):
        return old
    if any(isinstance(rule, ForeignRule) for chain in old.chains.values() for rule in chain.rules):
        return old  # a rule of another program may lead to any chain
    used = reached_from(
        old,
        # A program without its whole fixed part would be mistaken for a damaged one (`is_whole`).
        chains=(name for name, chain in old.chains.items() if chain.hook or is_fixed(name) or name in new.chains),
        # Other chains of `new` may look up these, and their elements lead to chains.
        collections=(name for name in old.collections if is_fixed(name) or name in new.collections),
    )
    leftovers = (old.chains.keys() - used.chains.keys()) | (old.collections.keys() - used.collections.keys())
    return old.changed(without=frozenset(leftovers)) if leftovers else old
