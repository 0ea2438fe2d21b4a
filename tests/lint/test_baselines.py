"""Baselines: earlier findings do not count, corrected ones are named, and a file that is not a baseline is an error."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.render.lint_findings.findings import finding

from ringfence.errors import InputError
from ringfence.lint import (
    RULES,
    FindingLevel,
    LintFinding,
    LintFindings,
    SkippedRules,
    SuppressedFinding,
    SuppressionKind,
    baseline_text,
    read_baseline,
    without_baseline,
    without_earlier,
)

ONE = finding(fingerprint="1")
TWO = finding(rule="RF104", fingerprint="2", level=FindingLevel.ERROR)
BROKEN = finding(rule="RF138", fingerprint="3", is_input_error=True)


def known(tmp_path: Path, *findings: LintFinding) -> dict[str, str]:
    file = tmp_path / "baseline.json"
    file.write_text(baseline_text(LintFindings(findings)))
    return read_baseline(str(file))


def test_what_is_in_the_baseline_does_not_count(tmp_path: Path) -> None:
    left = without_baseline(LintFindings((ONE, TWO)), known(tmp_path, ONE), "b.json", RULES)
    assert left.found == (TWO,)
    assert left.suppressed == (SuppressedFinding(ONE, SuppressionKind.EXTERNAL, "in the baseline b.json"),)
    assert left.corrected == ()


def test_what_is_not_found_any_more_is_named_if_its_rule_was_decided(tmp_path: Path) -> None:
    baseline = known(tmp_path, ONE, TWO)
    corrected = without_baseline(LintFindings((TWO,)), baseline, "b.json", RULES).corrected
    assert [one.text for one in corrected] == ["RF101 NetworkPolicy shop/db: the policy selects no pod"]
    skipped = LintFindings((TWO,), (SkippedRules(("RF101",), "no pods"),))
    assert without_baseline(skipped, baseline, "b.json", RULES).corrected == ()
    assert without_baseline(LintFindings((TWO,)), baseline, "b.json", []).corrected == ()


def test_an_error_of_the_input_is_in_no_baseline_and_always_counts(tmp_path: Path) -> None:
    assert known(tmp_path, ONE, BROKEN).keys() == {"1"}
    assert without_baseline(LintFindings((BROKEN,)), {"3": "RF138"}, "b.json", RULES).found == (BROKEN,)


def test_a_baseline_is_sorted_and_has_one_finding_a_line() -> None:
    found = LintFindings((TWO, ONE), suppressed=(SuppressedFinding(BROKEN, SuppressionKind.IN_SOURCE, "known"),))
    text = baseline_text(found)
    assert [line.strip()[:9] for line in text.splitlines()[1:-1]] == ['"1": "RF1', '"2": "RF1']
    assert text == baseline_text(LintFindings((ONE, TWO)))


def test_a_baseline_that_is_written_anew_keeps_what_it_had(tmp_path: Path) -> None:
    left = without_baseline(LintFindings((ONE, TWO)), known(tmp_path, ONE), "b.json", RULES)
    assert baseline_text(left) == baseline_text(LintFindings((ONE, TWO)))
    assert read_baseline(str(tmp_path / "baseline.json")) == known(tmp_path, ONE)
    assert known(tmp_path) == {}


def test_only_what_was_not_there_before_counts() -> None:
    moved = replace(ONE, path="spec.ingress[7]")
    left = without_earlier(LintFindings((moved, TWO)), LintFindings((ONE,)), "main")
    assert left.found == (TWO,)
    assert left.suppressed[0].reason == "there before, in main"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the baseline cannot be read: No such file or directory; --write-baseline writes one"),
        (b"", "this is not a baseline: "),
        (b"\xff", "this is not a baseline: "),
        (b"[" * 100_000, "this is not a baseline: "),
        (b"{}", "there is no apiVersion ringfence/v1 and kind LintBaseline"),
        (b'{"apiVersion": "ringfence/v1", "kind": "LintBaseline"}', "findings: Expected `object`, got `null`"),
        (b'{"apiVersion": "ringfence/v1", "kind": "LintBaseline", "findings": {"a": 1}}', "findings: Expected `str`"),
    ],
)
def test_a_file_that_is_no_baseline_is_an_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_baseline(str(file))
    assert str(raised.value).startswith(f"{file}: {message}")
