"""Documents and parts of them as YAML text: whole policies, and texts to write into one.

Only strings that every YAML reader reads as strings are unquoted: kubectl reads `y` and `on` as booleans.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple


class Comment(NamedTuple):
    """Comments at a field: lines of their own before it, and one at the end of its first line; each with its `#`."""

    before: tuple[str, ...] = ()
    after: str = ""


Comments = Mapping[str, Comment]
"""By the paths of fields (`spec.ingress[0].from`)."""

NO_COMMENTS: Final[Comments] = {}

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)}
"""Characters that JSON leaves as they are, and that YAML refuses or reads as a line break."""
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def yaml_lines(value: Any, comments: Comments = NO_COMMENTS) -> list[str]:
    """A value of dicts, lists, strings and numbers as lines of block YAML, with comments at its fields."""
    return list(_lines(value, "", comments))


def _lines(value: Any, path: str, comments: Comments) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            inside = f"{path}.{key}" if path else key
            yield from _commented(_entry(f"{_scalar(key)}:", inner, inside, comments), comments.get(inside))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            inside = f"{path}[{number}]"
            yield from _commented(_item(inner, inside, comments), comments.get(inside))
    else:
        yield _scalar(value)


def _entry(head: str, value: Any, path: str, comments: Comments) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        indent = "" if isinstance(value, list) else "  "
        yield head
        yield from (indent + line for line in _lines(value, path, comments))
    else:
        yield f"{head} {_scalar(value)}"


def _item(value: Any, path: str, comments: Comments) -> Iterator[str]:
    for number, line in enumerate(_lines(value, path, comments)):
        yield f"  {line}" if number else f"- {line}"


def _commented(lines: Iterator[str], comment: Comment | None) -> Iterator[str]:
    if comment:
        yield from comment.before
        yield f"{next(lines)} {comment.after}".rstrip()
    yield from lines


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # YAML reads JSON strings, except the escapes of a character that JSON splits into two surrogates.
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)
