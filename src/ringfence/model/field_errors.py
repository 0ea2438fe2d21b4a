"""Validation errors in the words of the API server: `<path>: <type>: <value>: <detail>`.

Source: `apimachinery/pkg/util/validation/field/errors.go`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from ringfence.model.problems import ProblemCode
from ringfence.model.text_edits import Replacement


class FieldErrorType(StrEnum):
    """What kind of mistake it is, as the API server prints it."""

    REQUIRED = "Required value"
    INVALID = "Invalid value"
    UNSUPPORTED = "Unsupported value"
    FORBIDDEN = "Forbidden"
    TOO_LONG = "Too long"
    TOO_MANY = "Too many"
    DUPLICATE = "Duplicate value"


_CODES: Final = {
    FieldErrorType.REQUIRED: ProblemCode.REQUIRED_VALUE,
    FieldErrorType.INVALID: ProblemCode.INVALID_VALUE,
    FieldErrorType.UNSUPPORTED: ProblemCode.UNSUPPORTED_VALUE,
    FieldErrorType.FORBIDDEN: ProblemCode.FORBIDDEN_VALUE,
    FieldErrorType.TOO_LONG: ProblemCode.TOO_LONG_VALUE,
    FieldErrorType.TOO_MANY: ProblemCode.TOO_MANY_VALUES,
    FieldErrorType.DUPLICATE: ProblemCode.DUPLICATE_VALUE,
}


class FieldError(msgspec.Struct, frozen=True):
    """One reason why the API server refuses an object.

    `path` is the field's path inside the object (`spec.ingress[0].ports[0].port`), `value` the offending value as it
    is printed, None where none is; `given` is the value itself if it is a text or a number. `replacement` is a value
    that would be accepted, where only one can be meant. `entry` is the key of the entry of a map, which the API server
    does not name in the path, or a field that a rule of the whole object is about. `expected` is the type that the
    field has, as JSON calls it, if the value has another one.
    """

    path: str
    type: FieldErrorType
    value: str | None = None
    detail: str = ""
    replacement: Replacement | None = None
    given: str | int | None = None
    entry: str = ""
    expected: str = ""

    @property
    def place(self) -> str:
        """The path at which the value is written."""
        return ".".join(part for part in (self.path, self.entry) if part)

    @property
    def code(self) -> ProblemCode:
        """The code of the problem that this error is."""
        return ProblemCode.WRONG_TYPE if self.expected else _CODES[self.type]

    def __str__(self) -> str:
        return ": ".join(part for part in (self.path, self.type, self.value, self.detail) if part)


ErrorsInSteps = Iterator[FieldError | None]
"""Errors that are found one by one, in steps (`ringfence.steps`): None is a pause."""


def without_pauses(errors: ErrorsInSteps) -> Iterator[FieldError]:
    """The errors alone."""
    return (error for error in errors if error is not None)


def each_once(errors: Iterable[FieldError]) -> list[FieldError]:
    """The errors without those that the API server would print a second time."""
    unique: dict[str, FieldError] = {}
    for error in errors:
        # `ToAggregate` of apimachinery drops errors with equal texts (`field/errors.go`).
        unique.setdefault(str(error), error)
    return list(unique.values())


def required(path: str, detail: str = "") -> FieldError:
    """A value is missing."""
    return FieldError(path, FieldErrorType.REQUIRED, detail=detail)


def invalid(
    path: str, value: str | int, detail: str, better: str | int | None = None, *, entry: str = ""
) -> FieldError:
    """A value is malformed; `better` is what was meant, where that is clear. `entry` is as in `FieldError`."""
    written = go_quoted(value) if isinstance(value, str) else str(value)
    replacement = None if better is None else Replacement(str(value), better)
    return FieldError(path, FieldErrorType.INVALID, written, detail, replacement, value, entry)


def invalid_enum(
    path: str, value: str | Sequence[str], detail: str, replacement: Replacement | None = None
) -> FieldError:
    """A value of an enumeration, or a list of them, is malformed: the API server prints those as JSON."""
    given = value if isinstance(value, str) else None
    return FieldError(path, FieldErrorType.INVALID, json_text(value), detail, replacement, given)


def invalid_object(path: str, value: Mapping[str, object] | Sequence[str] | None, detail: str) -> FieldError:
    """A value that is not a text or a number, such as an object, is malformed."""
    return FieldError(path, FieldErrorType.INVALID, json_text(value), detail)


def in_other_case(value: str, known: Iterable[str]) -> Replacement | None:
    """The known value that differs from `value` only in the case of its letters."""
    for each in known:
        if each.lower() == value.lower():
            return Replacement(value, each)
    return None


def unsupported(path: str, value: str, supported: Iterable[str]) -> FieldError:
    """A value is not one of the known ones; a known value in another case of letters is the replacement."""
    known = list(supported)
    detail = f"supported values: {', '.join(map(go_quoted, known))}"
    return FieldError(path, FieldErrorType.UNSUPPORTED, json_text(value), detail, in_other_case(value, known), value)


def forbidden(path: str, detail: str) -> FieldError:
    """A value is not allowed in this place, but may be allowed in another."""
    return FieldError(path, FieldErrorType.FORBIDDEN, detail=detail)


def too_long(path: str, limit: int) -> FieldError:
    """A value has more than `limit` bytes."""
    return FieldError(path, FieldErrorType.TOO_LONG, detail=f"may not be more than {limit} bytes")


def too_many(path: str, count: int, limit: int) -> FieldError:
    """A list has more than `limit` items."""
    items = "item" if limit == 1 else "items"
    return FieldError(path, FieldErrorType.TOO_MANY, str(count), f"must have at most {limit} {items}")


def duplicate(path: str, value: str | int | Mapping[str, object]) -> FieldError:
    """A value that must be unique occurs a second time."""
    return FieldError(path, FieldErrorType.DUPLICATE, go_quoted(value) if isinstance(value, str) else json_text(value))


_GO_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def go_quoted(text: str) -> str:
    """`text` as Go's `%q` writes it: what cannot be printed is escaped."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_go_character, text))}"'


def _go_character(character: str) -> str:
    if character in _GO_ESCAPES:
        return _GO_ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


_HTML_ESCAPES: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def json_text(value: str | int | Sequence[str] | Mapping[str, object] | None) -> str:
    """`value` as Go's `json.Marshal` writes it: without blanks, and safe inside HTML."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_HTML_ESCAPES)
