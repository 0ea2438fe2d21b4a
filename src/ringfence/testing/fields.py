"""The fields of a document of tests: each is taken once, with its type checked. The rest are unknown fields.

A problem of a field does not end the reading: it is noted, and the field counts as absent.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from ringfence.model.field_errors import go_quoted
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode

_JSON_TYPES: Final = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
_LONGEST_QUOTED: Final = 60


class DocumentProblems:
    """The problems of one document, each with its place."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.found: list[Problem] = []

    def add(self, path: str, code: ProblemCode, message: str, remedy: str = "", *, at_key: bool = False) -> None:
        """Note a problem of the field at `path`."""
        place = self.origin.key_at(path) if at_key else self.origin.at(path)
        where = f"{path}: " if path else ""
        self.found.append(Problem(place, code, f"{where}{message}", may_concern_policies=False, remedy=remedy))


class FieldReader:
    """Takes the fields of one mapping, which stands at `path` in its document."""

    def __init__(self, tree: Mapping[str, Any], path: str, problems: DocumentProblems) -> None:
        self.path = path
        # A copy, from which fields are taken. What is left at the end is unknown.
        self._left = dict(tree)
        self._problems = problems
        # Problems are counted, not collected for each reader, so a problem of an inner field counts for the outer one,
        # too.
        self._before = len(problems.found)
        self._known: list[str] = []

    @property
    def is_sound(self) -> bool:
        """Whether no problem was noted since the reader was made, by it or by the readers of inner fields."""
        return len(self._problems.found) == self._before

    @property
    def place(self) -> Place:
        """Where the mapping starts."""
        found = self._problems.origin.at(self.path)
        return Place(found.file, found.line, found.column)

    def has(self, name: str) -> bool:
        """Whether a field is written and was not taken yet."""
        return name in self._left

    def value(self, name: str) -> Any:
        """The value of a field, whatever it is; None if it is absent, and with a problem if it has no value."""
        self._known.append(name)
        # `from:` without a value is a line that was not finished. To take it as absent could make a test pass.
        if name in self._left and self._left[name] is None:
            self.missing(name, "write a value, or remove the field")
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """A text that is not empty."""
        value = self.value(name)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.wrong_type(name, value, "a text")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """A text, or a list of texts; empty if the field is absent."""
        return tuple(text for text, _ in self.texts_with_paths(name))

    def texts_with_paths(self, name: str) -> list[tuple[str, str]]:
        """As `texts`, each with the path of its field."""
        value = self.value(name)
        items = value if isinstance(value, list) else [] if value is None else [value]
        found = []
        for index, item in enumerate(items):
            inner = f"{name}[{index}]" if isinstance(value, list) else name
            if isinstance(item, str) and item.strip():
                found.append((item, inner))
            else:
                self.wrong_type(inner, item, "a text" if isinstance(value, list) else "a text or a list of texts")
        return found

    def flag(self, name: str) -> bool:
        """`true` or `false`; false if the field is absent."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.wrong_type(name, value, "true or false")
        return False

    def choice(self, name: str, choices: Iterable[str]) -> str | None:
        """One of some words."""
        value = self.value(name)
        if value is None:
            return None
        known = list(choices)
        if value in known:
            return str(value)
        self.problem(
            name,
            ProblemCode.UNSUPPORTED_VALUE,
            f"Unsupported value: {quoted(value)}: supported values: {', '.join(known)}",
            _nearest(str(value), known),
        )
        return None

    def inner(self, name: str) -> "FieldReader | None":
        """The fields of a mapping inside; None if the field is absent, or not a mapping."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong_type(name, value, "a mapping")
            return None
        return FieldReader(value, self.path_of(name), self._problems)

    def items(self, name: str) -> list[tuple[Any, str]]:
        """The items of a list, each with the path of its field."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong_type(name, value, "a list")
            return []
        return [(item, self.path_of(f"{name}[{index}]")) for index, item in enumerate(value)]

    def at(self, tree: Mapping[str, Any], path: str) -> "FieldReader":
        """A reader of a mapping further inside, whose full path is given."""
        return FieldReader(tree, path, self._problems)

    def refuse(self, name: str, message: str, remedy: str) -> None:
        """Note a problem if the field is present: it is not allowed here."""
        if self.has(name):
            self._known.append(name)
            del self._left[name]
            self._problems.add(self.path_of(name), ProblemCode.FORBIDDEN_VALUE, message, remedy, at_key=True)

    def require(self, name: str, is_there: object, remedy: str) -> None:
        """Note that a field is missing, unless it is there or has a problem of its own."""
        # A field that is there, but wrong, was reported already. "Required value" would then be a second, misleading
        # problem.
        if not is_there and self.is_sound:
            self.missing(name, remedy)

    def missing(self, name: str, remedy: str) -> None:
        """Note that a field is missing."""
        self._problems.add(self.path_of(name), ProblemCode.REQUIRED_VALUE, "Required value", remedy)

    def wrong_type(self, name: str, value: object, expected: str) -> None:
        """Note that a value has the wrong type."""
        is_blank = isinstance(value, str) and "text" in expected
        given = "an empty text" if is_blank else type_text(value)
        self.problem(name, ProblemCode.WRONG_TYPE, f"{expected} is expected here, not {given}")

    def problem(self, name: str, code: ProblemCode, message: str, remedy: str = "") -> None:
        """Note a problem of the value of a field."""
        self._problems.add(self.path_of(name), code, message, remedy)

    def finish(self) -> None:
        """Note each field that was not taken as unknown."""
        for name in self._left:
            self._problems.add(
                self.path_of(name),
                ProblemCode.UNKNOWN_FIELD,
                f"unknown field {quoted(name)}",
                _nearest(name, self._known) or f"the fields here are {', '.join(dict.fromkeys(self._known))}",
                at_key=True,
            )

    def path_of(self, name: str) -> str:
        """The full path of a field."""
        return f"{self.path}.{name}" if self.path else name


def type_text(value: object) -> str:
    """The type of a value, in words: `a list`."""
    return _JSON_TYPES.get(type(value), "a number")


def quoted(value: object) -> str:
    """A value as messages quote it, cut to 60 characters."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return go_quoted(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}...")


_OTHER_WORDS: Final = {
    "source": "from",
    "src": "from",
    "sources": "from",
    "destination": "to",
    "dst": "to",
    "destinations": "to",
    "expected": "expect",
    "result": "expect",
    "targetport": "port",
    "allowed": "allow",
    "denied": "deny",
    "block": "deny",
    "blocked": "deny",
    "pass": "allow",
    "fail": "deny",
    "description": "name",
}
"""The names of these fields and values in other tools."""


def _nearest(written: str, known: Iterable[str]) -> str:
    """A question that names the known word that was probably meant: another tool's word, or a misspelt one."""
    # `onlyFrom` and `only_from` are taken as `only-from`: other formats write words in these ways.
    plain = re.sub("[^a-z]", "", written.lower())
    by_letters = {re.sub("[^a-z]", "", one): one for one in known}
    close = [word for word in (plain, _OTHER_WORDS.get(plain, "")) if word in by_letters]
    # Words of other tools come first, because some of them look like another field than the one that is meant.
    close = close or get_close_matches(plain, by_letters, n=1)
    return f"did you mean {by_letters[close[0]]}?" if close else ""
