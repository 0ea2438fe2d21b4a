"""The priorities of converted policies: all policies of a tier must be evaluated in the same order as before.

A policy that becomes several needs as many priorities in a row. Others that are converted as well make room for it;
those that are not keep theirs. Every policy keeps its priority if it can.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

HIGHEST_PRIORITY: Final = 1000


class InTier(msgspec.Struct, frozen=True):
    """A policy of a tier: its priority, and how many policies it becomes; None if it is not converted."""

    priority: int
    parts: int | None


class NoRoom(Exception):
    """There are too few priorities for a policy: `number` counts the converted policies from 0."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def converted_priorities(policies: Sequence[InTier]) -> list[int]:
    """The priority of the first part of each converted policy, for all policies of a tier in the order in which they
    are evaluated; further parts have the priorities after it.

    Policies with the same priority keep the same, unless one of them has several parts: then they are evaluated in the
    order given. Raises NoRoom.
    """
    slots = list(_slots(policies))
    starts = _starts(slots)
    found: list[int] = []
    for slot, start in zip(slots, starts, strict=False):
        found += [start] * slot.converted
    if len(starts) < len(slots):
        raise NoRoom(min(len(found), sum(slot.converted for slot in slots) - 1))
    return found


class _Slot(msgspec.Struct, frozen=True):
    """Policies that need `width` consecutive priorities, if possible from `wanted` on, and how many are `converted`."""

    wanted: int
    width: int
    converted: int
    is_fixed: bool


def _slots(policies: Sequence[InTier]) -> Iterator[_Slot]:
    for priority, group in groupby(policies, key=lambda one: one.priority):
        equals = list(group)
        # Policies that shared a priority may share the new one, too: their order is undefined before and after.
        if all(one.parts in (None, 1) for one in equals):
            converted = sum(one.parts is not None for one in equals)
            yield _Slot(priority, 1, converted, is_fixed=converted < len(equals))
            continue
        for is_fixed, some in groupby(equals, key=lambda one: one.parts is None):
            if is_fixed:
                yield _Slot(priority, 1, 0, is_fixed=True)
            else:
                yield from (_Slot(priority, one.parts or 1, 1, is_fixed=False) for one in some)


def _starts(slots: Sequence[_Slot]) -> list[int]:
    """The first priority of each slot; fewer than there are slots if there is no room for the next one.

    A first pass puts each slot where it is wanted, or behind the one before it. A second pass, from the last slot on,
    moves those down that would pass the highest priority. If an assignment exists, this finds it.
    """
    starts: list[int] = []
    earliest = 0
    for slot in slots:
        starts.append(slot.wanted if slot.is_fixed else max(slot.wanted, earliest))
        earliest = starts[-1] + slot.width
    limit = HIGHEST_PRIORITY + 1
    for number in reversed(range(len(slots))):
        if not slots[number].is_fixed:
            starts[number] = min(starts[number], limit - slots[number].width)
        limit = starts[number]
    earliest = 0
    for number, slot in enumerate(slots):
        if starts[number] < earliest:
            # A fixed slot cannot move, so the one before it is what does not fit.
            return starts[: max(number - 1, 0) if slot.is_fixed else number]
        earliest = starts[number] + slot.width
    return starts
