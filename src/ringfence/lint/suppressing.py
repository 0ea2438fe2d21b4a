"""Applies suppressions in comments and annotations, and finds mistakes in them.

A suppression that suppresses nothing would hide the next mistake, and an expired one must be reviewed: both are
findings. Only rules that were applied and could be decided are taken into account. An error of the input cannot be
suppressed, because the affected object is missing from the result.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from msgspec.structs import replace

from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.lint.directives import Directive, annotation_directives, comment_directives
from ringfence.lint.findings import (
    LintFinding,
    LintFindings,
    SuppressedFinding,
    SuppressionKind,
    name_of_reference,
    order_of,
)
from ringfence.lint.fingerprints import content, with_fingerprints
from ringfence.lint.rule import LintRule
from ringfence.lint.rules import EXPIRED_SUPPRESSION, INVALID_SUPPRESSION, RULES, UNUSED_SUPPRESSION
from ringfence.lint.texts import no_rule
from ringfence.model.kinds import object_name
from ringfence.model.metadata import NO_LABELS, Labels
from ringfence.model.origin import Origin
from ringfence.model.problems import ProblemCode
from ringfence.sources.manifests import FileContents

_CODES: Final = frozenset(map(str, ProblemCode))
_NAMES: Final = {word: rule.identifier for rule in RULES for word in (rule.name, rule.identifier)} | {
    code: code for code in _CODES
}
"""The words that name a rule or a problem in a directive, with the identifier."""


def directives_of(
    state: State, contents: FileContents | None, annotated: Iterable[tuple[Reference, Labels, Origin | None]] = ()
) -> list[Directive]:
    """The directives in the files that were read, in the annotations of policies, and in those of `annotated` objects.

    Without `contents`, the files of the policies are read again, as far as they exist.
    """
    policies = list(state.tiers.policies())
    found: list[Directive] = []
    if contents is None:
        contents = FileContents()
        for file in dict.fromkeys(one.origin.file for one in policies if one.origin and one.origin.fields):
            try:
                contents.read(file)
            except (OSError, ValueError):
                continue
    for file in contents.files():
        data = contents.data(file)
        # In UTF-16 every other byte is zero. Without these, the word is found without decoding each file.
        if data is not None and b"ringfence" in data.replace(b"\0", b"") and (text := contents.text(file)):
            found += comment_directives(file, text.text)
    for one in policies:
        annotations = one.policy.metadata.annotations or NO_LABELS
        found += annotation_directives(object_name(one.policy), annotations, one.origin)
    for reference, annotations, origin in annotated:
        found += annotation_directives(name_of_reference(reference), annotations, origin)
    return found


def without_suppressed(
    findings: LintFindings, directives: Iterable[Directive], rules: Sequence[LintRule], today: date
) -> LintFindings:
    """The findings without those that a directive suppresses; `rules` are the applied ones.

    Findings about the directives themselves are added, if their rules are among `rules`.
    """
    known = [_resolved(one) for one in directives]
    in_force = [one for one in known if not one.mistake and not one.has_expired(today)]
    by_line, by_object = _indexed(in_force)
    found: list[LintFinding] = []
    suppressed: list[SuppressedFinding] = []
    used: set[tuple[Directive, str]] = set()
    for one in findings.found:
        # Looked up and not searched: an input may have thousands of findings and of suppressions.
        lines = by_line.get((one.place.file, one.place.line), ())
        objects = (one.object, *(at.object for at in one.related), *one.pods)
        candidates = [*lines, *(directive for name in objects for directive in by_object.get(name, ()))]
        directive = next((candidate for candidate in candidates if one.rule in candidate.rules), None)
        if directive is None or one.is_input_error:
            found.append(one)
        else:
            # By rule: of a suppression of two rules, one may have become useless.
            used.add((directive, one.rule))
            suppressed.append(SuppressedFinding(one, SuppressionKind.IN_SOURCE, directive.reason))
    # A rule that was not applied or not decided may find something tomorrow: its suppression is not called unused.
    decided = {rule.identifier for rule in rules}.difference(*(one.rules for one in findings.skipped)) | _CODES
    about = _about_directives(known, in_force, used, decided, today)
    applied = {rule.identifier for rule in rules}
    added = with_fingerprints((one, content(one, None)) for one in about if one.rule in applied)
    every = tuple(sorted([*found, *added], key=order_of))
    return replace(findings, found=every, suppressed=(*findings.suppressed, *suppressed))


def _indexed(
    directives: Iterable[Directive],
) -> tuple[dict[tuple[str, int], list[Directive]], dict[str, list[Directive]]]:
    """The directives by file and line, and by object."""
    by_line: defaultdict[tuple[str, int], list[Directive]] = defaultdict(list)
    by_object: defaultdict[str, list[Directive]] = defaultdict(list)
    for one in directives:
        if one.object:
            by_object[one.object].append(one)
        else:
            by_line[one.place.file, one.target].append(one)
    return by_line, by_object


def _resolved(directive: Directive) -> Directive:
    """A directive with the identifiers of its rules; with a `mistake` if a word names no rule."""
    unknown = [word for word in directive.rules if word.lower() not in _NAMES and word.upper() not in _NAMES]
    if unknown and not directive.mistake:
        return replace(directive, mistake=no_rule(unknown[0], _NAMES))
    identifiers = tuple(_NAMES.get(word.upper()) or _NAMES.get(word.lower(), word) for word in directive.rules)
    return replace(directive, rules=identifiers)


def _about_directives(
    known: Iterable[Directive],
    in_force: Iterable[Directive],
    used: set[tuple[Directive, str]],
    decided: set[str] | frozenset[str],
    today: date,
) -> Iterator[LintFinding]:
    for one in known:
        if one.mistake:
            yield _finding(INVALID_SUPPRESSION, one, one.mistake, "correct it, or remove it")
        elif one.has_expired(today):
            message = f"the suppression expired on {one.until} and suppresses nothing any more: {one.reason}"
            remedy = "correct the mistake, or set a new last day with a reason"
            yield _finding(EXPIRED_SUPPRESSION, one, message, remedy)
    for one in in_force:
        idle = [rule for rule in one.rules if rule in decided and (one, rule) not in used]
        if idle:
            where = "in this object" if one.object else f"on line {one.target}"
            found = f"{', '.join(idle)} {'finds' if len(idle) == 1 else 'find'} nothing {where}"
            message = f"the suppression has no effect: {found}"
            remedy = "remove it" if len(idle) == len(one.rules) else f"remove {', '.join(idle)} from it"
            yield _finding(UNUSED_SUPPRESSION, one, message, remedy)


def _finding(rule: LintRule, directive: Directive, message: str, remedy: str) -> LintFinding:
    return LintFinding(rule.identifier, rule.name, rule.level, directive.place, directive.object, "", message, remedy)
