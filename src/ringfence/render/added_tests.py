"""Tests added to the text of a test file (docs/test.md): at the end of its last list, or else as one more document.

The text around them is kept. The result is read again to check that the file has its old tests and the new ones and
nothing else, so this module need not know every form of YAML.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ringfence.errors import InputError
from ringfence.model.origin import Origin, Place
from ringfence.render.formats import yaml_text
from ringfence.sources.loaded_objects import OwnDocument, collect
from ringfence.sources.manifests import read_content
from ringfence.testing.decoding import API_VERSION, decode_tests
from ringfence.testing.reachability_tests import KIND, ReachabilityTest

_DASH: Final = re.compile(r"(?P<indent> *)-(?P<gap> +)")
_NO_CONTENT: Final = re.compile(r"\s*(#.*)?")


def written_tests(tests: Sequence[dict[str, Any]]) -> str:
    """A YAML document with tests, each in the form of a test file."""
    return yaml_text({"apiVersion": API_VERSION, "kind": KIND, "tests": list(tests)}) + "\n"


def with_tests(text: str, file: str, tests: Sequence[dict[str, Any]]) -> str:
    """The text of a test file with more tests in it; an empty text becomes a file.

    Raises InputError for a file that holds no tests or has a mistake in it, with its place, and for one whose format
    does not let tests be added.
    """
    if not text:
        return written_tests(tests)
    documents, present = _read(text, file)
    if not documents:
        raise InputError(f"{file} holds no tests: choose a file that does, or the name of a new one")
    # A counter, because a file may have the same test twice, and must have it twice afterwards.
    wanted = Counter([*present, *_tests_in(written_tests(tests), file)])
    # The nicer form first. Whether it is right is not decided by rules about YAML, but by reading the result.
    for written in (_in_list(text, documents[-1].origin, tests), _as_document(text, tests)):
        if written is not None and _holds(written, file, wanted):
            return written
    raise InputError(f"{file}: tests cannot be added to it: choose a file of YAML documents, or the name of a new one")


def _read(text: str, file: str) -> tuple[list[OwnDocument], list[ReachabilityTest]]:
    """The documents with tests in a file, and their tests. Raises InputError for a mistake."""
    loaded = collect(read_content(text.encode(), file))
    documents = [one for one in loaded.own if one.written.get("kind") == KIND]
    decoded = [decode_tests(one.written, one.origin) for one in documents]
    problems = [*loaded.problems, *(problem for one in decoded for problem in one.problems)]
    if problems:
        raise InputError(f"{problems[0]}: correct it first, nothing was added")
    return documents, [_without_place(test) for one in decoded for test in one.tests]


def _tests_in(text: str, file: str) -> list[ReachabilityTest]:
    return _read(text, file)[1]


def _without_place(test: ReachabilityTest) -> ReachabilityTest:
    # Lines move when tests are added, and two equal tests must compare as equal.
    return msgspec.structs.replace(test, place=Place(test.file))


def _holds(text: str, file: str, wanted: Counter[ReachabilityTest]) -> bool:
    """Whether a file with this text has the wanted tests, and no others."""
    try:
        return Counter(_tests_in(text, file)) == wanted
    except InputError:
        return False


def _in_list(text: str, origin: Origin, tests: Sequence[dict[str, Any]]) -> str | None:
    """The text with tests behind the last one of a list in block style; None if it is written in another way."""
    count = sum(re.fullmatch(r"tests\[\d+\]", path) is not None for path in origin.fields)
    last = origin.fields.get(f"tests[{count - 1}]")
    if last is None:
        return None
    lines, place = text.split("\n"), last.value
    dash = _DASH.fullmatch(lines[place.line - 1][: place.column - 1])
    if dash is None:
        return None
    # A block ends at the start of the line behind it, which is not part of the item any more.
    end = place.end_line - (place.end_column == 1)
    # Empty lines and comments below the last item more likely belong to what follows, so the new item goes above them.
    while end > place.line and _NO_CONTENT.fullmatch(lines[end - 1]):
        end -= 1
    carriage = "\r" if lines[place.line - 1].endswith("\r") else ""
    made = [f"{dash['indent']}{line}{carriage}" for one in tests for line in _item(one, dash["gap"])]
    if end == len(lines):  # the file does not end with a line break
        lines[-1] += carriage
        made[-1] = made[-1].removesuffix("\r")
    return "\n".join([*lines[:end], *made, *lines[end:]])


def _item(test: dict[str, Any], gap: str) -> list[str]:
    """The lines of an item of a list."""
    first, *more = yaml_text(test).split("\n")
    return [f"-{gap}{first}", *(f" {' ' * len(gap)}{line}" for line in more)]


def _as_document(text: str, tests: Sequence[dict[str, Any]]) -> str:
    """The text with one more document at its end."""
    line = "\r\n" if "\r\n" in text else "\n"
    return f"{text.rstrip()}{line}---{line}{written_tests(tests).replace(chr(10), line)}"
