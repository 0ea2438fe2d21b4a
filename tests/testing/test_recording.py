"""Tests that are written from today's answers: they hold today, and fail once the answer changes."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.testing.worlds import three_tier

from ringfence.cli import cli
from ringfence.errors import EndpointError
from ringfence.testing import recording


def run(*words: str | Path) -> str:
    ended = CliRunner().invoke(cli, ["test", *map(str, words)])
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def test_every_pair_of_workloads_has_a_test() -> None:
    found = three_tier().recorded_tests("prod/*", "prod/db", port=3306)
    assert [(one["from"], one["to"], one["expect"]) for one in found] == [
        ("prod/api", "prod/db", "allow"),
        ("prod/web", "prod/db", "deny"),
    ]


def test_where_some_ports_are_allowed_there_is_a_test_of_these_and_one_of_all_others() -> None:
    allowed, denied = three_tier().recorded_tests("prod/api", "prod/db")
    assert (allowed["port"], allowed["expect"]) == ("3306", "allow")
    assert (denied["ports"], denied["expect"]) == (["1-3305", "3307-65535", "1-65535/UDP", "1-65535/SCTP"], "deny")
    assert denied["name"] == "prod/api -> prod/db on all but TCP 3306"


def test_what_is_assumed_is_accepted_and_what_is_allowed_for_some_pods_is_skipped() -> None:
    (whole,) = three_tier().recorded_tests("prod/db", "192.168.0.0/16")
    assert (whole["port"], whole["skip"]) == ("all", "only a part of it is allowed: write a test for each part")
    (assumed,) = three_tier().recorded_tests("prod/db", "prod/web", port=80)
    assert (assumed["expect"], assumed["accept"]) == ("deny", ["assumptions"])


def test_an_end_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(EndpointError):
        three_tier().recorded_tests("prod/nobody", "prod/db", port=3306)


def test_too_many_pairs_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_PAIRS", 2)
    with pytest.raises(Exception, match="are 3 pairs: record at most 2 at once"):
        three_tier().recorded_tests("prod/*", "prod/db", port=3306)


def test_what_was_written_holds_until_a_policy_is_removed(tmp_path: Path) -> None:
    manifests = ("-f", "examples/three-tier")
    path = tmp_path / "t.yaml"
    more = ("--record", "prod/db", "192.168.5.10", "80")
    path.write_text(run("--record", "prod/*", "prod/db", "3306", *more, *manifests))
    assert "3 tests: 3 passed" in run(path, *manifests)
    ended = CliRunner().invoke(cli, ["test", str(path), *manifests, "--without", "prod/db-policy"])
    assert ended.exit_code == 1


def test_a_file_of_netassert_becomes_a_file_of_tests_without_a_cluster(tmp_path: Path) -> None:
    checks, path = tmp_path / "n.yaml", tmp_path / "t.yaml"
    checks.write_text("k8s: {pod: {'prod:api': {db.prod: 3306}, 'prod:web': {db.prod: -3306}}}\n")
    path.write_text(run("--import", "netassert", checks))
    assert "2 tests: 2 passed" in run(path, "-f", "examples/three-tier")
