"""The arrows of a change are exactly its rows, and unchanged arrows are the traffic allowed before and after."""

from collections import defaultdict

from hypothesis import given
from tests.analysis.differences.test_difference_by_lists import changes
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.analysis.differences import ArrowKind, ConnectionChange, changed_arrows
from ringfence.analysis.differences.what_changed import Ends
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

Pairs = dict[tuple[Reference | Addresses, Reference | Addresses], Traffic]


def members(end: Ends) -> list[Reference | Addresses]:
    return [end] if isinstance(end, Addresses) else list(end)


def pairs_of(ends: list[tuple[Ends, Ends, Traffic]]) -> Pairs:
    """The traffic of each pair of two different ends."""
    found: defaultdict[tuple[Reference | Addresses, Reference | Addresses], Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for sources, destinations, traffic in ends:
        for source in members(sources):
            for destination in members(destinations):
                if source != destination:
                    found[source, destination] |= traffic
    return dict(found)


@given(changes())
def test_the_arrows_are_the_rows(change: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, change)
    found = before.diff(after)
    drawn = changed_arrows(found, before.state, after.state, 1_000)
    for arrow_kind, kind in ((ArrowKind.OPENED, ConnectionChange.OPENED), (ArrowKind.CLOSED, ConnectionChange.CLOSED)):
        arrows = [(one.source, one.destination, one.passing.traffic) for one in drawn.arrows if one.kind is arrow_kind]
        rows = [(row.sources, row.destinations, row.traffic) for row in found.of(kind)]
        assert pairs_of(arrows) == pairs_of(rows)
    assert len(drawn.ends) == drawn.size
    assert drawn == changed_arrows(found, before.state, after.state, 1_000)


@given(changes())
def test_what_stays_between_two_workloads_passes_before_and_after(change: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, change)
    found = before.diff(after)
    drawn = changed_arrows(found, before.state, after.state, 1_000)
    was, now = (passing(cluster) for cluster in (before, after))
    kept = {
        (source, destination): arrow.passing
        for arrow in drawn.arrows
        if arrow.kind is ArrowKind.KEPT
        for source in members(arrow.source)
        for destination in members(arrow.destination)
        if source != destination
    }
    ends = [workload for end in drawn.ends for workload in members(end) if isinstance(workload, Reference)]
    compared = set(was) & set(now)
    for pair in compared & {(source, destination) for source in ends for destination in ends if source != destination}:
        both = was[pair] & now[pair]
        assert pair in kept or not both
        assert pair not in kept or (both == kept[pair].traffic or kept[pair].is_partial)


def passing(cluster: Cluster) -> Pairs:
    return {(one.source, one.destination): one.traffic for one in cluster.connections(pods=False)}
