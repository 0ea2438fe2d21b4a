"""Where it is written in manifests that findings of some rules do not count, why, and for how long.

As a comment, on the line that a finding begins on or above it; as an annotation of a policy, for all that is found
there, or of a workload or pod, for what is found about it. A comment says which rules, an annotation has one in its
key:

    # ringfence: ignore[RF113] the other end is in the next release, until 2026-12-31
    metadata: {annotations: {ringfence.dev/ignore-RF113: "the other end is in the next release"}}

Everything that begins like one of these and is not one is a finding itself (RF003), so that no mistake in it is taken
for a suppression, or for its absence.
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
_UNTIL: Final = re.compile(r"[\s,;(]*\buntil\s+(\S*?\d)\)?(?=[\s,;.)]|$)\s*")
_USAGE: Final = "write `# ringfence: ignore[RF113] reason`, with `until 2026-12-31` if it is to expire"


class Directive(msgspec.Struct, frozen=True):
    """That findings of some rules do not count, at `place`.

    A comment counts for the line `target` of its file, an annotation for its object. `mistake` says why it is none.
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
    """The directives in the comments of a file. What stands inside texts is no comment."""
    if MARK not in text:
        return
    lines = text.split("\n")
    before = 0
    for document in _DOCUMENT.split(text):
        if MARK in document:
            first = text.count("\n", 0, before)
            for number, column, written in _comments(document):
                yield _comment(file, lines, first + number, column, written)
        before += len(document)


def annotation_directives(name: str, annotations: Mapping[str, str], origin: Origin | None) -> Iterator[Directive]:
    """The directives in the annotations of an object."""
    for key, value in annotations.items():
        if key.startswith(SUPPRESSION):
            path = f"metadata.annotations.{key}"
            place = origin.at(path) if origin else Place("")
            yield _read(Directive(place, object=name), key.removeprefix(SUPPRESSION), value)


def _comments(document: str) -> Iterator[tuple[int, int, str]]:
    """The comments of a document that are for ringfence: line and column, both from 0, and what they say."""
    inside = _texts(document)
    starts = [start for start, _ in inside]
    start = 0
    for number, line in enumerate(document.split("\n")):
        if MARK in line:
            for found in _COMMENT.finditer(line):
                before = bisect_right(starts, start + found.start())
                if not before or inside[before - 1][1] <= start + found.start():
                    yield number, found.start(), found[1].rstrip()
                    break
        start += len(line) + 1


def _texts(document: str) -> list[tuple[int, int]]:
    """Where the scalars of a document are; behind what is not YAML, everything is taken for one."""
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


def _comment(file: str, lines: list[str], number: int, column: int, written: str) -> Directive:
    line = lines[number].rstrip()
    place = Place.of(file, Range(number + 1, column + 1, number + 1, len(line) + 1))
    target = number
    if not line[:column].strip():  # a line of its own is about the next one that is no comment
        while target < len(lines) and lines[target].lstrip()[:1] in ("", "#"):
            target += 1
    directive = Directive(place, target=target + 1)
    match = _DIRECTIVE.fullmatch(written)
    if match is None:
        return msgspec.structs.replace(directive, mistake=f"this is no suppression: {_USAGE}")
    return _read(directive, match[1], match[2])


def _read(directive: Directive, rules: str, text: str) -> Directive:
    """A directive with the rules, the reason and the last day that are written."""
    words = tuple(word.strip() for word in rules.split(",") if word.strip())
    until, reason = None, text.strip()
    if found := _UNTIL.search(reason):
        try:
            until = date.fromisoformat(found[1])
        except ValueError:
            return msgspec.structs.replace(
                directive, rules=words, mistake=f"{found[1]} is not a day: write `until 2026-12-31`"
            )
        reason = f"{reason[: found.start()]} {reason[found.end() :]}".strip()
    mistake = ""
    if not words:
        mistake = f"the suppression names no rule: {_USAGE}"
    elif not reason:
        mistake = "the suppression has no reason, so nobody can tell whether it is still right: write one behind it"
    return msgspec.structs.replace(directive, rules=words, reason=reason, until=until, mistake=mistake)
