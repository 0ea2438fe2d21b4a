"""Renamed chains: chains of the old program whose subjects all get one new chain that no other subject gets.

The chain of a profile is named after its policies, so each policy that comes or goes gives its pods a chain with
another name. Instead of creating this chain and moving the pods to it, an update gives the old chain the new name, and
then the new rules. No packet notices the name, because the elements of maps refer to the chain itself. Rules change in
one transaction, which is safe for both directions at once. To move the pods takes three transactions, and in each of
them the kernel validates all paths of packets (nf_tables_validate()).
"""

from collections.abc import Mapping, Set

from ringfence.dataplane.program import ISOLATED, Program, RangeMap, VerdictMap, moves_between


def renamed_chains(old: Program, new: Program) -> Mapping[str, str]:
    """Return the chains of `old` that can get the name of a chain of `new`, by their present names."""
    found: dict[str, str] = {}
    for name in ISOLATED.values():
        before, after = old.collections.get(name), new.collections.get(name)
        if before is not after and isinstance(before, VerdictMap) and isinstance(after, VerdictMap):
            pairs = {(was, will) for _, was, will in moves_between(before, after) if was and will}
            found |= {was: will for was, will in pairs if _is_one_for_the_other(was, will, old, new)}
    # What else leads to the chain would lead to the new rules, too.
    led_to = _led_to_otherwise(found.keys(), old) if found else frozenset()
    return {was: will for was, will in found.items() if was not in led_to}


def with_renamed_chains(program: Program, names: Mapping[str, str]) -> Program:
    """Return the program with other names for the chains of some subjects: `names` gives them by the present names."""
    maps = {
        name: VerdictMap(one.key, {names.get(chain, chain): keys for chain, keys in one.elements.items()}, one.goto)
        for name in ISOLATED.values()
        if isinstance(one := program.collections.get(name), VerdictMap) and not names.keys().isdisjoint(one.elements)
    }
    chains = dict(program.chains)  # a copy of 1,000 chains takes a tenth of the time of a comprehension over them
    for name, new_name in names.items():
        chains[new_name] = chains.pop(name)
    found = Program({**program.collections, **maps}, chains)
    found.index.follow(program.index)
    return found


def _is_one_for_the_other(was: str, will: str, old: Program, new: Program) -> bool:
    """Whether a chain exists in `old` only, the other one in `new` only, and both have the same subjects."""
    if was in new.chains or will in old.chains or was not in old.chains or will not in new.chains:
        return False
    # A base chain is attached to a hook, and no map leads to it.
    if old.chains[was].hook or new.chains[will].hook:
        return False
    return all(_subjects(was, name, old) == _subjects(will, name, new) for name in ISOLATED.values())


def _subjects(chain: str, name: str, program: Program) -> frozenset[bytes]:
    one = program.collections.get(name)
    return one.elements.get(chain, frozenset()) if isinstance(one, VerdictMap) else frozenset()


def _led_to_otherwise(chains: Set[str], program: Program) -> frozenset[str]:
    """Return those of the chains to which a rule leads, or a map that is not one of subjects."""
    found = chains & program.index.targets
    for name, one in program.collections.items():
        if isinstance(one, VerdictMap | RangeMap) and name not in _MAPS_OF_SUBJECTS:
            # Asked first, because most are disjoint: no set has to be made for each of hundreds of maps.
            if one.elements.keys().isdisjoint(chains):
                continue
            found |= chains & one.elements.keys()
    return frozenset(found)


_MAPS_OF_SUBJECTS = frozenset(ISOLATED.values())
