"""The differences between two random clusters, against the lists of all connections of each."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.example_counts import examples
from tests.semantics.objects import Object, key_of, pod, policy
from tests.strategies import several

from ringfence.analysis.differences import ChangedConnections, ClusterDifference, ConnectionChange, Ends
from ringfence.analysis.differences.matched_workloads import Matched, match
from ringfence.analysis.lists import PodGroup, list_connections, pod_groups
from ringfence.analysis.lists.connection_filters import ALL_CONNECTIONS
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.render.differences import ComparedSide, difference_json
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import NO_TRAFFIC, Traffic
from ringfence.shared_input import SharedInput

SIDES = ComparedSide("a"), ComparedSide("b")
BeforeAfter = tuple[Traffic, Traffic]
_KINDS = (strategies.policies, strategies.namespaces, strategies.pods(), strategies.workloads, strategies.nodes)


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[Object], list[Object]]:
    """A cluster, and the same one with some objects replaced, removed or added."""
    before = {key_of(one): one for one in draw(strategies.clusters())}
    replaced = {key_of(one): one for one in draw(several(st.one_of(*_KINDS), 0, 3))}
    gone = set(draw(st.lists(st.sampled_from(sorted(before, key=str)), max_size=1))) if before else set()
    after = {key: one for key, one in (before | replaced).items() if key not in gone}
    return list(before.values()), list(after.values())


def cluster(objects: Sequence[Object], shared: SharedInput | None = None) -> Cluster:
    made = Cluster(shared=shared)
    for one in objects:
        made.upsert(one)
    return made


def allowed(of: Cluster) -> dict[tuple[Any, Any], Traffic]:
    """All allowed traffic between workloads, and between pods."""
    lists = (list_connections(of.state, ALL_CONNECTIONS, by) for by in ("workload", "pod"))
    return {(one.source, one.destination): one.traffic for listed in lists for one in listed}


def expanded(ends: Ends) -> Sequence[Reference]:
    return () if isinstance(ends, Addresses) else ends


def listed_pairs(
    before: Cluster, after: Cluster, units: Sequence[Matched]
) -> dict[tuple[Reference, Reference], BeforeAfter]:
    """The pairs whose allowed traffic differs between the lists of both clusters."""
    old, new = allowed(before), allowed(after)
    found = {}
    for one, other in product(units, units):
        pair = one.reference, other.reference
        former = one.before.reference, other.before.reference
        value = old.get(former, NO_TRAFFIC), new.get(pair, NO_TRAFFIC)
        if value[0] != value[1] and (one is not other or one.is_several):
            found[pair] = value
    return found


def shown_pairs(
    found: ClusterDifference, units: Sequence[Matched], kind: ConnectionChange
) -> dict[tuple[Reference, Reference], Any]:
    """The pairs of the rows of one kind; no pair is in two of them."""
    single = {one.reference for one in units if not one.is_several}
    pairs: dict[tuple[Reference, Reference], Any] = {}
    for row in found.of(kind):
        for pair in product(expanded(row.sources), expanded(row.destinations)):
            if pair[0] != pair[1] or pair[0] not in single:
                assert pair not in pairs
                assert row.traffic == (
                    row.after - row.before if kind is ConnectionChange.OPENED else row.before - row.after
                )
                pairs[pair] = (row.before, row.after)
    return pairs


def assert_rows_are(
    expected: dict[tuple[Reference, Reference], BeforeAfter], found: ClusterDifference, units: Sequence[Matched]
) -> None:
    """The rows are exactly these pairs."""
    assert shown_pairs(found, units, ConnectionChange.OPENED) == {
        pair: (was, now) for pair, (was, now) in expected.items() if now - was
    }
    assert shown_pairs(found, units, ConnectionChange.CLOSED) == {
        pair: (was, now) for pair, (was, now) in expected.items() if was - now
    }


@settings(max_examples=examples(25))  # each compares two clusters, and their policies in any cluster
@given(changes())
def test_rows_are_exactly_the_pairs_between_which_something_else_passes(
    objects: tuple[list[Object], list[Object]],
) -> None:
    before, after = map(cluster, objects)
    units = match(before.state, after.state).common
    # Lists name no pod of a workload next to another workload, as a difference does if one cluster alone divides it.
    for one, references in (
        (before, {unit.before.reference for unit in units}),
        (after, {unit.reference for unit in units}),
    ):
        assume(references <= {group.reference for group in pod_groups(one.state)})
    found = before.diff(after)
    assert_rows_are(listed_pairs(before, after, units), found, units)
    assert all(row.causes and row.attributed_to for row in found.connections)


_Outside = dict[tuple[Reference, bool, Traffic, Traffic], Addresses]


def listed_outside(before: Cluster, after: Cluster, units: Sequence[Matched]) -> _Outside:
    """The addresses with which the allowed traffic of each workload differs between the lists of both clusters."""
    cells: defaultdict[tuple[Reference, bool], tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for place, one in enumerate((before, after)):
        for (source, destination), traffic in allowed(one).items():
            if isinstance(destination, Addresses):
                cells[source, True][place].append((destination, traffic))
            elif isinstance(source, Addresses):
                cells[destination, False][place].append((source, traffic))
    found: _Outside = {}
    for matched, is_source in product(units, (True, False)):
        unit = matched.reference
        old, new = _whole(cells[matched.before.reference, is_source][0]), _whole(cells[unit, is_source][1])
        for (extent, was), (other, now) in product(old, new):
            if was != now and (both := extent & other):
                key = unit, is_source, was, now
                found[key] = found[key] | both if key in found else both
    return found


def _whole(cells: list[tuple[Addresses, Traffic]]) -> list[tuple[Addresses, Traffic]]:
    rest = ALL_ADDRESSES - Addresses.union_of(extent for extent, _ in cells)
    return [*cells, (rest, NO_TRAFFIC)] if rest else cells


def shown_outside(rows: Sequence[ChangedConnections]) -> _Outside:
    found: _Outside = {}
    for row in rows:
        is_source = isinstance(row.destinations, Addresses)
        units, extent = (row.sources, row.destinations) if is_source else (row.destinations, row.sources)
        if isinstance(extent, Addresses):
            for unit in expanded(units):
                key = unit, is_source, row.before, row.after
                found[key] = found[key] | extent if key in found else extent
    return found


@settings(max_examples=examples(25))  # each compares two clusters, and their policies in any cluster
@given(changes())
def test_rows_with_addresses_are_exactly_those_with_which_something_else_passes(
    objects: tuple[list[Object], list[Object]],
) -> None:
    before, after = map(cluster, objects)
    units = match(before.state, after.state).common
    assert shown_outside(before.diff(after).connections) == listed_outside(before, after, units)


@settings(max_examples=examples(25))  # each compares two clusters, and their policies in any cluster
@given(strategies.clusters())
def test_a_cluster_does_not_differ_from_itself_in_another_order(objects: list[Object]) -> None:
    found = cluster(objects).diff(cluster(objects[::-1]))
    assert not found
    assert not found.policies
    assert found.meaning is None


@settings(max_examples=examples(25))  # each compares two clusters, and their policies in any cluster
@given(changes())
def test_what_a_change_opens_its_reverse_closes(objects: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster, objects)
    forth, back = before.diff(after), after.diff(before)
    present = {one.before: one.after for one in forth.renamed}

    def ends(one: Ends) -> Any:
        return one if isinstance(one, Addresses) else frozenset(present.get(name, name) for name in one)

    opened, closed = forth.of(ConnectionChange.OPENED), back.of(ConnectionChange.CLOSED)
    assert {(ends(row.sources), ends(row.destinations), row.traffic) for row in opened} == {
        (ends(row.sources), ends(row.destinations), row.traffic) for row in closed
    }
    assert {(one.after, one.before) for one in forth.renamed} == set(back.renamed)
    assert (forth.added, forth.removed, bool(forth)) == (back.removed, back.added, bool(back))


@settings(max_examples=examples(25))  # each compares two clusters, and their policies in any cluster
@given(changes())
def test_every_row_agrees_with_single_questions_about_both_clusters(objects: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster, objects)
    units = {unit.reference: unit for unit in match(before.state, after.state).common}
    for row in before.diff(after).connections:
        for source, destination in product(expanded(row.sources)[:2], expanded(row.destinations)[:2]):
            if source == destination and not units[source].is_several:
                continue
            # A list does not tell which pods of a group share a node, and a node always reaches its pods.
            if any(group.pod is None for end in (source, destination) for group in _groups(units[end])):
                continue
            former, others = (str(units[end].before.reference) for end in (source, destination))
            assert before.can(former, others).traffic == row.before
            assert after.can(str(source), str(destination)).traffic == row.after


def _groups(unit: Matched) -> tuple[PodGroup, PodGroup]:
    return unit.before, unit.after


@settings(max_examples=examples(25))  # each compares two clusters, and their policies in any cluster
@given(changes(), st.randoms(use_true_random=False))
def test_the_order_of_objects_changes_nothing_of_the_result(
    objects: tuple[list[Object], list[Object]], order: Random
) -> None:
    def printed() -> str:
        return difference_json(cluster(objects[0]).diff(cluster(objects[1])), *SIDES)

    first = printed()
    for one in objects:
        order.shuffle(one)
    assert printed() == first


_SMALL = tuple(
    several(entries, least, most)
    for entries, least, most in (
        (strategies.pods(), 1, 3),
        (strategies.workloads, 0, 1),
        (strategies.policies, 1, 3),
        (strategies.namespaces, 0, 2),
        (strategies.nodes, 0, 1),
    )
)
"""Few objects of each kind, so that what one policy changes is not hidden by others."""


@st.composite
def changes_of_policies(draw: st.DrawFn) -> tuple[list[Object], list[Object]]:
    """A small cluster, and the same one with some policies replaced, removed or added."""
    before = {key_of(one): one for part in _SMALL for one in draw(part)}
    policies = [key for key in before if "Policy" in key[0]]
    gone = draw(st.sets(st.sampled_from(policies), max_size=2))
    replaced = {key_of(one): one for one in draw(several(strategies.policies, 0, 2))}
    return list(before.values()), [one for key, one in (before | replaced).items() if key not in gone]


_POD = pod("x/a", addresses=["10.0.0.1"])
_HOST = pod("x/h", hostNetwork=True)
_NAMED_PORTS = policy(
    "x/p",
    ingress=[{"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": "dns"}]}],
    egress=[{"ports": [{"port": "http"}, {"protocol": "UDP", "port": "dns"}]}],
)
_BOTH_WAYS = policy("x/q", policyTypes=["Ingress", "Egress"])


@given(changes_of_policies())
# Rows depend on names of ports of two protocols.
@example(([_POD, policy("x/p")], [_POD, _NAMED_PORTS]))
# One policy is about ingress alone, the other about both directions, of which the assumptions are said together.
@example(
    ([_HOST, _POD, policy("x/p"), _BOTH_WAYS], [_HOST, _POD, policy("x/p", {"matchLabels": {"app": "1"}}), _BOTH_WAYS])
)
def test_changed_policies_are_found_in_one_state_as_in_two(objects: tuple[list[Object], list[Object]]) -> None:
    shared = SharedInput()
    quick = cluster(objects[0], shared).diff(cluster(objects[1], shared))
    whole = cluster(objects[0]).diff(cluster(objects[1]))

    def told(found: ClusterDifference) -> Any:
        return difference_json(msgspec.structs.replace(found, assumptions=()), *SIDES)

    # Of assumptions on both sides, only those that concern the changed policies are named.
    assert told(quick) == told(whole)
