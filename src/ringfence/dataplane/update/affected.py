"""Suspects: whose connections one program may judge otherwise than another.

To judge every tracked connection after each change would take longer than the change itself. What concerns neither end
of a connection cannot have changed its verdict, so only the connections of some addresses are looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from ringfence.dataplane.program import (
    Chain,
    Collection,
    HashSet,
    KeyPart,
    Program,
    VerdictMap,
    differing,
    moves_between,
)

AffectedAddresses = frozenset[bytes] | None
"""Addresses as keys; None is everybody."""

NONE_AFFECTED: AffectedAddresses = frozenset()


def affected_addresses(old: Program, new: Program) -> AffectedAddresses:
    """The addresses to which some connection may be allowed by one of two programs and not by the other."""
    if not old.chains or not new.chains:
        return None
    stale = frozenset(_changed_otherwise(old.collections, new.collections))
    changed = {
        name
        for name, before, after in differing(old.chains, new.chains)
        if before is not None and before.rules != after.rules
    }
    chains = changed.union(*(_looking_into(stale, program.chains) for program in (old, new)))
    if any(program.chains[name].hook for program in (old, new) for name in chains & program.chains.keys()):
        return None
    return frozenset(_addresses_changed(old.collections, new.collections)).union(
        *(_addresses_with(chains, program) for program in (old, new))
    )


def union_of(*some: AffectedAddresses) -> AffectedAddresses:
    """All that are suspect for one reason or another."""
    found: frozenset[bytes] = frozenset()
    for one in some:
        if one is None:
            return None
        found |= one
    return found


def _addresses_changed(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[bytes]:
    """The addresses that get another chain, or that come into sets or go out of them."""
    for _, before, after in differing(old, new):
        if isinstance(after, VerdictMap) and (before is None or isinstance(before, VerdictMap)):
            yield from (move.key for move in moves_between(before, after))
        elif _is_of_addresses(before) and _is_of_addresses(after):
            length = after.key[0].length
            yield from (element[:length] for element in before.elements ^ after.elements)


def _changed_otherwise(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[str]:
    """The sets of which it cannot be told by single addresses what changed."""
    for name, before, after in differing(old, new):
        if before is None or isinstance(after, VerdictMap) or _is_of_addresses(after):
            continue
        if before.elements != after.elements:
            yield name


def _is_of_addresses(collection: Collection | None) -> TypeGuard[HashSet]:
    return isinstance(collection, HashSet) and collection.key[0] in (KeyPart.ADDRESS_4, KeyPart.ADDRESS_6)


def _looking_into(sets: frozenset[str], chains: Mapping[str, Chain]) -> Iterator[str]:
    return (name for name, chain in chains.items() if sets and not sets.isdisjoint(chain.sets))


def _addresses_with(chains: Iterable[str], program: Program) -> Iterator[bytes]:
    for verdicts in program.collections.values():
        if isinstance(verdicts, VerdictMap):
            for chain in chains:
                yield from verdicts.elements.get(chain, ())
