"""Stages of an update: the commands of one step, or of two steps that are committed in one transaction.

The kernel validates all paths of packets once for each transaction that adds rules: 6 ms if 10,000 addresses lead to
chains. So what a step only creates comes in the same transaction as the rules of the next step.

This is safe only if the next step changes nothing but rules. A packet meets the rules of the generation in which it
entered, and each of its lookups finds the elements of the present generation. In the old generation, the chains that
the transaction creates are empty. So no element that leads to them may come with them (nft_do_chain(),
nf_tables_commit_chain()). Changes of ranges do not come together with rules, either, because the kernel makes ranges
ready only after the rules (nft_rbtree). Both steps must fit into one transaction: the rules of several chains may have
to change at the same time (`comparison.needs_closing`).
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ringfence.dataplane.program import Program, RangeMap, RangeSet
from ringfence.dataplane.update.commands import (
    AddElements,
    Command,
    Flush,
    RemoveElements,
    RenameChain,
    SetRules,
    commands_between,
)
from ringfence.dataplane.update.comparison import FitsAtOnce, fits_always
from ringfence.dataplane.update.plan import plan_update
from ringfence.dataplane.update.reached import without_leftovers
from ringfence.dataplane.update.steps import StepKind, UpdateStep

_MOST_ELEMENTS: Final = 400
"""The most elements of one object that come together with rules. More would fill a transaction."""


class Stage(NamedTuple):
    """The commands of one or two steps, and the program to which they lead."""

    commands: Sequence[Command]
    program: Program


def stages_between(
    old: Program, new: Program, fits_at_once: FitsAtOnce = fits_always, *, after_interruption: bool = False
) -> Iterator[Stage]:
    """Yield the stages from `old` to `new`, in order. The last one leads to `new`, even if it has no commands.

    With `after_interruption`, an earlier update may have ended early, and the first stage deletes what it left.
    """
    if after_interruption and (cleaned := without_leftovers(old, new)) is not old:
        yield Stage(commands_between(old, cleaned), cleaned)
        old = cleaned
    created: list[Command] = []
    """The commands of a step *create* that wait for the next step."""
    before = old
    for step in plan_update(old, new, fits_at_once).steps:
        commands, after = commands_of(step, before), step.program
        if step.kind is StepKind.CREATE and commands:
            created = commands
        elif commands:
            if created and not may_be_together(created, commands, fits_at_once):
                yield Stage(created, before)
                created = []
            yield Stage([*created, *commands], after)
            created = []
        before = after
    yield Stage(created, new)


def commands_of(step: UpdateStep, before: Program) -> list[Command]:
    """Return the commands that change `before` into the program of a step."""
    if step.kind is StepKind.RENAME:
        return [RenameChain(name, new_name) for name, new_name in step.names.items()]
    return commands_between(before, step.program)


def may_be_together(created: Sequence[Command], others: Sequence[Command], fits_at_once: FitsAtOnce) -> bool:
    """Whether the commands of a step *create* and those of the next step may be in one transaction."""
    return (
        all(isinstance(command, SetRules) for command in others)
        and all(map(_is_small, created))
        and fits_at_once([*created, *others])
    )


def _is_small(command: Command) -> bool:
    """Whether a command adds few elements, and neither adds nor removes ranges."""
    if isinstance(command, Flush):
        return False
    if not isinstance(command, AddElements | RemoveElements):
        return True
    return not isinstance(command.collection, RangeSet | RangeMap) and command.collection.size <= _MOST_ELEMENTS
