"""Checks the way from one program to another, for everything that can happen to a packet during the update."""

from collections.abc import Iterator, Sequence
from itertools import count, groupby

import msgspec
from tests.dataplane.simulation import carried_out
from tests.dataplane.update.random_programs import PACKETS

from ringfence.dataplane.program import (
    Collection,
    GroupMap,
    HashSet,
    Packet,
    Program,
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
from ringfence.dataplane.update.plan import plan_update


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
    """
    for first_after, name in enumerate(looked_up):
        if before.collections[name] is not after.collections.get(name):
            lookups = count()

            def read(name: str) -> Collection:
                return (before if next(lookups) < first_after else after).collections[name]  # noqa: B023

            yield passes(before.chains, read, packet)


def states_between(
    old: Program | None, new: Program, *, rules_together: bool, whole: bool = False
) -> Iterator[Program]:
    """Every state of the kernel if transactions are split as finely as possible, or not at all."""
    state = Program() if old is None else old
    before = old
    for after in plan_update(old, new).programs:
        commands = commands_between(before, after)
        for transaction in [commands] if whole else split(commands, rules_together=rules_together):
            state = carried_out(state, transaction)
            yield state
        assert state == after
        before = after


def split(many: list[Command], *, rules_together: bool) -> Iterator[list[Command]]:
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
