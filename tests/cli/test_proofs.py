"""`test --coverage` and `test --snapshot`: what is printed, what is written, and the exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.render.json_shapes import fits, schema, strict

from ringfence.cli import cli

TESTS = """\
apiVersion: ringfence/v1
kind: ReachabilityTest
tests:
- {name: the API may, from: prod/api, to: prod/db, port: 3306, expect: allow}
- {name: the web may not, from: prod/web, to: prod/db, port: 3306, expect: deny}
"""


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["test", *map(str, words), "-f", "examples/three-tier"])


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    path = tmp_path / "tests.yaml"
    path.write_text(TESTS)
    return path


def test_coverage_lists_what_no_test_would_notice_with_its_place(tests: Path) -> None:
    ended = run(tests, "--coverage")
    assert ended.exit_code == 0
    _, _, text = ended.stdout.partition("2 tests: 2 passed\n")
    assert text.splitlines() == [
        "coverage: 50 %, 6 of 12 mistakes in policies would be noticed by 2 tests",
        "tested: policies 0/1, rules 0/2, peers 1/2",
        "",
        "no test would fail",
        "  prod/db-policy  (examples/three-tier/db-policy.yaml:15)",
        "      without the policy type Egress",
        "  prod/db-policy spec.ingress[0]  (examples/three-tier/db-policy.yaml:21)",
        "      with all ports",
        "  prod/db-policy spec.egress[0]  (examples/three-tier/db-policy.yaml:26)",
        "      without the rule",
        "      nor with 3 smaller mistakes in it",
    ]


@pytest.mark.parametrize(("least", "exit_code"), [("0", 0), ("50", 0), ("50.1", 1), ("100", 1)])
def test_less_than_the_least_coverage_ends_with_1(tests: Path, least: str, exit_code: int) -> None:
    ended = run(tests, "--min-coverage", least)
    assert ended.exit_code == exit_code
    assert ("the coverage is less than" in ended.stderr) is bool(exit_code)


def test_all_that_was_tried_is_written_as_json(tests: Path, tmp_path: Path) -> None:
    assert run(tests, "--coverage-json", tmp_path / "c.json").exit_code == 0
    written = json.loads((tmp_path / "c.json").read_text())
    assert fits(written, strict(schema("coverage")))
    assert [one["noticedBy"] for one in written["mutants"] if one["field"] == "spec.ingress[0]"] == ["the API may"]


def test_a_json_document_has_standard_output_for_itself(tests: Path) -> None:
    ended = run(tests, "--coverage", "-o", "json")
    assert json.loads(ended.stdout)["passed"] is True
    assert "coverage: 50 %" in ended.stderr


def test_a_failing_test_is_the_exit_code_whatever_the_coverage_is(tests: Path) -> None:
    tests.write_text(TESTS.replace("expect: deny", "expect: allow"))
    ended = run(tests, "--coverage")
    assert ended.exit_code == 1
    assert "not counted: 1 test that did not pass" in ended.stdout


def test_a_snapshot_is_written_then_holds_then_fails_with_what_differs(tmp_path: Path) -> None:
    lock = tmp_path / "connections.lock"
    ended = run("--snapshot", lock)
    assert ended.exit_code == 2
    assert f"{lock}: no such file: write it with --snapshot {lock} --update" in ended.stderr
    assert run("--snapshot", lock, "--update").exit_code == 0
    ended = run("--snapshot", lock)
    assert (ended.exit_code, ended.stdout) == (0, f"{lock}: nothing changed\n")
    ended = run("--snapshot", lock, "--without", "prod/db-policy")
    assert ended.exit_code == 1
    assert "  + prod/web, staging/api -> prod/db: all traffic" in ended.stdout.splitlines()
    assert "--update" in ended.stderr


def test_an_updated_snapshot_is_that_of_the_cluster_with_what_it_leaves_out(tmp_path: Path) -> None:
    lock = tmp_path / "connections.lock"
    lock.write_text("# ringfence snapshot 1, without pods that do not exist yet\n")
    assert run("--snapshot", lock).exit_code == 1
    assert run("--snapshot", lock, "--update").exit_code == 0
    assert run("--snapshot", lock).exit_code == 0
    assert "\npossible " not in lock.read_text()


def test_a_broken_snapshot_is_an_error_unless_it_is_written_anew(tmp_path: Path) -> None:
    lock = tmp_path / "connections.lock"
    run("--snapshot", lock, "--update")
    whole = lock.read_text()
    lock.write_text(f"{whole}<<<<<<< HEAD\n")
    ended = run("--snapshot", lock)
    assert ended.exit_code == 2
    assert f"{lock}:{whole.count(chr(10)) + 1}: a merge conflict" in ended.stderr
    lock.write_bytes(b"\xff\xfe")
    assert run("--snapshot", lock).exit_code == 2
    assert run("--snapshot", lock, "--update").exit_code == 0
    assert lock.read_text() == whole


def test_tests_and_a_snapshot_are_checked_in_one_call(tests: Path, tmp_path: Path) -> None:
    lock = tmp_path / "connections.lock"
    assert run(tests, "--snapshot", lock, "--update").exit_code == 0
    ended = run(tests, "--snapshot", lock)
    assert ended.exit_code == 0
    assert "2 tests: 2 passed" in ended.stdout
    assert f"{lock}: nothing changed" in ended.stdout
    tests.write_text(TESTS.replace("expect: deny", "expect: allow"))
    assert run(tests, "--snapshot", lock).exit_code == 1
