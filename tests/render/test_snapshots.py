"""A snapshot as text: sorted, the same bytes for the same cluster; the reader refuses other texts."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.analysis.differences.clusters import BLOCKS, DB, WORKLOADS, written
from tests.analysis.differences.test_difference_by_lists import cluster
from tests.example_counts import examples
from tests.semantics.objects import Object, node, owned, pod, stored

from ringfence.analysis.differences import ClusterSnapshot
from ringfence.cluster import Cluster
from ringfence.errors import ManifestError
from ringfence.render.snapshots import read_snapshot, snapshot_difference_text, snapshot_lines


def text_of(snapshot: ClusterSnapshot) -> str:
    return "".join(snapshot_lines(snapshot))


@settings(max_examples=examples(40))
@given(strategies.clusters(), st.randoms(use_true_random=False), st.booleans())
def test_a_snapshot_is_read_as_it_was_written_whatever_the_order_of_the_input(
    objects: list[Object], order: Random, possible: bool
) -> None:
    found = cluster(objects).snapshot(possible=possible)
    text = text_of(found)
    assert read_snapshot(text, "x") == found
    header, *rows = text.splitlines()
    assert rows == sorted(rows)
    order.shuffle(objects)
    assert text_of(cluster(objects).snapshot(possible=possible)) == text
    order.shuffle(rows)
    assert read_snapshot("\r\n".join([header, *rows]), "x") == found


def test_pods_that_only_an_address_tells_apart_are_named_one_by_one_also_to_pods_to_come() -> None:
    pods = [stored(owned(one, "StatefulSet", "db")) for one in (pod("x/db-0", addresses=["10.0.0.1"]), pod("x/db-1"))]
    found = cluster([*pods, node("m")]).snapshot()
    assert read_snapshot(text_of(found), "x") == found
    assert {one.workload.name for one in found.possible or ()} == {"db-0", "db-1"}


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    loaded = Cluster.load(written(tmp_path, "a.yaml", WORKLOADS, DB, BLOCKS))
    return text_of(loaded.snapshot()).splitlines()


def test_rows_are_connections_isolation_pods_to_come_assumptions_and_workloads(lines: list[str]) -> None:
    assert lines[0] == "# ringfence snapshot 1"
    assert "connection 198.51.100.0/24 -> prod/Deployment/web: all traffic" in lines
    assert "isolated prod/StatefulSet/db ingress" in lines
    assert "possible prod/StatefulSet/db ingress pods {app=web} in namespaces {team=infra}: TCP 3306" in lines, (
        "the peer of the policy"
    )
    assert "workload prod/StatefulSet/db: several pods" in lines
    assert "workload tools/Deployment/probe: one pod" in lines
    assert {line.split()[0] for line in lines[1:]} == {"assumption", "connection", "isolated", "possible", "workload"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("connection prod/web prod/db: TCP 80", "is not a row of a snapshot"),
        ("connection prod/Deployment/web -> prod/StatefulSet/db: TCP 0", "is not a row of a snapshot"),
        ("connection prod/Deployment/web -> prod/StatefulSet/db: TCP 90-80", "is not a row of a snapshot"),
        ("connection prod/Deployment/web -> prod/StatefulSet/db: ICMP", "is not a row of a snapshot"),
        ("connection prod/Deployment/web -> 10.0.0.0/33: TCP 80", "is not a row of a snapshot"),
        ("connection 10.0.0.0/8 -> any address: TCP 80", "is not a row of a snapshot"),
        ("connection a/b/c/d -> any address: TCP 80", "is not a row of a snapshot"),
        ("isolated prod/StatefulSet/db sideways", "is not a row of a snapshot"),
        ("possible prod/StatefulSet/db ingress whatever", "is not a row of a snapshot"),
        ("possible", "is not a row of a snapshot"),
        ("assumption ", "is not a row of a snapshot"),
        ("workload prod/StatefulSet/db2: two pods", "is not a row of a snapshot"),
        ("allowed prod/StatefulSet/db", "is not a row of a snapshot"),
        ("workload prod/StatefulSet/db: several pods", "says again what a line above says"),
        ("workload prod/StatefulSet/db: one pod", "says again what a line above says"),
        ("isolated prod/StatefulSet/db ingress", "says again what a line above says"),
        ("<<<<<<< HEAD", "a merge conflict"),
        ("=======", "a merge conflict"),
    ],
)
def test_a_line_that_is_no_row_is_named_with_its_number(lines: list[str], row: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        read_snapshot("\n".join([*lines, row]), "connections.lock")
    assert str(error.value).startswith(f"connections.lock:{len(lines) + 1}: ")
    assert said in str(error.value)
    assert "ringfence snapshot" in str(error.value)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "x:1: not a snapshot"),
        ("apiVersion: v1", "x:1: not a snapshot"),
        ("# ringfence snapshot 2", "x:1: this is format 2, and this ringfence reads 1"),
        ("# ringfence snapshot 1, and more", "x:1: not a snapshot"),
    ],
)
def test_a_text_without_its_header_is_not_read(lines: list[str], header: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        read_snapshot("\n".join([header, *lines[1:]]), "x")
    assert said in str(error.value)


def test_a_workload_that_has_no_line_of_its_own_is_an_error(lines: list[str]) -> None:
    cut = [line for line in lines if line != "workload prod/StatefulSet/db: several pods"]
    with pytest.raises(ManifestError, match="x: prod/StatefulSet/db is named, and has no line `workload`"):
        read_snapshot("\n".join(cut), "x")


def test_the_difference_is_told_in_the_rows_of_diff(tmp_path: Path) -> None:
    before = Cluster.load(written(tmp_path, "a.yaml", WORKLOADS, DB)).snapshot()
    opened = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
    after = Cluster.load(written(tmp_path, "b.yaml", WORKLOADS, opened))
    assert snapshot_difference_text(after.changes_since(before), "connections.lock", "now").splitlines() == [
        "connections.lock -> now: 1 opened, 0 closed; the same 3 workloads compared",
        "",
        "opened",
        "  + tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306",
        "",
        "pods that do not exist yet (connections.lock -> now)",
        "  + prod/StatefulSet/db ingress pods {} in namespaces {team=infra}: TCP 3306",
        "  - prod/StatefulSet/db ingress pods {app=web} in namespaces {team=infra}: TCP 3306",
        "  + tools/Deployment/probe egress pods {app=db} in namespaces {kubernetes.io/metadata.name=prod}: TCP 3306",
    ]
    assert snapshot_difference_text(after.changes_since(after.snapshot()), "a", "b") == "a -> b: nothing changed"
