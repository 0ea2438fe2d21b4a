"""Known findings: those of a baseline file, and those of an earlier revision.

Known findings do not count, so that lint can be required while older mistakes remain. A baseline has an entry for each
finding on a separate line, sorted by text, so that a review shows which ones are added and removed:

    {"apiVersion": "ringfence/v1", "kind": "LintBaseline", "findings": {
      "0f5b3a7f0c6d8e1b9a2c4d5e6f708192": "RF101 NetworkPolicy shop/db: the policy selects no pod"
    }}

A baseline never contains errors of the input, because the affected objects are missing from the result.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ringfence.errors import InputError
from ringfence.lint.findings import (
    BaselineEntry,
    LintFinding,
    LintFindings,
    SuppressedFinding,
    SuppressionKind,
)
from ringfence.lint.rule import LintRule
from ringfence.sources.loading import LINT_BASELINE as KIND
from ringfence.sources.manifests import read_small_file

_API_VERSION: Final = "ringfence/v1"
_LARGEST: Final = 1 << 26
_REMEDY: Final = "name one that --write-baseline has written"


def baseline_text(findings: LintFindings) -> str:
    """The baseline of all findings but those that are suppressed in manifests."""
    known = [one.finding for one in findings.suppressed if one.kind is SuppressionKind.EXTERNAL]
    # Findings that an older baseline suppressed stay in, so that writing it again forgets nothing.
    entries = sorted((_text(one), one.fingerprint) for one in (*findings.found, *known) if not one.is_input_error)
    encode = msgspec.json.encode
    # Written by hand, because no JSON encoder puts the outer parts on one line and each entry on its own.
    lines = ",\n".join(f"  {encode(key).decode()}: {encode(text).decode()}" for text, key in entries)
    start = f'{{"apiVersion": "{_API_VERSION}", "kind": "{KIND}", "findings": {{'
    return f"{start}\n{lines}\n}}}}\n" if lines else f"{start}}}}}\n"


def read_baseline(path: str) -> dict[str, str]:
    """The texts of a baseline, by fingerprint. Raises InputError for a file that is not a baseline."""
    data = read_small_file(path, _LARGEST, "baseline", remedy="--write-baseline writes one")
    try:
        document: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: this is not a baseline: {error}: {_REMEDY}") from None
    is_ours = isinstance(document, dict) and document.get("apiVersion") == _API_VERSION and document.get("kind") == KIND
    if not is_ours:
        raise InputError(f"{path}: there is no apiVersion {_API_VERSION} and kind {KIND}: {_REMEDY}")
    try:
        return msgspec.convert(document.get("findings"), dict[str, str])
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: findings: {error}: {_REMEDY}") from None


def without_baseline(
    findings: LintFindings, baseline: Mapping[str, str], name: str, rules: Iterable[LintRule]
) -> LintFindings:
    """The findings without those of a baseline, and the entries that have been corrected.

    Only an entry of a rule that was applied and could be decided is known to be corrected.
    """
    left = _without(findings, baseline.keys(), f"in the baseline {name}")
    there = {one.fingerprint for one in findings.found} | {one.finding.fingerprint for one in findings.suppressed}
    undecided = {rule for one in findings.skipped for rule in one.rules}
    decided = {rule.identifier for rule in rules} - undecided
    corrected = [
        BaselineEntry(key, text)
        for key, text in baseline.items()
        # Codes without "RF" are problems of the input, which are found in every run.
        if key not in there and (not text.startswith("RF") or text.partition(" ")[0] in decided)
    ]
    return replace(left, corrected=tuple(sorted(corrected, key=lambda one: (one.text, one.fingerprint))))


def without_earlier(findings: LintFindings, earlier: LintFindings, name: str) -> LintFindings:
    """The findings without those of an earlier state; `name` is the name of that state in texts."""
    known = {one.fingerprint for one in earlier.found} | {one.finding.fingerprint for one in earlier.suppressed}
    return _without(findings, known, f"there before, in {name}")


def _without(findings: LintFindings, known: Iterable[str], reason: str) -> LintFindings:
    prints = frozenset(known)
    # An error of the input always counts, even if a baseline has it: what it is about is missing from the answer.
    is_known = {one: one.fingerprint in prints and not one.is_input_error for one in findings.found}
    suppressed = (SuppressedFinding(one, SuppressionKind.EXTERNAL, reason) for one, known in is_known.items() if known)
    return replace(
        findings,
        found=tuple(one for one, known in is_known.items() if not known),
        suppressed=(*findings.suppressed, *suppressed),
    )


def _text(one: LintFinding) -> str:
    subject = f"{one.object}: " if one.object else ""
    return f"{one.rule} {subject}{one.message}"
