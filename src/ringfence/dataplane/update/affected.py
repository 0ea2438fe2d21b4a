"""Affected addresses: the addresses whose connections two programs may judge differently.

Judging every tracked connection after each change would take longer than the change itself. A change that affects
neither end of a connection cannot change its verdict. So only the connections of affected addresses are judged.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from ringfence.dataplane.program import (
    EXEMPT_LINKS,
    ISOLATED,
    TUNNELS,
    ClassLookup,
    Collection,
    GroupMap,
    HashSet,
    KeyPart,
    Program,
    RangeMap,
    RangeSet,
    Rule,
    VerdictMap,
    differing,
    element_changes,
    has_classes,
    has_groups,
    is_of_bridges,
    moves_between,
    read_group,
    read_peer_class,
)

AffectedAddresses = frozenset[bytes] | None
"""Addresses as keys; None means all addresses."""

_SUBJECT_MAPS = frozenset(ISOLATED.values())

NONE_AFFECTED: AffectedAddresses = frozenset()


def affected_addresses(old: Program | None, new: Program) -> AffectedAddresses:
    """Return the addresses to or from which only one of the two programs may allow a connection.

    `old` is None if there was no table. Then everything was allowed.
    """
    # Without chains everything is allowed, so the verdict about any address may differ.
    if old is None or not old.chains or not new.chains:
        return None
    new.index.follow(old.index)
    changed_sets = frozenset(_changed_otherwise(old.collections, new.collections))
    changed_classes = frozenset(_changed_classes(old.collections, new.collections))
    rewritten = {
        name
        for name, before, after in differing(old.chains, new.chains)
        if before is not None and before.rules != after.rules and not is_of_bridges(name)
    }
    # The new program is enough. Where a packet's path to these chains was another one in the old program, its first
    # difference is itself a rewritten chain, a changed set, or an address that has changed, to which both paths lead.
    chains = rewritten.union(_looking_into(changed_sets, new), _looking_into_classes(changed_classes, new))
    chains = chains.union(_leading_to(chains, new))
    # A base chain judges the packets of all addresses.
    if any(program.chains[name].hook for program in (old, new) for name in chains & program.chains.keys()):
        return None
    # `_addresses_changed` also returns the addresses that had one of these chains and have another one now.
    return frozenset(_addresses_changed(old.collections, new.collections)).union(
        _addresses_with(chains, new), _addresses_in(_groups_led_elsewhere(old, new), new.collections)
    )


def union_of(*some: AffectedAddresses) -> AffectedAddresses:
    """Return the union of `some`."""
    found: frozenset[bytes] = frozenset()
    for one in some:
        if one is None:
            return None
        found |= one
    return found


def _addresses_changed(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[bytes]:
    """Yield the addresses that get another chain, or that are added to sets or removed from them."""
    for name, before, after in differing(old, new):
        if is_of_bridges(name):
            continue  # the verdict about a connection does not depend on the link of its packets
        if before is None and name not in _SUBJECT_MAPS:
            continue  # a new set is used only by new chains, and the moves of subjects to these are changes already
        if has_groups(after) or has_classes(after):
            continue  # the keys are groups or classes, whose meaning never changes
        if isinstance(after, VerdictMap | GroupMap):
            yield from (move.key for move in moves_between(_as_map(before), after))
        elif _is_of_addresses(before) and _is_of_addresses(after):
            length = after.key[0].length
            for some in element_changes(before.elements, after.elements):
                yield from (element[:length] for element in some)


def _as_map(collection: Collection | None) -> VerdictMap | GroupMap | None:
    return collection if isinstance(collection, VerdictMap | GroupMap) else None


def _changed_otherwise(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[str]:
    """Yield the changed sets whose elements are not single addresses. All addresses of their chains are affected."""
    for name, before, after in differing(old, new):
        if before is None or isinstance(after, VerdictMap | GroupMap) or _is_of_addresses(after) or has_classes(after):
            continue
        if is_of_bridges(name) or name in (EXEMPT_LINKS, TUNNELS):
            continue
        if before.elements != after.elements:
            yield name


def _groups_led_elsewhere(old: Program, new: Program) -> Iterator[bytes]:
    """Yield the groups that existing maps lead to other chains than before.

    ringfence never changes such elements, so this happens only after a change by another program.
    """
    for name, before, after in differing(old.collections, new.collections):
        if isinstance(before, GroupMap) and isinstance(after, GroupMap) and has_groups(after):
            yield from (move.key for move in moves_between(before, after) if move.new is not None)
        elif isinstance(before, VerdictMap) and isinstance(after, VerdictMap) and has_classes(after):
            elsewhere = [move.key for move in moves_between(before, after) if move.new is not None]
            if elsewhere:
                names = {one.classes for one in old.index.group_dispatches if one.map == name}
                yield from _groups_in(elsewhere, {one: old.collections[one] for one in names & old.collections.keys()})


_ClassOfSet = tuple[str, bytes]
"""The name of a set, and the identifier of one of the classes whose contents are in it."""


def _changed_classes(old: Mapping[str, Collection], new: Mapping[str, Collection]) -> Iterator[_ClassOfSet]:
    """Yield the classes whose contents differ in sets of both programs: added, removed, or damaged classes."""
    for name, before, after in differing(old, new):
        if isinstance(before, RangeSet) and isinstance(after, RangeSet) and has_classes(after):
            for low, _ in before.elements ^ after.elements:
                yield name, low[: KeyPart.CLASS.length]


def _is_of_addresses(collection: Collection | None) -> TypeGuard[HashSet]:
    return isinstance(collection, HashSet) and collection.key[0] in (KeyPart.ADDRESS_4, KeyPart.ADDRESS_6)


def _looking_into(sets: Iterable[str], program: Program) -> Iterator[str]:
    return (name for one in sets for name in program.index.readers.get(one, ()))


def _looking_into_classes(classes: frozenset[_ClassOfSet], program: Program) -> Iterator[str]:
    names = frozenset(name for name, _ in classes)
    for name in frozenset(_looking_into(names, program)):
        conditions = (one for rule in program.chains[name].rules if isinstance(rule, Rule) for one in rule.conditions)
        if any(isinstance(one, ClassLookup) and (one.set, one.identifier) in classes for one in conditions):
            yield name


def _leading_to(chains: set[str], program: Program) -> set[str]:
    """Return the chains from which packets reach these chains, through rules or through maps of ranges.

    Maps of ranges are followed back to their chains because their keys are too many to list as affected addresses. The
    function does not follow chains of subjects further back: packets reach them only through the maps of subjects.
    """
    found: set[str] = set()
    new = {name for name in chains & program.chains.keys() if not _is_of_subjects(name, program)}
    while new:
        maps = frozenset(
            name
            for name, one in program.collections.items()
            if isinstance(one, RangeMap) and not new.isdisjoint(one.elements)
        )
        leading = {
            name
            for name, chain in program.chains.items()
            if not (new.isdisjoint(chain.targets) and maps.isdisjoint(chain.sets))
        }
        new = {name for name in leading - found if not _is_of_subjects(name, program)}
        found |= leading
    return found


def _is_of_subjects(chain: str, program: Program) -> bool:
    maps = (program.collections.get(name) for name in _SUBJECT_MAPS)
    return any(isinstance(verdicts, VerdictMap) and chain in verdicts.elements for verdicts in maps)


def _addresses_with(chains: Iterable[str], program: Program) -> Iterator[bytes]:
    led_to = set(chains)
    if not led_to:
        return
    classes: set[bytes] = set()
    for verdicts in program.collections.values():
        if isinstance(verdicts, VerdictMap):
            for chain in led_to & verdicts.elements.keys():
                if has_classes(verdicts):
                    classes |= verdicts.elements[chain]
                else:
                    yield from verdicts.elements[chain]
    yield from _addresses_in(_groups_in(classes, program.collections), program.collections)


def _groups_in(classes: Iterable[bytes], collections: Mapping[str, Collection]) -> Iterator[bytes]:
    """Yield the groups of these classes."""
    names = set(map(read_peer_class, classes))
    if not names:
        return
    for one in collections.values():
        if isinstance(one, GroupMap) and has_groups(one):
            for name in names & one.elements.keys():
                yield from one.elements[name]


def _addresses_in(groups: Iterable[bytes], collections: Mapping[str, Collection]) -> Iterator[bytes]:
    names = set(map(read_group, groups))
    if not names:
        return
    for one in collections.values():
        if isinstance(one, GroupMap) and not has_groups(one):
            for name in names & one.elements.keys():
                yield from one.elements[name]
