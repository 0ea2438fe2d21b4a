"""Corrects mistakes in the text of files; comments, quotes, anchors and line ends are preserved.

Edits that do not overlap are applied together, and the result is read and linted again, until nothing is left to
correct. A round is accepted only if all mistakes that it corrects are gone, there is no new error of the input, and,
for safe edits, the policies are proved equivalent in any cluster. Otherwise half of its edits are tried, down to a
single one, which is then refused.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import unified_diff
from typing import Any, Final, Protocol

import msgspec
from yaml import YAMLError, parse
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from ringfence.lint.findings import LintFinding, LintFindings
from ringfence.lint.yaml_loader import Loader
from ringfence.model.origin import Range
from ringfence.model.text_edits import TextEdit, apply_edits
from ringfence.sources.manifests import FileContents

MOST_ATTEMPTS: Final = 200
"""The most times that the input is read; each attempt applies or refuses at least one edit, or halves the round."""

_TEMPLATE: Final = "{{"


class LintedInput(Protocol):
    """An input that was read and linted."""

    @property
    def findings(self) -> LintFindings:
        """The findings in it."""

    @property
    def errors(self) -> int:
        """The number of errors in the input."""

    def difference(self, after: "LintedInput") -> str:
        """Why the policies of another input are not proved equivalent in any cluster; empty if they are."""


class RefusedFix(msgspec.Struct, frozen=True):
    """A finding whose edit was not applied, and why."""

    finding: LintFinding
    reason: str


class FixedInput(msgspec.Struct, frozen=True):
    """A corrected input: its files, the corrected findings, and the others.

    `unsafe` are findings with an edit that may change verdicts and was not requested.
    """

    contents: FileContents
    after: LintedInput
    applied: tuple[LintFinding, ...]
    refused: tuple[RefusedFix, ...]
    unsafe: tuple[LintFinding, ...]
    is_finished: bool = True


def fix(
    contents: FileContents, before: LintedInput, read: Callable[[FileContents], LintedInput], *, unsafe: bool
) -> FixedInput:
    """The input with its mistakes corrected. Nothing is written. `unsafe` edits may change verdicts."""
    now, applied, refused = before, list[LintFinding](), dict[str, RefusedFix]()
    attempts = 0
    wanted = _wanted(now, contents, refused, unsafe=unsafe)
    while wanted and attempts < MOST_ATTEMPTS:
        attempts += 1
        edited = edited_contents(contents, [one.edit for one in wanted if one.edit])
        after = read(edited)
        if reason := _objection(now, after, wanted):
            # Which edit is to blame is not known. Halving finds it in few attempts, and each takes a whole reading.
            if len(wanted) > 1:
                wanted = wanted[: len(wanted) // 2]
                continue
            refused[wanted[0].fingerprint] = RefusedFix(wanted[0], reason)
        else:
            # Refused edits of these files are tried again: an alias that prevented them may be gone.
            changed = {one.place.file for one in wanted}
            refused = {key: one for key, one in refused.items() if one.finding.place.file not in changed}
            now, contents = after, edited
            applied += wanted
        wanted = _wanted(now, contents, refused, unsafe=unsafe)
    left = tuple(one for one in now.findings.found if one.edit and not one.is_safe and not unsafe)
    return FixedInput(contents, now, tuple(applied), tuple(refused.values()), left, is_finished=not wanted)


def edited_contents(contents: FileContents, edits: Iterable[TextEdit]) -> FileContents:
    """The contents after edits that do not overlap; the encoding and line ends of the files are preserved."""
    by_file: defaultdict[str, list[TextEdit]] = defaultdict(list)
    for edit in edits:
        by_file[edit.file].append(edit)
    changed: dict[str, bytes] = {}
    for file, some in by_file.items():
        text = contents.text(file)
        assert text is not None
        lines = text.text.split("\n")
        some = [_past_comment(lines, one) for one in some]
        # New lines get the line ends that the file has, or an editor would show it as mixed.
        if "\r\n" in text.text:
            some = [msgspec.structs.replace(one, new_text=one.new_text.replace("\n", "\r\n")) for one in some]
        changed[file] = text.encoded(apply_edits(text.text, some))
    return contents.with_texts(changed)


def _past_comment(lines: Sequence[str], edit: TextEdit) -> TextEdit:
    """An edit that adds lines after a value, moved after the comment that follows the value on its line."""
    part = edit.range
    if not edit.new_text.startswith("\n") or (part.line, part.column) != (part.end_line, part.end_column):
        return edit
    line = lines[part.line - 1].rstrip("\r")
    # Without this, the comment would end up behind the added lines, and look as if it were about those.
    if not line[part.column - 1 :].lstrip().startswith("#"):
        return edit
    end = len(line) + 1
    return msgspec.structs.replace(edit, range=Range(part.line, end, part.line, end))


def text_diff(before: FileContents, after: FileContents) -> Iterator[str]:
    """The changed lines of each file, as `diff -u` prints them."""
    for file in after.files():
        old, new = before.text(file), after.text(file)
        if old and new and old.text != new.text:
            name = file.lstrip("/")
            for line in unified_diff(_lines(old.text), _lines(new.text), f"a/{name}", f"b/{name}"):
                yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _wanted(
    now: LintedInput, contents: FileContents, refused: dict[str, RefusedFix], *, unsafe: bool
) -> list[LintFinding]:
    """The findings to correct in the next round, whose edits do not overlap. Those that cannot be edited are refused.

    Safe edits come first and without others, because their effect is proved.
    """
    found = [
        one for one in now.findings.found if one.edit and (one.is_safe or unsafe) and one.fingerprint not in refused
    ]
    for one in found:
        if reason := _uneditable(contents, one):
            refused[one.fingerprint] = RefusedFix(one, reason)
    left = [one for one in found if one.fingerprint not in refused]
    safe = [one for one in left if one.is_safe]
    return _apart(safe or left)


def _apart(findings: Sequence[LintFinding]) -> list[LintFinding]:
    """The first of the findings whose edits do not overlap or touch each other."""
    chosen: list[LintFinding] = []
    ends: dict[str, tuple[int, int]] = {}
    for one in sorted(findings, key=lambda one: (one.edit.file, one.edit.range) if one.edit else ("", None)):
        assert one.edit is not None
        part = one.edit.range
        # `<`, not `<=`: edits that touch could depend on each other's end, and the next round is soon enough.
        if one.edit.file not in ends or ends[one.edit.file] < (part.line, part.column):
            chosen.append(one)
            ends[one.edit.file] = part.end_line, part.end_column
    return chosen


def _objection(before: LintedInput, after: LintedInput, wanted: Sequence[LintFinding]) -> str:
    """Why a round of edits is not accepted; empty if it is."""
    if after.errors > before.errors:
        return "it would cause an error in the input"
    counted = Counter((one.rule, one.object) for one in wanted)
    had, has = (Counter((one.rule, one.object) for one in state.findings.found) for state in (before, after))
    # Counted by rule and object, because fingerprints and lines may change with the text around a mistake.
    if any(has[key] > had[key] - number for key, number in counted.items()):
        return "the mistake would still be there"
    return before.difference(after) if all(one.is_safe for one in wanted) else ""


def _uneditable(contents: FileContents, one: LintFinding) -> str:
    assert one.edit is not None
    text = contents.text(one.edit.file)
    if text is None:
        return f"{one.edit.file} is not a file that was read: edit its source"
    if not text.is_exact:
        return "the file has bytes that are not text: save it as UTF-8"
    if _TEMPLATE in text.text:
        return "the file is a template: edit it by hand"
    if _is_shared(text.text, one.edit):
        return "an alias refers to this text, so that the edit would change something else, too"
    return ""


def _is_shared(text: str, edit: TextEdit) -> bool:
    """Whether an edit changes a node that an alias refers to."""
    # Without both characters there is no alias, and parsing can be left out.
    if "*" not in text or "&" not in text:
        return False
    first, last = (edit.range.line, edit.range.column), (edit.range.end_line, edit.range.end_column)
    return any(start < last and first < end for start, end in _anchored(text))


def _anchored(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """The start and end of each node that an alias refers to; the whole text if it is not valid YAML."""
    open_nodes: list[tuple[str | None, tuple[int, int]]] = []
    named: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
    aliases: set[str | None] = set()
    try:
        for event in parse(text, Loader=Loader):
            start, end = _position(event.start_mark), _position(event.end_mark)
            if isinstance(event, AliasEvent):
                aliases.add(event.anchor)
            elif isinstance(event, CollectionStartEvent):
                open_nodes.append((event.anchor, start))
            elif isinstance(event, CollectionEndEvent):
                anchor, start = open_nodes.pop()
                if anchor:
                    named.append((anchor, start, end))
            elif isinstance(event, NodeEvent) and event.anchor:
                named.append((event.anchor, start, end))
    except YAMLError:
        yield (0, 0), (len(text) + 2, 0)
        return
    yield from ((start, end) for anchor, start, end in named if anchor in aliases)


def _position(mark: Any) -> tuple[int, int]:
    """The line and the column of a mark, as places count them."""
    return mark.line + 1, mark.column + 1


def _lines(text: str) -> list[str]:
    """The lines of a text with their ends, which are line feeds only."""
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [last for last in text.split("\n")[-1:] if last]
