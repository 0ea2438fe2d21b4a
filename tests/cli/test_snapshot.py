"""`snapshot`: the lines, in any order of the input, and the exit codes."""

from pathlib import Path

from click.testing import CliRunner, Result
from tests.analysis.differences.clusters import DB, WORKLOADS, written

from ringfence.cli import cli
from ringfence.cluster import Cluster
from ringfence.render.snapshots import read_snapshot


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["snapshot", *map(str, words)])


def test_the_output_is_a_snapshot_of_the_cluster_whatever_the_order_of_its_documents(tmp_path: Path) -> None:
    first, second = written(tmp_path, "a.yaml", WORKLOADS, DB), written(tmp_path, "b.yaml", DB, WORKLOADS)
    printed = run("-f", first)
    assert printed.exit_code == 0
    assert read_snapshot(printed.stdout, "-") == Cluster.load(first).snapshot()
    assert run("-f", second).stdout == printed.stdout


def test_pods_that_do_not_exist_yet_can_be_left_out(tmp_path: Path) -> None:
    printed = run("-f", written(tmp_path, "a.yaml", WORKLOADS, DB), "--no-possible")
    assert "possible" not in printed.stdout.partition("\n")[2]
    assert read_snapshot(printed.stdout, "-").possible is None


def test_it_is_of_the_cluster_as_it_would_be_without_a_policy(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", WORKLOADS, DB)
    assert "isolated prod/StatefulSet/db ingress" in run("-f", path).stdout
    assert "isolated" not in run("-f", path, "--without", "prod/db").stdout


def test_a_snapshot_that_assumes_something_ends_with_3_if_that_is_not_wanted() -> None:
    assert run("-f", "examples/three-tier").exit_code == 0
    assert run("-f", "examples/three-tier", "--no-assumptions").exit_code == 3


def test_an_error_in_a_policy_ends_with_2(tmp_path: Path) -> None:
    assert run("-f", written(tmp_path, "a.yaml", WORKLOADS, DB.replace("3306", "99999"))).exit_code == 2
