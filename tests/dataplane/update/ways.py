"""Checks the way from one program to another, for everything that can happen to a packet during the update."""

from collections.abc import Iterator, Sequence
from itertools import count, groupby

import msgspec
from tests.dataplane.simulation import carried_out
from tests.dataplane.update.random_programs import PACKETS

from ringfence.dataplane.program import (
    Chain,
    Collection,
    GroupMap,
    HashSet,
    Packet,
    Program,
    RangeMap,
    RangeSet,
    VerdictMap,
    admits,
    has_classes,
)
from ringfence.dataplane.program.evaluation import passes
from ringfence.dataplane.update.commands import (
    AddElements,
    Command,
    RemoveElements,
    ReplaceElements,
    SetRules,
    commands_between,
)
from ringfence.dataplane.update.stages import Stage, stages_between


def check_way(old: Program, new: Program, *, packets: Sequence[Packet] = PACKETS, rules_together: bool = True) -> None:
    """Every state and every mixture of neighbours passes what both ends allow, and drops what both ends forbid.

    This holds both for transactions that are as small as possible and for transactions that are as large as possible.
    """
    verdicts = {packet: admits(old, packet) for packet in packets if admits(old, packet) is admits(new, packet)}
    for whole in (False, True):
        _check_states(old, verdicts, states_between(old, new, rules_together=rules_together, whole=whole))


def _check_states(old: Program, verdicts: dict[Packet, bool], states: Iterator[Program]) -> None:
    before = old
    looked_up = {packet: trace(old, packet)[1] for packet in verdicts}
    for after in states:
        for packet, verdict in verdicts.items():
            assert all(seen is verdict for seen in mixtures(before, after, packet, looked_up[packet])), packet
            afterwards, looked_up[packet] = trace(after, packet)
            assert afterwards is verdict, packet
            assert before_ranges_are_ready(before, after, packet) is verdict, packet
        before = after


def trace(state: Program, packet: Packet) -> tuple[bool, list[str]]:
    """The verdict on a packet, and the names of the sets that it looks up, in order."""
    names: list[str] = []

    def read(name: str) -> Collection:
        names.append(name)
        return state.collections[name]

    return passes(state.chains, read, packet), names


def mixtures(before: Program, after: Program, packet: Packet, looked_up: list[str]) -> Iterator[bool]:
    """The possible outcomes for a packet that meets the rules of `before` while a transaction is committed.

    From one of its lookups on, it finds the sets of `after`. Only a lookup into a set that changes makes a difference.
    The chains that the transaction creates have no rules for this packet; those that it renames have the same ones.
    """
    chains = {**dict.fromkeys(after.chains.keys() - before.chains.keys(), Chain()), **_renamed(before, after)}
    chains |= before.chains
    for first_after, name in enumerate(looked_up):
        if before.collections[name] is not after.collections.get(name):
            lookups = count()

            def read(name: str) -> Collection:
                return (before if next(lookups) < first_after else after).collections[name]  # noqa: B023

            yield passes(chains, read, packet)


def _renamed(before: Program, after: Program) -> dict[str, Chain]:
    """The chains that had another name before: they are the same objects."""
    known = {id(chain) for name, chain in before.chains.items() if name not in after.chains}
    return {name: chain for name, chain in after.chains.items() if name not in before.chains and id(chain) in known}


def before_ranges_are_ready(before: Program, after: Program, packet: Packet) -> bool:
    """The outcome for a packet that meets the rules of `after` while the kernel still makes its new ranges ready."""

    def read(name: str) -> Collection:
        present = after.collections[name]
        if isinstance(present, RangeSet | RangeMap):
            return before.collections.get(name, type(present)(present.key))
        return present

    return passes(after.chains, read, packet)


def states_between(
    old: Program | None, new: Program, *, rules_together: bool, whole: bool = False
) -> Iterator[Program]:
    """Every state of the kernel if transactions are split as finely as possible, or not at all."""
    state = Program() if old is None else old
    stages = [Stage(commands_between(None, new), new)] if old is None else stages_between(old, new)
    for commands, after in stages:
        for transaction in [list(commands)] if whole else split(commands, rules_together=rules_together):
            state = carried_out(state, transaction)
            yield state
        assert state == after


def split(many: Sequence[Command], *, rules_together: bool) -> Iterator[list[Command]]:
    for is_rules, group in groupby(many, key=lambda command: isinstance(command, SetRules)):
        if is_rules and rules_together:
            yield list(group)
        else:
            for command in group:
                yield from ([portion] for portion in portions(command))


def portions(command: Command) -> Iterator[Command]:
    """The elements, one by one."""
    match command:
        case AddElements(name, collection) | RemoveElements(name, collection) if isinstance(collection, HashSet):
            for element in collection.elements:
                yield type(command)(name, HashSet(collection.key, frozenset({element}), collection.counted))
        case AddElements(name, RangeSet() as ranges) | RemoveElements(name, RangeSet() as ranges) if has_classes(
            ranges
        ):
            for one in ranges.elements:
                yield type(command)(name, RangeSet(ranges.key, frozenset({one})))
        case (
            AddElements(name, (VerdictMap() | GroupMap()) as entries)
            | RemoveElements(name, (VerdictMap() | GroupMap()) as entries)
            | ReplaceElements(name, entries)
        ):
            for target, keys in entries.elements.items():
                for key in keys:
                    entry = msgspec.structs.replace(entries, elements={target: frozenset({key})})
                    yield type(command)(name, entry)
        case _:
            yield command
