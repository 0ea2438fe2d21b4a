"""Annotations of a change: each at the rule that is its cause."""

from pathlib import Path

import pytest
from tests.analysis.differences.clusters import CILIUM, DB, WORKLOADS, compared

from ringfence.model.compared_problems import ComparedProblem
from ringfence.model.origin import Place
from ringfence.model.problems import Problem
from ringfence.render.differences import difference_annotations

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
RULE = WORKLOADS.count("\n") + 1 + 8


def test_what_was_opened_is_an_error_at_the_rule_that_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (".git", "elsewhere"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, OPENED))
    assert difference_annotations(found, "A", "B").splitlines()[0] == (
        f"::error file=b.yaml,line={RULE},title=opened::"
        "tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306%0A"
        f"ingress rule 1 of prod/db now allows it ({tmp_path}/b.yaml:{RULE})"
    )


def test_what_was_closed_has_its_cause_in_a_file_that_is_gone(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, OPENED), (WORKLOADS, DB))
    line = next(one for one in difference_annotations(found, "A", "B").splitlines() if "title=closed" in one)
    assert line.startswith("::warning title=closed::tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306%0A")


def test_the_summary_is_a_notice_also_where_nothing_changed(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB))
    assert difference_annotations(found, "A", "B") == (
        "::notice title=Who may talk to whom::A -> B: no connection changed; the same 3 workloads compared"
        "%0ANothing changed: the policies are the same.\n"
    )


def test_an_error_in_the_input_is_an_error_at_its_place_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (".git", "k8s"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "k8s")
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB, CILIUM))
    problem = Problem(Place("HEAD:db.yaml", 3), "any", "50% of it")
    first, second, _ = difference_annotations(found, "main", "HEAD", [ComparedProblem(problem)]).splitlines()
    assert first == (
        "::error file=k8s/db.yaml,line=3,title=not compared because of an error::HEAD:db.yaml:3: error: 50%25 of it"
    )
    assert second.startswith("::warning file=")
    assert "added but not read" in second
