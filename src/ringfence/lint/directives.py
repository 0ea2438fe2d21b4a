"""Suppressions in manifests: findings of some rules do not count, with a reason and an optional last day.

A comment applies to findings that begin on its line or on the line below. An annotation of a policy applies to all
findings in it; one of a workload or pod applies to findings about it. A comment lists rules, an annotation has one rule
in its key:

    # ringfence: ignore[RF113] the other end is in the next release, until 2026-12-31
    metadata: {annotations: {ringfence.dev/ignore-RF113: "the other end is in the next release"}}

A text that begins like one of these and is not valid is a finding itself (RF003), so that a misspelt suppression is not
ignored silently.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import msgspec
from yaml import YAMLError, scan
from yaml.tokens import ScalarToken

from ringfence.lint.yaml_loader import Loader
from ringfence.model.origin import Origin, Place, Range
from ringfence.model.suppressions import SUPPRESSION

MARK: Final = "ringfence:"

_DOCUMENT: Final = re.compile(r"^(?=---(?:\s|$))", re.MULTILINE)
_COMMENT: Final = re.compile(r"(?:(?<=\s)|^)#\s*ringfence:\s*(.*)")
_DIRECTIVE: Final = re.compile(r"ignore\[([^\[\]]*)\]\s*(.*)")
_UNTIL: Final = re.compile(r"\buntil\s+(\S*?\d)\)?(?=[\s,;.)]|$)\s*")
_BEFORE_UNTIL: Final = ",;("
"""Characters, besides blanks, that are removed before `until`.

The expression above must not begin with them: a long run of them would make the search quadratic.
"""
_USAGE: Final = "write `# ringfence: ignore[RF113] reason`, with `until 2026-12-31` if it is to expire"


class Directive(msgspec.Struct, frozen=True):
    """One suppression at `place`.

    A comment applies to the line `target` of its file, an annotation to its object. `mistake` says why it is not valid.
    """

    place: Place
    rules: tuple[str, ...] = ()
    reason: str = ""
    until: date | None = None
    target: int = 0
    object: str = ""
    mistake: str = ""

    def has_expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.until is not None and self.until < today


def comment_directives(file: str, text: str) -> Iterator[Directive]:
    """The directives in the comments of a file. Text inside scalars is not a comment."""
    # Most files have no suppression, and scanning YAML for comments is the slow part.
    if MARK not in text:
        return
    lines = text.split("\n")
    targets = _targets(lines)
    first = 0
    # Each document is scanned alone, so that a YAML error in one does not hide the comments of the next.
    for document in _DOCUMENT.split(text):
        if MARK in document:
            for number, column, written in _comments(document):
                line = lines[first + number].rstrip()
                place = Place.of(file, Range(first + number + 1, column + 1, first + number + 1, len(line) + 1))
                # A comment on a line of its own applies to the next line that is not a comment.
                target = first + number if line[:column].strip() else targets[first + number]
                yield _comment(Directive(place, target=target + 1), written)
        first += document.count("\n")


def _targets(lines: list[str]) -> list[int]:
    """For each line, itself or the next one that is neither empty nor only a comment; lines count from 0."""
    targets = [len(lines)] * len(lines)
    # From the end, because each line needs the target of the line below it.
    for number in reversed(range(len(lines))):
        is_content = lines[number].lstrip()[:1] not in ("", "#")
        targets[number] = number if is_content else targets[min(number + 1, len(lines) - 1)]
    return targets


def annotation_directives(name: str, annotations: Mapping[str, str], origin: Origin | None) -> Iterator[Directive]:
    """The directives in the annotations of an object."""
    for key, value in annotations.items():
        if key.startswith(SUPPRESSION):
            path = f"metadata.annotations.{key}"
            place = origin.at(path) if origin else Place("")
            yield _read(Directive(place, object=name), key.removeprefix(SUPPRESSION), value)


def _comments(document: str) -> Iterator[tuple[int, int, str]]:
    """The comments of a document for ringfence: line and column, both from 0, and the text after the mark."""
    inside = _texts(document)
    starts = [start for start, _ in inside]
    start = 0
    for number, line in enumerate(document.split("\n")):
        if MARK in line:
            for found in _COMMENT.finditer(line):
                before = bisect_right(starts, start + found.start())
                # A block scalar may contain a line that looks like a comment, such as a script in a ConfigMap.
                if not before or inside[before - 1][1] <= start + found.start():
                    yield number, found.start(), found[1].rstrip()
                    break
        start += len(line) + 1


def _texts(document: str) -> list[tuple[int, int]]:
    """The start and end of each scalar of a document; everything after a YAML error counts as one scalar."""
    found: list[tuple[int, int]] = []
    end = 0
    try:
        for token in scan(document, Loader=Loader):
            end = token.end_mark.index
            if isinstance(token, ScalarToken):
                found.append((token.start_mark.index, end))
    except YAMLError:
        found.append((end, len(document)))
    return found


def _comment(directive: Directive, written: str) -> Directive:
    """A directive completed from the text of a comment after the mark."""
    match = _DIRECTIVE.fullmatch(written)
    if match is None:
        return msgspec.structs.replace(directive, mistake=f"this is not a suppression: {_USAGE}")
    return _read(directive, match[1], match[2])


def _read(directive: Directive, rules: str, text: str) -> Directive:
    """A directive completed with its rules, reason and last day."""
    words = tuple(word.strip() for word in rules.split(",") if word.strip())
    until, reason = None, text.strip()
    if found := _UNTIL.search(reason):
        try:
            until = date.fromisoformat(found[1])
        except ValueError:
            return msgspec.structs.replace(
                directive, rules=words, mistake=f"{found[1]} is not a day: write `until 2026-12-31`"
            )
        # What is before `until` is removed here and not in the expression, where it could take quadratic time.
        end = found.start()
        while end and (reason[end - 1].isspace() or reason[end - 1] in _BEFORE_UNTIL):
            end -= 1
        reason = f"{reason[:end]} {reason[found.end() :]}".strip()
    mistake = ""
    if not words:
        mistake = f"the suppression names no rule: {_USAGE}"
    elif not reason:
        mistake = "the suppression has no reason, so nobody can tell whether it is still valid: add a reason"
    return msgspec.structs.replace(directive, rules=words, reason=reason, until=until, mistake=mistake)
