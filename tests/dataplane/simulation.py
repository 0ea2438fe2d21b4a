"""A kernel simulated by a dictionary: it applies single commands to a program, for tests of the order of commands."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from ringfence.dataplane.program import (
    Chain,
    Collection,
    Dispatch,
    DispatchGroup,
    Goto,
    GroupMap,
    HashSet,
    Jump,
    KeyRange,
    Move,
    Program,
    RangeMap,
    RangeSet,
    Rule,
    VerdictMap,
    has_classes,
)
from ringfence.dataplane.update.commands import (
    AddChain,
    AddCollection,
    AddElements,
    AddTable,
    Command,
    DeleteChain,
    DeleteCollection,
    DeleteTable,
    Flush,
    RemoveElements,
    RenameChain,
    ReplaceElements,
    SetRules,
    WakeTable,
)


def carried_out(program: Program, commands: Iterable[Command]) -> Program:
    """The program after a transaction. Fails, as the kernel would, if an object refers to a missing one."""
    for command in commands:
        program = _after(program, command)
        check_references(program)
    return program


def _after(program: Program, command: Command) -> Program:
    sets, chains = dict(program.collections), dict(program.chains)
    match command:
        case AddTable() | WakeTable():
            pass
        case DeleteTable():
            return Program()
        case AddCollection(name, collection):
            assert name not in sets
            sets[name] = _emptied(collection)
        case AddElements(name, collection):
            sets[name] = _with(sets[name], collection)
        case RemoveElements(name, collection):
            sets[name] = _without(sets[name], collection)
        case ReplaceElements(name, collection):
            sets[name] = _with(_without(sets[name], collection), collection)
        case Flush(name):
            sets[name] = _emptied(sets[name])
        case AddChain(name, hook):
            assert name not in chains
            chains[name] = Chain((), hook)
        case RenameChain(name, new_name):
            assert new_name not in chains, "the kernel refuses a name that another chain has"
            return _renamed(program, name, new_name)
        case SetRules(name, rules):
            chains[name] = Chain(rules, chains[name].hook)
        case DeleteChain(name):
            del chains[name]
        case DeleteCollection(name):
            del sets[name]
    return Program(sets, chains)


def _renamed(program: Program, name: str, new_name: str) -> Program:
    """The program in which a chain has another name, everywhere. It is the same object."""
    sets: dict[str, Collection] = {}
    for one, collection in program.collections.items():
        if isinstance(collection, VerdictMap | RangeMap) and name in collection.elements:
            elements: dict[str, Any] = {new_name if key == name else key: e for key, e in collection.elements.items()}
            collection = msgspec.structs.replace(collection, elements=elements)
        sets[one] = collection
    assert not any(name in chain.targets for chain in program.chains.values()), "not needed yet"
    return Program(sets, {new_name if one == name else one: chain for one, chain in program.chains.items()})


def _emptied(collection: Collection) -> Collection:
    match collection:
        case HashSet(key, counted=counted):
            return HashSet(key, counted=counted)
        case RangeSet(key):
            return RangeSet(key)
        case RangeMap(key):
            return RangeMap(key)
        case VerdictMap(key):
            return VerdictMap(key)
        case GroupMap(key):
            return GroupMap(key)


def _with(collection: Collection, more: Collection) -> Collection:
    match collection, more:
        case HashSet(key, elements, counted), HashSet(elements=added):
            assert not elements & added, "an element is added twice"
            return HashSet(key, elements | added, counted)
        case RangeSet(key, elements), RangeSet(elements=added) if has_classes(collection):
            return RangeSet(key, elements | added)
        case RangeSet(key, elements), RangeSet(elements=added):
            assert_disjoint([*elements, *added])
            return RangeSet(key, elements | added)
        case RangeMap(key, entries), RangeMap(elements=more_entries):
            assert_disjoint([one for some in (entries, more_entries) for ranges in some.values() for one in ranges])
            chains = entries.keys() | more_entries.keys()
            nothing: frozenset[KeyRange] = frozenset()
            return RangeMap(key, {one: entries.get(one, nothing) | more_entries.get(one, nothing) for one in chains})
        case VerdictMap(), VerdictMap():
            moves = [Move(one, None, chain) for chain, keys in more.elements.items() for one in keys]
            assert not _keys(collection) & _keys(more), "the kernel refuses a second chain for a key"
            return VerdictMap(collection.key, collection.elements, more.goto).moved(moves)
        case GroupMap(), GroupMap():
            assert not _keys(collection) & _keys(more), "the kernel refuses a second group for a key"
            return collection.moved(Move(one, None, group) for group, keys in more.elements.items() for one in keys)
    raise AssertionError("elements of another kind")


def assert_disjoint(ranges: list[KeyRange]) -> None:
    for (_, high), (low, _) in pairwise(sorted(ranges)):
        assert high < low, "the kernel refuses a range that overlaps another one"


def _without(collection: Collection, less: HashSet | RangeSet | VerdictMap | GroupMap) -> Collection:
    match collection, less:
        case HashSet(key, elements, counted), HashSet(elements=removed):
            assert removed <= elements, "the kernel refuses to remove what is not there"
            return HashSet(key, elements - removed, counted)
        case RangeSet(key, elements), RangeSet(elements=removed):
            assert removed <= elements, "the kernel refuses to remove what is not there"
            return RangeSet(key, elements - removed)
        case ((VerdictMap() | GroupMap()), (VerdictMap() | GroupMap())):
            keys = _keys(less)
            assert keys <= _keys(collection), "the kernel refuses to remove what is not there"
            gone = [
                Move(one, chain, None) for chain, all_keys in collection.elements.items() for one in keys & all_keys
            ]
            return collection.moved(gone)
    raise AssertionError("elements of another kind")


def _keys(collection: VerdictMap | GroupMap) -> frozenset[bytes]:
    return frozenset().union(*collection.elements.values())


def check_references(program: Program) -> None:
    """Fail if a rule or an element refers to a missing chain or set, as the kernel would refuse it."""
    for name in _references(program):
        assert name in program.collections or name in program.chains, f"{name} is referred to and does not exist"


def _references(program: Program) -> Iterator[str]:
    for collection in program.collections.values():
        if isinstance(collection, VerdictMap | RangeMap):
            yield from collection.elements
    for chain in program.chains.values():
        yield from chain.sets
        for rule in chain.rules:
            if isinstance(rule, Rule):
                match rule.action:
                    case Goto(target) | Jump(target) | Dispatch(map=target) | DispatchGroup(map=target):
                        yield target
                    case _:
                        pass
