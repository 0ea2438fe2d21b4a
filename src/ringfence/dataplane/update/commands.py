"""Commands: the parts of a transaction, and the commands that change one program into another.

`commands_between` finds the differences between two programs. It orders the commands so that every object exists before
another object refers to it. It does not check whether the change is safe for packets: `plan` chooses intermediate
programs for which it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import filterfalse
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from ringfence.dataplane.program import (
    Chain,
    Collection,
    ForeignRule,
    GroupMap,
    HashSet,
    Hook,
    Move,
    Program,
    RangeMap,
    RangeSet,
    Rule,
    VerdictMap,
    differing,
    element_changes,
    guards_bridges,
    has_classes,
    has_groups,
    moves_between,
)


class AddTable(msgspec.Struct, frozen=True):
    """Create the table, or the table for bridges if `of_bridges`, unless it exists.

    Packets do not reach the rules of a dormant table. With `must_be_new`, the kernel refuses the command if the table
    exists.
    """

    is_dormant: bool = False
    of_bridges: bool = False
    must_be_new: bool = False


class WakeTable(msgspec.Struct, frozen=True):
    """Activate a dormant table, so that packets reach its rules."""

    of_bridges: bool = False


class DeleteTable(msgspec.Struct, frozen=True):
    """Delete the table, or the table for bridges, with all its contents."""

    of_bridges: bool = False


class AddCollection(msgspec.Struct, frozen=True):
    """Create a set or a map without elements."""

    name: str
    collection: Collection


class AddElements(msgspec.Struct, frozen=True):
    """Add the elements of `collection` to the set or map of this name."""

    name: str
    collection: Collection


class RemoveElements(msgspec.Struct, frozen=True):
    """Remove the elements of `collection` from the set or map of this name."""

    name: str
    collection: HashSet | RangeSet | VerdictMap | GroupMap


class ReplaceElements(msgspec.Struct, frozen=True):
    """Give elements of a map other chains or groups. Every packet finds either the old value or the new one."""

    name: str
    collection: VerdictMap | GroupMap


class Flush(msgspec.Struct, frozen=True):
    """Remove all elements of a set or a map of ranges."""

    name: str


class AddChain(msgspec.Struct, frozen=True):
    """Create a chain without rules."""

    name: str
    hook: Hook | None


class RenameChain(msgspec.Struct, frozen=True):
    """Give a chain another name, which no chain has. All that refers to the chain refers to it by the new name then.

    The kernel finds the chain by its `handle` (`nftables.read_handle`).
    """

    name: str
    new_name: str
    handle: int = 0


class SetRules(msgspec.Struct, frozen=True):
    """Replace all rules of a chain. Every packet meets either the old rules or the new ones, never a mixture."""

    name: str
    rules: tuple[Rule, ...]


class DeleteChain(msgspec.Struct, frozen=True):
    """Delete a chain to which nothing refers."""

    name: str


class DeleteCollection(msgspec.Struct, frozen=True):
    """Delete a set or a map to which nothing refers."""

    name: str


Command = (
    AddTable
    | WakeTable
    | DeleteTable
    | AddCollection
    | AddElements
    | RemoveElements
    | ReplaceElements
    | Flush
    | AddChain
    | RenameChain
    | SetRules
    | DeleteChain
    | DeleteCollection
)

V = TypeVar("V")


def commands_between(old: Program | None, new: Program) -> list[Command]:
    """Return the commands that change `old` into `new`: none if they are equal. `old` is None if there is no table."""
    if old is new:
        return []
    tables: list[Command] = [AddTable()] if old is None else []
    if old is None:
        old = Program()
    # The reverse is not a command here: `KernelTable` deletes a table for bridges that is not needed any more.
    if guards_bridges(new) and not guards_bridges(old):
        tables.append(AddTable(of_bridges=True))
    collections, chains = _changes(old.collections, new.collections), _changes(old.chains, new.chains)
    return [
        *tables,
        *(AddCollection(name, one) for name, one in collections.added),
        *(AddChain(name, chain.hook) for name, chain in chains.added if chain.hook is None),
        *_element_changes(one for one in collections.different if not _is_new_map_of_addresses(one)),
        *_rules_of_new_chains(chains),
        # For each rule that looks up a map, the kernel walks through all of its elements (nf_tables_bind_set()).
        *_element_changes(filter(_is_new_map_of_addresses, collections.different)),
        *_rule_changes(chains.different),
        *_new_base_chains(chains),
        *_deletions(collections.gone, chains.gone),
    ]


class _Changes(NamedTuple, Generic[V]):
    """The differences between the sets and maps, or between the chains, of two programs."""

    different: list[tuple[str, V | None, V]]
    """The name of each new or changed object, with its old value (None if it is new) and its new value."""
    gone: list[str]

    @property
    def added(self) -> Iterator[tuple[str, V]]:
        return ((name, after) for name, before, after in self.different if before is None)


def _changes(old: Mapping[str, V], new: Mapping[str, V]) -> _Changes[V]:
    # Programs have thousands of objects, and few of them differ. So iterate over all of them only if some are gone.
    different = list(differing(old, new))
    added = sum(1 for _, before, _ in different if before is None)
    gone = list(filterfalse(new.__contains__, old)) if len(old) + added > len(new) else []
    return _Changes(different, gone)


_Different = Iterable[tuple[str, V | None, V]]


def _element_changes(different: _Different[Collection]) -> Iterator[Command]:
    for name, before, after in different:
        match before, after:
            case RangeSet() | None, RangeSet() if has_classes(after):
                # The contents of a class never change, so no range grows, and single ranges can be added and removed.
                yield from _set_changes(name, after, before.elements if before else frozenset())
            case RangeSet() | None, RangeSet():
                yield from _range_changes(name, before, after)
            case RangeMap() | None, RangeMap():
                yield from _range_changes(name, before, after)
            case HashSet() | None, HashSet():
                yield from _set_changes(name, after, before.elements if before else frozenset())
            case VerdictMap() | None, VerdictMap():
                yield from _map_changes(name, after, moves_between(before, after))
            case GroupMap() | None, GroupMap():
                yield from _map_changes(name, after, moves_between(before, after))
            case _:
                raise ValueError(
                    f"{name} cannot become another kind: check with `is_compatible`, and replace the table"
                )


def _range_changes(name: str, before: RangeSet | RangeMap | None, after: RangeSet | RangeMap) -> Iterator[Command]:
    if before is None or before.elements != after.elements:
        added = _only_added(before, after)
        if added is None:
            # A range that grows would overlap the old range, so ranges are flushed and refilled.
            yield Flush(name)
            added = after
        yield from (AddElements(name, added),) if added.elements else ()


def _only_added(before: RangeSet | RangeMap | None, after: RangeSet | RangeMap) -> RangeSet | RangeMap | None:
    """Return the added elements of a set or map; None if elements are removed, too."""
    match before, after:
        case RangeSet(elements=old), RangeSet(elements=new):
            return RangeSet(after.key, new - old) if old <= new else None
        case RangeMap(elements=old_ranges), RangeMap(elements=new_ranges):
            if any(not ranges <= new_ranges.get(chain, frozenset()) for chain, ranges in old_ranges.items()):
                return None
            added = {chain: ranges - old_ranges.get(chain, frozenset()) for chain, ranges in new_ranges.items()}
            return RangeMap(after.key, {chain: ranges for chain, ranges in added.items() if ranges})
        case _:
            return after


S = TypeVar("S", HashSet, RangeSet)


def _set_changes(name: str, after: S, before: frozenset[Any]) -> Iterator[Command]:
    added, removed = element_changes(before, after.elements)
    if added:
        yield AddElements(name, msgspec.structs.replace(after, elements=added))
    if removed:
        yield RemoveElements(name, msgspec.structs.replace(after, elements=removed))


M = TypeVar("M", VerdictMap, GroupMap)


def _map_changes(name: str, after: M, moves: list[Move]) -> Iterator[Command]:
    added, replaced, removed = (defaultdict[str, list[bytes]](list) for _ in range(3))
    for key, old, new in moves:
        if old is not None and new is not None:
            replaced[new].append(key)
        elif new is not None:
            added[new].append(key)
        elif old is not None:
            removed[old].append(key)
    if added:
        yield AddElements(name, _with_elements(after, added))
    if replaced:
        yield ReplaceElements(name, _with_elements(after, replaced))
    if removed:
        yield RemoveElements(name, _with_elements(after, removed))


def _with_elements(one: M, keys: Mapping[str, Iterable[bytes]]) -> M:
    return msgspec.structs.replace(one, elements={target: frozenset(some) for target, some in keys.items()})


def _is_new_map_of_addresses(different: tuple[str, Collection | None, Collection]) -> bool:
    """Whether this is a new map from addresses to groups."""
    _, before, after = different
    return before is None and isinstance(after, GroupMap) and not has_groups(after)


def _rules_of_new_chains(chains: _Changes[Chain]) -> Iterator[Command]:
    for name, chain in chains.added:
        if chain.hook is None and chain.rules:
            yield SetRules(name, own_rules(chain))


def _rule_changes(different: _Different[Chain]) -> Iterator[Command]:
    for name, before, after in different:
        if before is not None and before.rules != after.rules:
            yield SetRules(name, own_rules(after))


def _new_base_chains(chains: _Changes[Chain]) -> Iterator[Command]:
    """Yield the commands for new base chains. They come last, so packets reach the table only when it is complete."""
    for name, chain in chains.added:
        if chain.hook is not None:
            yield AddChain(name, chain.hook)
            yield SetRules(name, own_rules(chain))


def _deletions(collections: Iterable[str], chains: Sequence[str]) -> Iterator[Command]:
    # Rules go first: the kernel refuses to delete a set or a chain to which a rule refers (EBUSY).
    yield from (SetRules(name, ()) for name in chains)
    # Maps are deleted before chains: the kernel refuses to delete a chain to which an element of a map refers.
    yield from (DeleteCollection(name) for name in collections)
    yield from (DeleteChain(name) for name in chains)


def own_rules(chain: Chain) -> tuple[Rule, ...]:
    """Return the rules of a chain that ringfence can write: those that are not foreign."""
    return tuple(rule for rule in chain.rules if not isinstance(rule, ForeignRule))


def is_compatible(old: Program, new: Program) -> bool:
    """Whether steps can change `old` into `new`.

    They cannot if an object of the same name has another kind, because another program or another version of ringfence
    created it.
    """
    return all(
        before is None or _is_of_kind(before, after) for _, before, after in differing(old.collections, new.collections)
    ) and all(before is None or before.hook is after.hook for _, before, after in differing(old.chains, new.chains))


def _is_of_kind(before: Collection, after: Collection) -> bool:
    match before, after:
        case VerdictMap(), VerdictMap():
            # Each element stores whether it is a goto or a jump, so an empty map can become either.
            return before.key == after.key and (before.goto is after.goto or not before.elements or not after.elements)
        case HashSet(), HashSet():
            return before.key == after.key and before.counted is after.counted
        case _:
            return type(before) is type(after) and before.key == after.key
