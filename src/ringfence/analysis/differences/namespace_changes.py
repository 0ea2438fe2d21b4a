"""A change by namespace: ends are namespaces and addresses, and each arrow has the number of its pairs of workloads.

If even these arrows are too many, those of the ends with the most are bundled: "opened from 12 namespaces".
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from functools import reduce
from itertools import product
from operator import or_

from ringfence.analysis.differences.arrow_values import (
    MOST_ARROWS,
    ArrowBundle,
    ArrowKind,
    ChangedArrow,
    ChangedArrows,
    in_order,
)
from ringfence.analysis.differences.causes import ConnectionChange
from ringfence.analysis.differences.what_changed import ChangedConnections, Ends
from ringfence.analysis.lists import Passing
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic


def between_namespaces(
    classes: Iterable[Ends], rows: Iterable[ChangedConnections], several: Collection[Reference], most: int
) -> ChangedArrows:
    """The arrows between at most `most` namespaces and addresses; those with the fewest changed pairs are left out.

    `classes` are all ends that change, and `several` the workloads that have two different pods.
    """
    members: defaultdict[Ends, list[Reference]] = defaultdict(list)
    for one in classes:
        for end, some in _by_namespace(one).items():
            members[end] += some
    arrows = _arrows(rows, several)
    times: Counter[Ends] = Counter()
    for arrow in arrows:
        times[arrow.source] += arrow.pairs
        times[arrow.destination] += arrow.pairs
    drawn = in_order(sorted(in_order(members), key=lambda end: -times[end])[:most])
    among = set(drawn)
    arrows = [one for one in arrows if one.source in among and one.destination in among]
    few, bundles = _bundled(arrows)
    workloads: dict[Ends, tuple[Reference, ...]] = {
        end: tuple(sorted(members[end])) for end in drawn if not isinstance(end, Addresses)
    }
    return ChangedArrows(drawn, tuple(few), len(members), has_kept=False, members=workloads, bundles=tuple(bundles))


def _by_namespace(end: Ends) -> dict[Ends, list[Reference]]:
    """The namespaces of workloads, each with its own, or addresses."""
    if isinstance(end, Addresses):
        return {end: []}
    found: defaultdict[Ends, list[Reference]] = defaultdict(list)
    for one in end:
        found[(Reference("", "Namespace", one.namespace),)].append(one)
    return found


def _arrows(rows: Iterable[ChangedConnections], several: Collection[Reference]) -> list[ChangedArrow]:
    """An arrow for each kind and pair of ends. No pair of workloads is in two rows of a kind."""
    pairs: Counter[tuple[ArrowKind, Ends, Ends]] = Counter()
    traffic: defaultdict[tuple[ArrowKind, Ends, Ends], Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for row in rows:
        kind = ArrowKind.OPENED if row.kind is ConnectionChange.OPENED else ArrowKind.CLOSED
        sides = _by_namespace(row.sources).items(), _by_namespace(row.destinations).items()
        for (source, some), (destination, others) in product(*sides):
            # Addresses count as one end. A workload with a single pod is no pair with itself.
            number = max(len(some), 1) * max(len(others), 1) - len({*some} & {*others} - {*several})
            if number:
                pairs[kind, source, destination] += number
                traffic[kind, source, destination] |= row.traffic
    return [ChangedArrow(*key, Passing(traffic[key]), number) for key, number in pairs.items()]


def _bundled(arrows: Iterable[ChangedArrow]) -> tuple[list[ChangedArrow], list[ArrowBundle]]:
    """The arrows, of those between two namespaces at most `MOST_ARROWS`, and bundles of the others.

    The end and direction that has the most arrows is bundled first.
    """
    alone: list[ChangedArrow] = []
    left: list[ChangedArrow] = []
    for one in arrows:
        is_between = one.source != one.destination and not _has_addresses(one)
        (left if is_between else alone).append(one)
    bundles = []
    while len(left) > MOST_ARROWS:
        alike: defaultdict[tuple[ArrowKind, bool, Ends], list[ChangedArrow]] = defaultdict(list)
        for arrow in left:
            alike[arrow.kind, True, arrow.destination].append(arrow)
            alike[arrow.kind, False, arrow.source].append(arrow)
        (kind, is_incoming, end), some = max(alike.items(), key=lambda one: len(one[1]))
        passing = Passing(reduce(or_, (one.passing.traffic for one in some)))
        others = in_order(one.source if is_incoming else one.destination for one in some)
        bundles.append(ArrowBundle(kind, end, is_incoming, others, passing, sum(one.pairs for one in some)))
        left = [one for one in left if (one.kind, one.destination if is_incoming else one.source) != (kind, end)]
    return [*alone, *left], bundles


def _has_addresses(arrow: ChangedArrow) -> bool:
    return isinstance(arrow.source, Addresses) or isinstance(arrow.destination, Addresses)
