"""Annotations of GitHub, code quality of GitLab, and JUnit: the same findings, as each service reads them."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.render.lint_findings.findings import FOLDER, finding, findings_of_every_rule

from ringfence.lint import FindingLevel, LintFindings
from ringfence.model.origin import Place
from ringfence.render.lint_findings import findings_annotations, findings_code_quality, findings_junit


@pytest.fixture
def findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LintFindings:
    found = findings_of_every_rule(tmp_path)
    monkeypatch.chdir(tmp_path / FOLDER)
    return found


def test_gitlab_has_what_it_demands_of_each_finding(findings: LintFindings) -> None:
    entries = json.loads(findings_code_quality(findings))
    assert len(entries) == len(findings) == len({one["fingerprint"] for one in entries})
    for one in entries:
        assert one["description"]
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        # The input need not have the object of a namespace.
        assert one["location"]["path"].startswith((f"{FOLDER}/", "Namespace "))
        assert one["location"]["lines"]["begin"] > 0


def test_gitlab_shows_what_is_in_no_file_at_its_object() -> None:
    (entry,) = json.loads(findings_code_quality(LintFindings((finding(),))))
    assert entry["location"] == {"path": "NetworkPolicy shop/db", "lines": {"begin": 1}}
    assert entry["description"] == "NetworkPolicy shop/db: the policy selects no pod"


def test_gitlab_shows_the_remedy_and_the_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.touch()
    found = finding(object="", remedy="remove it", place=Place(str(file), 3, 5, 4, 9))
    (entry,) = json.loads(findings_code_quality(LintFindings((found,))))
    assert entry["description"] == "the policy selects no pod; remedy: remove it"
    assert entry["location"]["lines"] == {"begin": 3, "end": 4}


def test_gitlab_shows_what_is_about_a_whole_file_at_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.touch()
    (entry,) = json.loads(findings_code_quality(LintFindings((finding(place=Place(str(file))),))))
    assert entry["location"]["lines"] == {"begin": 1}


def test_gitlab_shows_the_file_of_a_rendered_object_without_lines(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.touch()
    found = finding(place=Place("templates/a.yaml", 3, 5, 4, 9, rendered_from=str(file)))
    (entry,) = json.loads(findings_code_quality(LintFindings((found,))))
    assert entry["location"]["lines"] == {"begin": 1}


def test_an_annotation_has_the_characters_of_a_line_and_only_the_lines_of_several(tmp_path: Path) -> None:
    file = tmp_path / "a,b.yaml"
    file.touch()
    on_one = finding(place=Place(str(file), 3, 5, 3, 9), remedy="100%")
    on_two = finding(place=Place(str(file), 3, 5, 4, 9), level=FindingLevel.NOTE)
    assert findings_annotations(LintFindings((on_one, on_two))).splitlines() == [
        "::warning file=a%2Cb.yaml,line=3,col=5,endColumn=8,title=RF101 selects-nothing::"
        "NetworkPolicy shop/db: the policy selects no pod%0Aremedy: 100%25",
        "::notice file=a%2Cb.yaml,line=3,endLine=4,title=RF101 selects-nothing::"
        "NetworkPolicy shop/db: the policy selects no pod",
    ]


def test_junit_fails_for_what_counts_skips_what_is_suppressed_and_passes_the_rest(findings: LintFindings) -> None:
    root = ElementTree.fromstring(findings_junit(findings, FindingLevel.ERROR))
    errors = sum(one.level is FindingLevel.ERROR for one in findings.found)
    assert len(root.findall(".//failure")) == errors > 0
    assert len(root.findall(".//skipped")) == 1
    cases = [(one.get("classname"), one.get("name")) for one in root.iter("testcase")]
    assert len(cases) == len(set(cases)) == len(findings) + 1
    paths = {one["location"]["path"] for one in json.loads(findings_code_quality(findings))}
    files = {path for path in paths if path.startswith(FOLDER)}
    assert files
    assert files <= {file for file, _ in cases}, "each file is a suite"


def test_junit_without_findings_is_a_case_that_passes() -> None:
    (case,) = ElementTree.fromstring(findings_junit(LintFindings(()), FindingLevel.NOTE)).iter("testcase")
    assert case.get("name") == "nothing found"
    assert not list(case)
