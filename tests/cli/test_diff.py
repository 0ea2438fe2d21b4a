"""`diff`: the summary, the rows, and the exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.analysis.differences.clusters import CILIUM, DB, WORKLOADS, written
from tests.render.json_shapes import fits, schema, strict

from ringfence.cli import cli

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
RENAMED = DB.replace("name: db,", "name: renamed,")


def run(*words: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["diff", *map(str, words)], input=stdin)


def two(folder: Path, before: str, after: str) -> tuple[Path, Path]:
    return written(folder, "a.yaml", WORKLOADS, before), written(folder, "b.yaml", WORKLOADS, after)


@pytest.mark.parametrize(
    ("before", "after", "options", "exit_code"),
    [
        pytest.param(DB, DB, "", 0, id="nothing changed"),
        pytest.param(DB, RENAMED, "", 0, id="only the text changed"),
        pytest.param(DB, OPENED, "", 1, id="something was opened"),
        pytest.param(DB, OPENED, "--fail-on closed", 0, id="nothing was closed"),
        pytest.param(DB, OPENED, "--fail-on closed --fail-on opened", 1, id="one of several was"),
        pytest.param(DB, OPENED, "--fail-on exposure", 1, id="the exposure changed"),
        pytest.param(DB, OPENED, "--fail-on none", 0, id="nothing counts"),
        pytest.param(OPENED, DB, "--fail-on opened", 0, id="something was closed"),
        pytest.param(DB, f"{DB}---\n{CILIUM}", "--no-assumptions", 3, id="a policy is not read"),
        pytest.param(DB, DB.replace("3306", "99999"), "", 2, id="an error in a policy"),
        pytest.param(DB, DB.replace("3306", "99999"), "--ignore-errors", 1, id="an error that does not count"),
    ],
)
def test_exit_code(tmp_path: Path, before: str, after: str, options: str, exit_code: int) -> None:
    assert run(*two(tmp_path, before, after), *options.split()).exit_code == exit_code


def test_text_says_what_was_opened_and_by_which_rule(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED)
    lines = run(a, b).stdout.replace(f"{tmp_path}/", "").splitlines()
    line = WORKLOADS.count("\n") + 1 + 8
    assert lines[:5] == [
        "a.yaml -> b.yaml: 1 opened, 0 closed, exposure changed; policies: 1 changed; the same 3 workloads compared",
        "",
        "opened",
        "  + tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306",
        f"      ingress rule 1 of prod/db now allows it (b.yaml:{line})",
    ]


def test_text_that_means_the_same_is_said_to_be_proved(tmp_path: Path) -> None:
    last = run(*two(tmp_path, DB, RENAMED)).stdout.splitlines()[-1]
    assert last == "Only the text changed: the policies mean the same in every cluster that could be."


def test_a_policy_that_is_not_read_never_leads_to_nothing_changed(tmp_path: Path) -> None:
    result = run(*two(tmp_path, f"{DB}---\n{CILIUM}", DB))
    assert "removed but not read: CiliumNetworkPolicy.cilium.io prod/guard" in result.stdout
    assert "What the policies that are not read change is not known." in result.stdout


@pytest.mark.parametrize("after", [DB, OPENED, RENAMED, f"{DB}---\n{CILIUM}", OPENED.replace("Ingress", "Egress")])
def test_json_has_the_shape_and_says_the_same_again(tmp_path: Path, after: str) -> None:
    a, b = two(tmp_path, DB, after)
    printed = run(a, b, "-o", "json").stdout
    assert fits(json.loads(printed), strict(schema("diff")))
    assert run(a, b, "-o", "json").stdout == printed


def test_the_order_of_documents_does_not_change_a_byte(tmp_path: Path) -> None:
    a, b = two(tmp_path, DB, OPENED.replace("Ingress", "Egress"))
    first = run(a, b, "--fail-on", "none").stdout
    b.write_text("---\n".join([*b.read_text().split("---\n")[-2::-1], b.read_text().split("---\n")[-1]]))
    assert run(a, b, "--fail-on", "none").stdout == first


def test_one_of_the_two_may_be_standard_input(tmp_path: Path) -> None:
    _, b = two(tmp_path, DB, DB)
    assert run("-", b, stdin=b.read_text()).exit_code == 0
