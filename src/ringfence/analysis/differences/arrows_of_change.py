"""A change as a small number of arrows: the traffic opened, closed and kept between classes of workloads.

Workloads of a namespace that are in the same rows of a difference, on the same sides, are one class. Each row is then
an arrow from each class of its sources to each class of its destinations, and the arrows express exactly the rows. If
they are too many, those about all classes of a namespace are gathered (`gathered_changes`), which is still exact. If
these are too many, too, the ends are namespaces, and an arrow has the number of its pairs (`namespace_changes`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from ringfence.analysis.differences.arrow_values import (
    MOST_ARROWS,
    ArrowKind,
    ChangedArrow,
    ChangedArrows,
    in_order,
    order,
)
from ringfence.analysis.differences.causes import ConnectionChange
from ringfence.analysis.differences.gathered_changes import gathered
from ringfence.analysis.differences.namespace_changes import between_namespaces
from ringfence.analysis.differences.what_changed import ChangedConnections, ClusterDifference, Ends
from ringfence.analysis.lists import Passing, pod_groups
from ringfence.engine.answers import traffic_between
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

_MOST_PAIRS: Final = 40_000
"""The most pairs of workloads for which the kept traffic is computed. This takes half a second."""


def changed_arrows(found: ClusterDifference, before: State, after: State, most: int) -> ChangedArrows:
    """The difference between two clusters as arrows between at most `most` ends.

    Of more ends in a single namespace, those in the fewest rows are left out.
    """
    rows = [*found.connections, *(one.change for one in found.reviewed)]
    ranked = _ranked(found, rows)
    several = several_in_both(found, before, after)
    if len(ranked) <= most:
        arrows = _arrows(rows, ranked, several)
        if _drawn(arrows) <= MOST_ARROWS:
            return _with_kept(after, arrows, ranked)
        classes = [end for end in ranked if not isinstance(end, Addresses)]
        gathering = gathered(arrows, classes, lambda one: _has_two(one, several))
        if _drawn(gathering.arrows) <= MOST_ARROWS:
            ends = in_order({*ranked, *gathering.groups})
            return ChangedArrows(ends, gathering.arrows, len(ranked), has_kept=False, groups=gathering.groups)
    if len({end[0].namespace for end in ranked if not isinstance(end, Addresses)}) > 1:
        return between_namespaces(ranked, rows, several, most)
    drawn = ranked[:most]
    while _drawn(arrows := _arrows(rows, drawn, several)) > MOST_ARROWS:
        # A quarter fewer each time ends after a few rounds; one end fewer each time would draw all arrows again for
        # each.
        drawn = drawn[: len(drawn) * 3 // 4]
    return ChangedArrows(in_order(drawn), tuple(arrows), len(ranked), has_kept=False)


def _drawn(arrows: Iterable[ChangedArrow]) -> int:
    """How many arrows are between two boxes; others are lines in a box."""
    return sum(one.source != one.destination and ALL_ADDRESSES not in (one.source, one.destination) for one in arrows)


def _with_kept(after: State, arrows: Sequence[ChangedArrow], drawn: Iterable[Ends]) -> ChangedArrows:
    """The arrows with those of kept traffic, unless these are too many."""
    ends = in_order(drawn)
    classes = [end for end in ends if not isinstance(end, Addresses)]
    kept = list(_kept(after, arrows, classes)) if sum(map(len, classes)) ** 2 <= _MOST_PAIRS else None
    if kept is None or _drawn([*arrows, *kept]) > MOST_ARROWS:
        return ChangedArrows(ends, tuple(arrows), len(ends), has_kept=False)
    return ChangedArrows(ends, (*arrows, *kept), len(ends), has_kept=True)


def _ranked(found: ClusterDifference, rows: Sequence[ChangedConnections]) -> list[Ends]:
    """The classes of workloads and the addresses that change, those in the most rows first."""
    sides: list[Collection[Reference] | Addresses] = [side for row in rows for side in (row.sources, row.destinations)]
    others = [*(one.workloads for one in found.isolation), *(one.workloads for one in found.exposure)]
    taking_part: defaultdict[Reference, list[int]] = defaultdict(list)
    for number, side in enumerate([*sides, *others, found.added, found.removed]):
        if not isinstance(side, Addresses):
            for workload in side:
                taking_part[workload].append(number)
    alike: defaultdict[tuple[str, tuple[int, ...]], list[Reference]] = defaultdict(list)
    for workload in sorted(taking_part):
        alike[workload.namespace, tuple(taking_part[workload])].append(workload)
    times: dict[Ends, int] = {tuple(members): len(numbers) for (_, numbers), members in alike.items()}
    times |= Counter(side for side in sides if isinstance(side, Addresses))
    return sorted(times, key=lambda end: (-times[end], order(end)))


def several_in_both(found: ClusterDifference, before: State, after: State) -> frozenset[Reference]:
    """The workloads that have two different pods in both clusters."""
    present = {one.before: one.after for one in found.renamed}
    old = {present.get(one.reference, one.reference) for one in pod_groups(before) if one.is_several}
    return frozenset(old & {one.reference for one in pod_groups(after) if one.is_several})


def _arrows(
    rows: Iterable[ChangedConnections], ends: Iterable[Ends], several: Collection[Reference]
) -> list[ChangedArrow]:
    """The rows as arrows between ends, one for each pair and kind."""
    classes = [end for end in ends if not isinstance(end, Addresses)]
    drawn = {end for end in ends if isinstance(end, Addresses)}
    passing: defaultdict[tuple[ArrowKind, Ends, Ends], Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for row in rows:
        kind = ArrowKind.OPENED if row.kind is ConnectionChange.OPENED else ArrowKind.CLOSED
        sources, destinations = (_ends_of(side, classes, drawn) for side in (row.sources, row.destinations))
        for source, destination in product(sources, destinations):
            if source != destination or _has_two(source, several):
                passing[kind, source, destination] |= row.traffic
    return [ChangedArrow(*ends, Passing(traffic)) for ends, traffic in passing.items()]


def _ends_of(side: Ends, classes: Iterable[tuple[Reference, ...]], drawn: Collection[Addresses]) -> Sequence[Ends]:
    """The ends that one side of a row consists of, of those that are drawn."""
    if isinstance(side, Addresses):
        return [side] if side in drawn else []
    among = set(side)
    # One member is enough: all members of a class are in the same rows.
    return [one for one in classes if one[0] in among]


def _has_two(members: Ends, several: Collection[Reference]) -> bool:
    return not isinstance(members, Addresses) and (len(members) > 1 or members[0] in several)


def _kept(
    after: State, arrows: Iterable[ChangedArrow], classes: Sequence[tuple[Reference, ...]]
) -> Iterator[ChangedArrow]:
    """The traffic between two classes that is allowed before and after: what is allowed now, less what was opened."""
    members: dict[Reference, Member] = {}
    for member in after.members():
        members.setdefault(after.workload(member), member)
        members[member.reference] = member
    opened = {(one.source, one.destination): one.passing.traffic for one in arrows if one.kind is ArrowKind.OPENED}
    known = [tuple(one for one in some if one in members) for some in classes]
    for source, some in zip(classes, known, strict=True):
        for destination, others in zip(classes, known, strict=True):
            pairs = [(members[one], members[other]) for one in some for other in others if one != other]
            passing = _less_opened(after, pairs, opened.get((source, destination), NO_TRAFFIC))
            if passing.traffic:
                yield ChangedArrow(ArrowKind.KEPT, source, destination, passing)


def _less_opened(after: State, pairs: Iterable[tuple[Member, Member]], opened: Traffic) -> Passing:
    """The traffic of some pairs less what was opened; partial if it differs between the pairs."""
    found: Mapping[Traffic, None] = dict.fromkeys(traffic_between(after, *pair) - opened for pair in pairs)
    whole = NO_TRAFFIC
    for traffic in found:
        whole |= traffic
    return Passing(whole, is_partial=len(found) > 1)
