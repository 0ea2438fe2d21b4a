"""`equivalent` and `allows-at-most`: two sets of policies compared for every possible cluster."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.analysis.possible import comparison
from ringfence.cli import cli

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BEFORE, AFTER, ONE_DASH = (str(EXAMPLES / f"web-{name}.yaml") for name in ("before", "after", "one-dash"))
CALICO = """\
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: guard}
spec: {selector: all(), types: [Ingress]}
"""


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, words, input=stdin)


@pytest.mark.parametrize(
    ("command", "exit_code", "first_line"),
    [
        ("equivalent BEFORE AFTER", 0, "equivalent: BEFORE and AFTER allow the same connections in every cluster"),
        ("equivalent BEFORE ONE_DASH", 1, "not equivalent: ONE_DASH allows what BEFORE denies"),
        ("equivalent ONE_DASH BEFORE", 1, "not equivalent: ONE_DASH allows what BEFORE denies"),
        ("allows-at-most BEFORE ONE_DASH", 0, "yes: BEFORE allows at most what ONE_DASH allows, in every cluster"),
        ("allows-at-most ONE_DASH BEFORE", 1, "no: ONE_DASH allows what BEFORE denies"),
    ],
)
def test_the_outcome_is_the_first_line_and_the_exit_code(command: str, exit_code: int, first_line: str) -> None:
    paths = {"BEFORE": BEFORE, "AFTER": AFTER, "ONE_DASH": ONE_DASH}

    def filled(text: str) -> list[str]:
        return [paths.get(word, word) for word in text.split()]

    result = run(*filled(command))
    assert (result.exit_code, result.stderr) == (exit_code, "")
    assert result.stdout.splitlines()[0].split() == filled(first_line)


def test_one_of_the_two_may_be_standard_input() -> None:
    result = run("equivalent", "-", AFTER, stdin=Path(BEFORE).read_text())
    assert result.exit_code == 0
    assert result.stdout == f"equivalent: standard input and {AFTER} allow the same connections in every cluster\n"


def test_policies_that_are_not_read_make_the_outcome_unknown(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(f"{Path(AFTER).read_text()}---\n{CALICO}")
    result = run("equivalent", BEFORE, str(tmp_path))
    assert result.exit_code == 3
    assert result.stdout.splitlines()[0] == f"unknown: whether {BEFORE} is equivalent to {tmp_path}"
    assert "GlobalNetworkPolicy.projectcalico.org guard" in result.stdout


def test_a_difference_of_the_policies_that_are_read_is_shown_though_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(f"{Path(ONE_DASH).read_text()}---\n{CALICO}")
    result = run("allows-at-most", str(tmp_path), BEFORE)
    assert result.exit_code == 3
    assert result.stdout.splitlines()[0] == (
        f"unknown: whether {tmp_path} allows at most what {BEFORE} allows; the policies that are read differ"
    )
    assert f"{BEFORE} says no: somewhere/source -> shop/destination on TCP 8080" in result.stdout


def test_an_error_in_one_of_the_two_makes_it_unusable(tmp_path: Path) -> None:
    broken = Path(BEFORE).read_text().replace("8443", "84430")
    (tmp_path / "broken.yaml").write_text(broken)
    assert run("equivalent", BEFORE, str(tmp_path)).exit_code == 2
    assert run("equivalent", BEFORE, str(tmp_path), "--ignore-errors").exit_code == 1


@pytest.mark.parametrize("command", ["equivalent", "allows-at-most"])
def test_what_would_take_too_long_is_undecided_and_says_where(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "STEPS", 30)
    rules = "".join(
        "  - from: [{podSelector: {matchExpressions: ["
        + ", ".join(f"{{key: k{number * step % 31}, operator: NotIn, values: [v{number}]}}" for step in (1, 3, 7))
        + "]}}]\n"
        for number in range(40)
    )
    head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: prod}\n"
    many, one = tmp_path / "many.yaml", tmp_path / "one.yaml"
    many.write_text(f"{head}spec:\n  podSelector: {{}}\n  ingress:\n{rules}")
    one.write_text(f"{head}spec:\n  podSelector: {{}}\n  ingress: [{{}}]\n")
    result = run(command, str(one), str(many))
    assert (result.exit_code, result.stderr) == (3, "")
    claim = "is equivalent to {}" if command == "equivalent" else "allows at most what {} allows"
    assert result.stdout.splitlines()[0] == f"unknown: whether {one} {claim.format(many)}"
    assert re.search(r"undecided at prod/p spec\.ingress\[\d+\] \(.*/(one|many)\.yaml:\d+\): ", result.stdout)
    printed = json.loads(run(command, str(one), str(many), "-o", "json").stdout)
    assert (printed["outcome"], printed["counterexample"]) == ("unknown", None)
    assert printed["unknown"][0].startswith("undecided at prod/p spec.ingress[")


def test_a_problem_that_both_have_is_printed_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "broken.yaml").write_text(Path(BEFORE).read_text().replace("8443", "84430"))
    (tmp_path / "b" / "more.yaml").write_text("a: [\n")
    result = run("equivalent", str(tmp_path / "a"), str(tmp_path / "b"))
    assert (result.exit_code, result.stderr.count("84430")) == (2, 1)
    assert result.stderr.count(f"  only in {tmp_path / 'b'}\n") == 1
    problems = json.loads(run("equivalent", str(tmp_path / "a"), str(tmp_path / "b"), "-o", "json").stdout)["problems"]
    assert [one.get("side") for one in problems] == [None, "after"]


def test_json_has_the_labels_of_the_counterexample() -> None:
    found = json.loads(run("equivalent", BEFORE, ONE_DASH, "-o", "json").stdout)
    assert found["outcome"] == "fails"
    example = found["counterexample"]
    assert example["source"]["namespaceLabels"] == {"team": "shop", "kubernetes.io/metadata.name": "somewhere"}
    assert example["destination"]["labels"] == {"app": "web"}
    assert (example["allowedBy"], example["protocol"], example["port"]) == ("second", "TCP", 8080)
