"""The arrows of a change are exactly its rows, and unchanged arrows are the traffic allowed before and after."""

from collections import Counter, defaultdict
from collections.abc import Collection
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.differences.test_difference_by_lists import changes
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, port

from ringfence.analysis.differences import (
    ArrowKind,
    ChangedArrow,
    ChangedArrows,
    ConnectionChange,
    changed_arrows,
    several_in_both,
)
from ringfence.analysis.differences.gathered_changes import gathered
from ringfence.analysis.differences.namespace_changes import between_namespaces
from ringfence.analysis.differences.what_changed import ClusterDifference, Ends
from ringfence.analysis.lists import Passing
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

Pairs = dict[tuple[Reference | Addresses, Reference | Addresses], Traffic]


def members(end: Ends) -> list[Reference | Addresses]:
    return [end] if isinstance(end, Addresses) else list(end)


KINDS = ((ArrowKind.OPENED, ConnectionChange.OPENED), (ArrowKind.CLOSED, ConnectionChange.CLOSED))


def pairs_of(ends: list[tuple[Ends, Ends, Traffic]], several: Collection[Reference] = ()) -> Pairs:
    """The traffic of each pair of two different ends; of one and the same only for workloads of several pods."""
    found: defaultdict[tuple[Reference | Addresses, Reference | Addresses], Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for sources, destinations, traffic in ends:
        for source in members(sources):
            for destination in members(destinations):
                if source != destination or source in several:
                    found[source, destination] |= traffic
    return dict(found)


@given(changes())
def test_the_arrows_are_the_rows(change: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, change)
    found = before.diff(after)
    drawn = changed_arrows(found, before.state, after.state, 1_000)
    for arrow_kind, kind in KINDS:
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


def whole(found: ClusterDifference, before: Cluster, after: Cluster) -> ChangedArrows:
    """The arrows between classes, however many there are."""
    with patch("ringfence.analysis.differences.arrows_of_change.MOST_ARROWS", 10_000):
        return changed_arrows(found, before.state, after.state, 1_000)


@given(changes())
def test_gathered_arrows_are_the_rows(change: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, change)
    found = before.diff(after)
    drawn = whole(found, before, after)
    several = several_in_both(found, before.state, after.state)
    arrows = [one for one in drawn.arrows if one.kind is not ArrowKind.KEPT]
    classes = [end for end in drawn.ends if not isinstance(end, Addresses)]
    gathering = gathered(arrows, classes, lambda one: len(one) > 1 or one[0] in several)
    assert len(gathering.arrows) <= len(arrows)
    for arrow_kind, kind in KINDS:
        made = [
            (one.source, one.destination, one.passing.traffic) for one in gathering.arrows if one.kind is arrow_kind
        ]
        rows = [(row.sources, row.destinations, row.traffic) for row in found.of(kind)]
        assert pairs_of(made, several) == pairs_of(rows, several)


def test_what_all_classes_of_a_namespace_open_is_one_arrow() -> None:
    made = [pod(f"shop/{name}", {"app": name}) for name in "abc"]
    outside = [pod(f"other/{name}", {"app": name}) for name in "xyz"]
    before = [*made, *outside, policy("shop/all", ingress=[])]
    to_each = [
        policy(f"shop/{name}", labelled(app=name), ingress=[admits(pods({}), ports=[port(number)])])
        for number, name in enumerate("abc", 80)
    ]
    old, new = cluster_of(before), cluster_of([*before, *to_each])
    found = old.diff(new)
    drawn = whole(found, old, new)
    opened = [one for one in drawn.arrows if one.kind is ArrowKind.OPENED]
    assert len(opened) == 6  # each of the three from each other one
    classes = [end for end in drawn.ends if not isinstance(end, Addresses)]
    gathering = gathered(opened, classes, lambda _: False)
    (group,) = gathering.groups
    assert list(map(str, group)) == ["shop/a", "shop/b", "shop/c"]
    assert [one.source for one in gathering.arrows] == [group] * 3
    assert sorted(str(one.destination) for one in gathering.arrows) == sorted(str((one,)) for one in group)


@given(changes(), st.integers(0, 3))
def test_by_namespace_each_changed_pair_is_counted_once(change: tuple[list[Object], list[Object]], most: int) -> None:
    before, after = map(cluster_of, change)
    found = before.diff(after)
    several = several_in_both(found, before.state, after.state)
    with patch("ringfence.analysis.differences.namespace_changes.MOST_ARROWS", most):
        drawn = between_namespaces(whole(found, before, after).ends, found.connections, several, 1_000)
    expected: Counter[tuple[ArrowKind, str, str]] = Counter()
    for arrow_kind, kind in KINDS:
        rows = [(row.sources, row.destinations, row.traffic) for row in found.of(kind)]
        expected.update((arrow_kind, name(one), name(other)) for one, other in pairs_of(rows, several))
    said = Counter({(one.kind, name_of(one.source), name_of(one.destination)): one.pairs for one in drawn.arrows})
    for bundle in drawn.bundles:
        end = name_of(bundle.end)
        ends = {
            (bundle.kind, one, end) if bundle.is_incoming else (bundle.kind, end, one)
            for one in map(name_of, bundle.others)
        }
        assert bundle.pairs == sum(expected[one] for one in ends)
        said.update({one: expected[one] for one in ends})
    assert said == expected
    between = [one for one in drawn.arrows if one.source != one.destination]
    assert sum(isinstance(one.source, tuple) and isinstance(one.destination, tuple) for one in between) <= most


def name(end: Reference | Addresses) -> str:
    return str(end) if isinstance(end, Addresses) else end.namespace


def name_of(end: Ends) -> str:
    return str(end) if isinstance(end, Addresses) else end[0].name


def test_too_many_arrows_between_several_namespaces_are_drawn_by_namespace() -> None:
    many = [pod(f"n{number % 9}/p{number}", {"app": f"a{number}"}) for number in range(27)]
    rules = [
        policy(
            f"n{number % 9}/p{number}",
            labelled(app=f"a{number}"),
            ingress=[admits({"namespaceSelector": {}}, ports=[port(80 + number)])],
        )
        for number in range(27)
    ]
    closed = [policy(f"n{number}/closed", ingress=[]) for number in range(9)]
    old, new = cluster_of([*many, *closed]), cluster_of([*many, *closed, *rules])
    drawn = changed_arrows(old.diff(new), old.state, new.state, 150)
    assert len(drawn.members) == 9
    assert all(len(some) == 3 for some in drawn.members.values())
    assert sum(one.pairs for one in drawn.arrows) + sum(one.pairs for one in drawn.bundles) == 27 * 26


def test_pods_that_open_to_each_other_are_no_pairs_with_themselves() -> None:
    made = [pod(f"{space}/{name}") for space in ("shop", "other") for name in "abc"]
    closed = [policy(f"{space}/all", ingress=[]) for space in ("shop", "other")]
    opened = policy("shop/open", ingress=[admits(pods({}))])
    old, new = cluster_of([*made, *closed]), cluster_of([*made, *closed, opened])
    found = old.diff(new)
    (row,) = found.connections
    assert row.sources == row.destinations
    (arrow,) = between_namespaces([row.sources], [row], (), 10).arrows
    assert arrow.pairs == 6


def test_an_arrow_to_one_class_is_gathered_only_if_the_class_opens_the_same_to_itself() -> None:
    web, *others = [(Reference("shop", "Pod", name),) for name in "abc"]
    two = (*web, Reference("shop", "Pod", "d"))
    passing = Passing(Traffic.of("TCP", ((80, 80),)))
    arrows = [ChangedArrow(ArrowKind.OPENED, one, two, passing) for one in others]
    among_themselves = ChangedArrow(ArrowKind.OPENED, two, two, passing)
    classes = [two, *others]
    assert gathered(arrows, classes, lambda one: len(one) > 1).groups == frozenset()
    (joined,) = gathered([*arrows, among_themselves], classes, lambda one: len(one) > 1).arrows
    assert isinstance(joined.source, tuple)
    assert (len(joined.source), joined.destination) == (4, two)
