"""What the inputs of several clusters have in common."""

from pathlib import Path
from typing import Any

import pytest

from ringfence.cluster import Cluster
from ringfence.engine.state import State
from ringfence.model.objects import NetworkPolicy, Workload
from ringfence.render.differences import difference_text
from ringfence.shared_input import SharedInput
from tests.analysis.differences.clusters import DB, WORKLOADS, written

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
MORE = DB.replace("name: db,", "name: more,")


def two(folder: Path, before: str, after: str) -> tuple[Cluster, Cluster]:
    """Two clusters with one input, as `diff` reads them."""
    shared = SharedInput()
    a, b = written(folder, "a.yaml", WORKLOADS, before), written(folder, "b.yaml", WORKLOADS, after)
    return Cluster.load(a, shared=shared), Cluster.load(b, shared=shared)


def test_where_policies_alone_differ_the_second_state_is_never_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = two(tmp_path, DB, OPENED)
    entered: list[object] = []
    upsert = State.upsert

    def noting(state: State, obj: Any, *rest: Any) -> None:
        entered.append(obj)
        upsert(state, obj, *rest)

    monkeypatch.setattr(State, "upsert", noting)
    assert before.diff(after).connections
    assert sum(isinstance(obj, Workload) for obj in entered) == 3
    assert after.can("tools/probe", "prod/db", port=3306)
    assert sum(isinstance(obj, Workload) for obj in entered) == 6


def test_the_first_state_is_as_before_after_a_difference(tmp_path: Path) -> None:
    before, after = two(tmp_path, DB, OPENED)
    assert before.diff(after).connections
    assert before.can("tools/probe", "prod/db", port=3306).none
    assert [one.metadata.name for one in before.policies()] == ["db"]


def test_places_after_a_change_are_those_of_the_second_input(tmp_path: Path) -> None:
    before, after = two(tmp_path, f"{OPENED}---\n{MORE}", MORE)
    text = difference_text(before.diff(after), "a", "b")
    assert "b.yaml" not in text.replace("a.yaml", "")
    before, after = two(tmp_path, f"{DB}---\n{MORE}", f"{OPENED}---\n{MORE}")
    assert "b.yaml:" in difference_text(before.diff(after), "a", "b")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda cluster: cluster.remove("NetworkPolicy", "prod", "db"), id="a policy is removed"),
        pytest.param(lambda cluster: cluster.leave_out("prod/db"), id="a policy is left out"),
        pytest.param(lambda cluster: cluster.state.remove("NetworkPolicy", "prod", "db"), id="in the state"),
        pytest.param(
            lambda cluster: cluster.upsert(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": {"name": "db", "namespace": "prod"},
                    "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{}]},
                }
            ),
            id="a policy is replaced",
        ),
    ],
)
def test_what_was_changed_after_reading_counts(tmp_path: Path, change: object) -> None:
    before, after = two(tmp_path, DB, DB)
    assert not before.diff(after)
    change(after)  # type: ignore[operator]
    assert before.diff(after).connections


def test_the_last_of_two_equal_names_counts_in_both(tmp_path: Path) -> None:
    before, after = two(tmp_path, DB, f"{OPENED}---\n{DB}")
    assert not before.diff(after)
    assert [problem.code for problem in after.problems] == ["duplicate-object"]


def test_a_namespace_of_its_own_is_not_shared(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", DB.replace(", namespace: prod", ""))
    shared = SharedInput()
    first, second = (Cluster.load(path, namespace=name, shared=shared) for name in ("x", "y"))
    assert [[one.metadata.namespace for one in cluster.policies()] for cluster in (first, second)] == [["x"], ["y"]]
    assert isinstance(first.policies()[0], NetworkPolicy)
