"""Gathers the arrows of a change by namespace: equal arrows of all classes of a namespace become one arrow.

Nothing is lost by it: the arrow of a namespace stands for one arrow of each class.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from ringfence.analysis.differences.arrow_values import ArrowKind, ChangedArrow
from ringfence.analysis.differences.what_changed import Ends
from ringfence.analysis.lists import Passing
from ringfence.engine.population import Reference

_Class = tuple[Reference, ...]


class Gathering(msgspec.Struct, frozen=True):
    """Arrows of which some are from or to groups: all classes of a namespace."""

    arrows: tuple[ChangedArrow, ...]
    groups: frozenset[_Class]


def gathered(arrows: Iterable[ChangedArrow], classes: Iterable[_Class], has_two: Callable[[_Class], bool]) -> Gathering:
    """The arrows gathered by their sources, then by their destinations.

    `has_two` says whether a class has two different pods, so that an arrow may lead from it to itself.
    """
    of_namespace: defaultdict[str, list[_Class]] = defaultdict(list)
    for one in classes:
        of_namespace[one[0].namespace].append(one)
    groups = {tuple(sorted(sum(some, ()))): some for some in of_namespace.values() if len(some) > 1}
    openers: defaultdict[tuple[ArrowKind, Ends], dict[Ends, Passing]] = defaultdict(dict)
    for arrow in arrows:
        openers[arrow.kind, arrow.destination][arrow.source] = arrow.passing
    reached: defaultdict[tuple[ArrowKind, Ends], dict[Ends, Passing]] = defaultdict(dict)
    for (kind, destination), passing in openers.items():
        for source, common in _joined(passing, groups, destination, has_two).items():
            reached[kind, source][destination] = common
    made = [
        ChangedArrow(kind, source, destination, common)
        for (kind, source), passing in reached.items()
        for destination, common in _joined(passing, groups, source, has_two).items()
    ]
    ends = {end for arrow in made for end in (arrow.source, arrow.destination)}
    return Gathering(tuple(made), frozenset(group for group in groups if group in ends))


def _joined(
    passing: Mapping[Ends, Passing],
    groups: Mapping[_Class, Sequence[_Class]],
    other: Ends,
    has_two: Callable[[_Class], bool],
) -> dict[Ends, Passing]:
    """`passing` with one entry for each group whose classes all have the same traffic. `other` is the other end."""
    made = dict(passing)
    for group, classes in groups.items():
        members = [one for one in classes if one != other or has_two(one)]
        common = passing.get(members[0])
        if common is None or len(members) < 2 or any(passing.get(one) != common for one in members):
            continue
        made[group] = common
        for one in members:
            del made[one]
    return made
