"""`isolation`: which policies isolate each workload."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
TOTALS = "4 workloads: 1 isolated for ingress, 1 for egress, 3 in neither direction\n"
IDLE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: typo, namespace: prod}
spec: {podSelector: {matchLabels: {role: bd}}}
"""


def run(*words: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, [*words, "-f", str(path)])


def test_every_workload_is_listed_with_the_totals() -> None:
    result = run("isolation")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "WORKLOAD      INGRESS          EGRESS\n"
        "prod/api      not isolated     not isolated\n"
        "prod/db       prod/db-policy   prod/db-policy\n"
        "prod/web      not isolated     not isolated\n"
        "staging/api   not isolated     not isolated\n"
        f"\n{TOTALS}"
    )


def test_open_lists_only_what_is_not_isolated_in_some_direction() -> None:
    result = run("isolation", "--open", "-o", "csv")
    assert (result.exit_code, result.stderr) == (0, TOTALS)
    assert [line.partition(",")[0] for line in result.stdout.splitlines()] == [
        "workload",
        "prod/api",
        "prod/web",
        "staging/api",
    ]


def test_one_endpoint() -> None:
    assert run("isolation", "prod/db").stdout == (
        "WORKLOAD   INGRESS          EGRESS\nprod/db    prod/db-policy   prod/db-policy\n"
    )


def test_a_namespace() -> None:
    assert run("isolation", "-n", "staging").stdout.splitlines()[-1].startswith("1 workload: 0 isolated")
    assert json.loads(run("isolation", "-n", "staging", "-o", "json").stdout)["totals"]["neither"] == 1


def test_policies_that_select_no_pod_are_listed_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "typo.yaml"
    file.write_text(IDLE)
    result = run("isolation", path=file)
    assert result.stdout == (
        "0 workloads: 0 isolated for ingress, 0 for egress, 0 in neither direction\n"
        f"prod/typo selects no pod ({file}:1)\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("isolation -n prdo", "error: there is no namespace prdo; did you mean prod?\n"),
        ("isolation internet", "error: internet is outside the cluster: only pods can be isolated\n"),
    ],
)
def test_an_unusable_question_is_an_error(words: str, message: str) -> None:
    result = run(*words.split())
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)
