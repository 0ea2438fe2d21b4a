"""The arrows of a change, as values."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from ringfence.analysis.differences.what_changed import Ends
from ringfence.analysis.lists import Passing
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses

MOST_ARROWS: Final = 60
"""The most arrows that a reader can follow."""


class ArrowKind(StrEnum):
    """Whether the traffic of an arrow is allowed only after the change, only before it, or before and after it."""

    OPENED = "opened"
    CLOSED = "closed"
    KEPT = "kept"


class ChangedArrow(msgspec.Struct, frozen=True):
    """Traffic from each workload of a class to each of another; within a class, between two different pods.

    If `pairs` is not 0, the traffic is that of so many pairs of workloads, each of which has some of it.
    """

    kind: ArrowKind
    source: Ends
    destination: Ends
    passing: Passing
    pairs: int = 0


class ArrowBundle(msgspec.Struct, frozen=True):
    """Arrows of one kind that lead to `end` from all of `others`, or from it to all of them, and their traffic."""

    kind: ArrowKind
    end: Ends
    is_incoming: bool
    others: tuple[Ends, ...]
    passing: Passing
    pairs: int


class ChangedArrows(msgspec.Struct, frozen=True):
    """The ends that take part in a change, and the arrows between them.

    `size` is the number of all ends; those in the fewest rows may be left out. `has_kept` says whether the arrows
    include kept traffic. `groups` are the ends that are all classes of a namespace. If the ends are namespaces, the
    workloads that change in each are its `members`, and `bundles` are arrows that are too many to be drawn.
    """

    ends: tuple[Ends, ...]
    arrows: tuple[ChangedArrow, ...]
    size: int
    has_kept: bool
    groups: frozenset[tuple[Reference, ...]] = frozenset()
    members: Mapping[Ends, tuple[Reference, ...]] = msgspec.field(default_factory=dict)
    bundles: tuple[ArrowBundle, ...] = ()


def in_order(ends: Iterable[Ends]) -> tuple[Ends, ...]:
    """The ends sorted by name, addresses last."""
    return tuple(sorted(ends, key=order))


def order(end: Ends) -> tuple[bool, str, int]:
    """The sort key of an end."""
    return (True, str(end), 1) if isinstance(end, Addresses) else (False, str(end[0]), len(end))
