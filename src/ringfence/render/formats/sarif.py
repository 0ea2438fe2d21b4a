"""SARIF 2.1.0: results of static analysis, as code scanning services and editors read them.

GitHub shows a result at the first of its locations, takes a URI to be relative to the root of the repository, and knows
a result of an earlier run by its fingerprint. It keeps 5,000 results of a run, and refuses files of more than 10 MB
after compression, so the text has no line breaks.

Sources: OASIS, "Static Analysis Results Interchange Format Version 2.1.0 Plus Errata 01"; GitHub, "SARIF support for
code scanning".
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from ringfence.model.origin import Range
from ringfence.model.text_edits import TextEdit
from ringfence.render.formats.json import Json, json_line

MOST_RESULTS: Final = 5_000
"""Results that GitHub keeps of a run."""

_LONGEST_DESCRIPTION: Final = 1_024
"""Characters of `shortDescription.text` that GitHub keeps (its documentation, "SARIF support for code scanning")."""
_ROOT: Final = "%SRCROOT%"


class SarifRule(msgspec.Struct, frozen=True):
    """A rule: `help` is Markdown, `level` is `error`, `warning` or `note`, `precision` says how rarely it is wrong.

    `security_severity` is a number from 0.0 to 10.0.
    """

    identifier: str
    name: str
    summary: str
    help: str
    level: str
    precision: str
    security_severity: str
    uri: str = ""
    tags: tuple[str, ...] = ()


class SarifLocation(msgspec.Struct, frozen=True):
    """Where something is: in a file, relative to the root of the repository, and in an object such as a policy.

    Either may be empty. Without a range, `line` is the line in the file, or 0 for the file as a whole.
    """

    file: str = ""
    range: Range | None = None
    line: int = 0
    object: str = ""
    text: str = ""


class SarifSuppression(msgspec.Struct, frozen=True):
    """Why a result does not count: `kind` is `inSource` or `external`."""

    kind: str
    justification: str


class SarifResult(msgspec.Struct, frozen=True):
    """A result of a rule. `fingerprint` is the same in the next run; `fix` corrects the file of the location."""

    rule: str
    level: str
    message: str
    location: SarifLocation
    fingerprint: str
    related: tuple[SarifLocation, ...] = ()
    suppression: SarifSuppression | None = None
    fix: TextEdit | None = None
    fix_text: str = ""


class SarifTool(msgspec.Struct, frozen=True):
    """The tool that made the results, and the category that distinguishes its runs."""

    name: str
    version: str
    uri: str
    category: str


def sarif_text(
    tool: SarifTool, rules: Sequence[SarifRule], results: Iterable[SarifResult], notifications: Iterable[str] = ()
) -> str:
    """A log with one run. `notifications` are remarks about the run as a whole."""
    index = {rule.identifier: number for number, rule in enumerate(rules)}
    run: Json = {
        "tool": {
            "driver": {
                "name": tool.name,
                "semanticVersion": tool.version,
                "informationUri": tool.uri,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "automationDetails": {"id": f"{tool.name}/{tool.category}/"},
        # Python counts code points. Without this, viewers count UTF-16 units, and mark wrong columns behind an emoji.
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [{"level": "note", "message": _text(one)} for one in notifications],
            }
        ],
        "results": [_result(one, index[one.rule]) for one in results],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json_line({"$schema": schema, "version": "2.1.0", "runs": [run]}) + "\n"


def _rule(rule: SarifRule) -> Json:
    summary = rule.summary[:_LONGEST_DESCRIPTION]
    written: Json = {
        "id": rule.identifier,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": _text(summary),
        "fullDescription": _text(summary),
        "help": {"text": rule.help, "markdown": rule.help},
        "defaultConfiguration": {"level": rule.level},
        "properties": {
            "precision": rule.precision,
            "problem.severity": "recommendation" if rule.level == "note" else rule.level,
            "security-severity": rule.security_severity,
            "tags": list(rule.tags),
        },
    }
    if rule.uri:
        written["helpUri"] = rule.uri
    return written


def _result(one: SarifResult, index: int) -> Json:
    written: Json = {
        "ruleId": one.rule,
        "ruleIndex": index,
        "level": one.level,
        "message": _message(one),
        "locations": [_location(one.location)],
        # GitHub reads the second name only. Without it, GitHub would compute one from the text of the line.
        "partialFingerprints": {"ringfence/v1": one.fingerprint, "primaryLocationLineHash": one.fingerprint},
    }
    if one.related:
        written["relatedLocations"] = [{"id": number, **_location(at)} for number, at in enumerate(one.related, 1)]
    if one.suppression:
        told = one.suppression
        written["suppressions"] = [{"kind": told.kind, "status": "accepted", "justification": told.justification}]
    if one.fix and one.location.file:
        replacement = {"deletedRegion": _region(one.fix.range), "insertedContent": {"text": one.fix.new_text}}
        change = {"artifactLocation": _artifact(one.location.file), "replacements": [replacement]}
        written["fixes"] = [{"description": _text(one.fix_text), "artifactChanges": [change]}]
    return written


def _message(one: SarifResult) -> Json:
    """The message with links to the related locations. Names from manifests are escaped, so none becomes a link."""
    links = (f"[{at.text}]({number})" for number, at in enumerate(one.related, 1) if at.text)
    return _text(" ".join([one.message.replace("](", "] ("), *links]))


def _location(at: SarifLocation) -> Json:
    written: Json = {}
    if at.file:
        physical: Json = {"artifactLocation": _artifact(at.file)}
        if at.range or at.line:
            physical["region"] = _region(at.range) if at.range else {"startLine": at.line}
        written["physicalLocation"] = physical
    if at.object:
        kind, _, name = at.object.partition(" ")
        full_name = f"{name.rpartition('/')[0]}/{kind}/{name.rpartition('/')[2]}".lstrip("/")
        written["logicalLocations"] = [{"fullyQualifiedName": full_name, "kind": "resource"}]
    if at.text:
        written["message"] = _text(at.text)
    return written


def _artifact(file: str) -> Json:
    # Bytes of a file name that are not UTF-8 are escaped as the bytes that they are.
    return {"uri": quote(file, safe="/", errors="surrogateescape"), "uriBaseId": _ROOT}


def _region(part: Range) -> Json:
    return {
        "startLine": part.line,
        "startColumn": part.column,
        "endLine": part.end_line,
        "endColumn": part.end_column,
    }


def _text(text: str) -> Json:
    return {"text": text}
