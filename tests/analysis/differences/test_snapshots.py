"""Snapshots: the differences from one, against the differences between the two clusters."""

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from tests.analysis.differences.clusters import BLOCKS, CILIUM, DB, WORKLOADS, compared, rows, written
from tests.analysis.differences.test_difference_by_lists import (
    assert_rows_are,
    changes,
    cluster,
    listed_outside,
    listed_pairs,
    shown_outside,
)
from tests.example_counts import examples
from tests.semantics.objects import Object

from ringfence.analysis.differences import ConnectionChange, SnapshotDifference
from ringfence.analysis.differences.matched_workloads import match
from ringfence.analysis.lists import pod_groups
from ringfence.cluster import Cluster

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
ANY_WEB = DB.replace("    - namespaceSelector: {matchLabels: {team: infra}}\n      podS", "    - podS")
ONE_REPLICA = WORKLOADS.replace("{replicas: 2", "{replicas: 1")
NEW = """\
apiVersion: v1
kind: Pod
metadata: {name: new, namespace: prod, labels: {app: web}}
"""


def since(
    folder: Path, before: tuple[str, ...], after: tuple[str, ...], *, possible: bool = True
) -> SnapshotDifference:
    old, new = (Cluster.load(written(folder, "a.yaml", *documents)) for documents in (before, after))
    return new.changes_since(old.snapshot(possible=possible))


@pytest.mark.parametrize(
    "after",
    [
        pytest.param((WORKLOADS, DB), id="the same"),
        pytest.param((DB, WORKLOADS), id="another order"),
        pytest.param((WORKLOADS, DB.replace("name: db,", "name: renamed,")), id="a policy with another name"),
        pytest.param((WORKLOADS, DB, DB.replace("name: db,", "name: again,")), id="the same policy twice"),
    ],
)
def test_what_means_the_same_is_no_difference(tmp_path: Path, after: tuple[str, ...]) -> None:
    assert not since(tmp_path, (WORKLOADS, DB), after)


def test_a_block_in_two_halves_is_no_difference(tmp_path: Path) -> None:
    halves = BLOCKS.replace(
        "    - ipBlock: {cidr: 198.51.100.0/24}\n",
        "    - ipBlock: {cidr: 198.51.100.0/25}\n    - ipBlock: {cidr: 198.51.100.128/25}\n",
    )
    assert not since(tmp_path, (WORKLOADS, BLOCKS), (WORKLOADS, halves)).cluster.connections


def test_what_was_opened_is_the_row_that_diff_prints(tmp_path: Path) -> None:
    found = since(tmp_path, (WORKLOADS, DB), (WORKLOADS, OPENED))
    expected = ["tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306"]
    assert rows(found.cluster, ConnectionChange.OPENED) == expected
    assert rows(found.cluster, ConnectionChange.CLOSED) == []
    assert rows(compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, OPENED)), ConnectionChange.OPENED) == expected


def test_only_what_a_block_gains_is_opened(tmp_path: Path) -> None:
    found = since(tmp_path, (WORKLOADS, BLOCKS), (WORKLOADS, BLOCKS.replace("100.0/24", "100.0/23")))
    assert rows(found.cluster, ConnectionChange.OPENED) == ["198.51.101.0/24 -> prod/Deployment/web: all traffic"]


def test_isolation_that_is_gone_is_a_row_of_its_own(tmp_path: Path) -> None:
    found = since(tmp_path, (WORKLOADS, DB), (WORKLOADS,))
    assert [(str(one.workloads[0]), one.direction.field, one.is_isolated) for one in found.cluster.isolation] == [
        ("prod/StatefulSet/db", "ingress", False)
    ]


def test_a_policy_for_pods_that_do_not_exist_yet_is_a_difference_unless_they_were_left_out(tmp_path: Path) -> None:
    future = DB.replace("app: web", "app: later")
    changed = future.replace("app: later", "app: sooner")
    found = since(tmp_path, (WORKLOADS, future), (WORKLOADS, changed))
    assert found
    assert not found.cluster
    assert any("app=later" in one.text for one in found.possible_before)
    assert any("app=sooner" in one.text for one in found.possible_after)
    assert not since(tmp_path, (WORKLOADS, future), (WORKLOADS, changed), possible=False)


def test_a_new_workload_is_added_and_its_connections_are_not_opened(tmp_path: Path) -> None:
    found = since(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB, NEW))
    assert list(map(str, found.cluster.added)) == ["prod/new"]
    assert not found.cluster.connections
    assert found


def test_one_replica_less_closes_nothing(tmp_path: Path) -> None:
    assert not since(tmp_path, (WORKLOADS,), (ONE_REPLICA,)).cluster.connections


def test_an_assumption_that_is_new_is_a_difference(tmp_path: Path) -> None:
    found = since(tmp_path, (WORKLOADS,), (WORKLOADS, CILIUM))
    assert any("CiliumNetworkPolicy" in text for text in found.cluster.unknown)


@settings(max_examples=examples(25))  # each compares two clusters
@given(changes())
def test_what_differs_from_a_snapshot_is_what_the_lists_of_both_clusters_differ_by(
    objects: tuple[list[Object], list[Object]],
) -> None:
    before, after = map(cluster, objects)
    units = match(before.state, after.state).common
    # A snapshot has the workloads as the lists of its cluster do, and not as a comparison of two would divide them.
    for one in (before, after):
        assume({unit.reference for unit in units} <= {group.reference for group in pod_groups(one.state)})
    found = after.changes_since(before.snapshot(possible=False)).cluster
    assert_rows_are(listed_pairs(before, after, units), found, units)
    assert shown_outside(found.connections) == listed_outside(before, after, units)


def test_a_snapshot_is_of_possible_pods_too_unless_they_are_left_out() -> None:
    assert Cluster().snapshot().possible is not None
    assert Cluster().snapshot(possible=False).possible is None
