"""The comments of a YAML document, by the fields at which they stand, so that they can be written elsewhere.

YAML's parser drops them. They are found in the text by the places of the fields: what follows the last value of a line
after a `#`, and lines that begin with one, which belong to the field that follows.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from ringfence.model.origin import FieldRanges, Origin, Range
from ringfence.model.yaml_text import Comment, Comments
from ringfence.sources.manifests.encodings import as_utf8

_AFTER_VALUE: Final = re.compile(r"[\]}\s,]*\s(#.*)")
_AFTER_KEY: Final = re.compile(r"\s*:\s+(#.*)")
_SEPARATOR: Final = re.compile(r"---(\s|$)")


def comments_of(origin: Origin) -> Comments:
    """The comments of the document that an object came from; none unless that is a file that is still there."""
    try:
        data = Path(origin.file).read_bytes() if origin.fields else b""
    # Comments are an extra: without the file the policy is printed without them.
    except (OSError, ValueError):
        return {}
    text, _ = as_utf8(data, origin.file)
    return find_comments(text.decode(errors="replace").split("\n"), origin)


def find_comments(lines: list[str], origin: Origin) -> Comments:
    """The comments of an object in a text of these lines; those after its last field have the empty path."""
    if "" not in origin.fields:
        return {}
    whole = origin.fields[""].value
    leaves = _leaves(origin.fields)
    starting, ends = _starting(origin.fields), _ends(origin.fields, leaves)
    inside_texts = _inside_texts(origin.fields[path].value for path in leaves)
    before: defaultdict[str, list[str]] = defaultdict(list)
    after: dict[str, str] = {}
    waiting: list[str] = list(_head(lines, whole.line))
    if waiting:
        before["apiVersion"] = waiting
        waiting = []
    for number in range(whole.line, min(whole.end_line, len(lines)) + 1):
        line = lines[number - 1]
        if line.lstrip().startswith("#") and number not in inside_texts:
            waiting.append(line.strip())
            continue
        path = starting.get(number)
        if path is not None and waiting:
            before[path] += waiting
            waiting = []
        end, is_key = ends.get(number, (0, False))
        match = (_AFTER_KEY if is_key else _AFTER_VALUE).match(line, end - 1) if end else None
        if match and path is not None:
            after[path] = match[1].rstrip()
    before[""] += [*waiting, *_tail(lines, whole.end_line)]
    return {path: Comment(tuple(before[path]), after.get(path, "")) for path in {*before, *after}}


def _head(lines: list[str], first: int) -> Iterator[str]:
    """The comments above the first line of a document."""
    start = first - 1
    while start and not _SEPARATOR.match(lines[start - 1]) and lines[start - 1].lstrip()[:1] in ("", "#"):
        start -= 1
    yield from (line.strip() for line in lines[start : first - 1] if line.strip())


def _tail(lines: list[str], last: int) -> Iterator[str]:
    """The comments below the last line of a document; none below an item of a list, where they are the next one's."""
    end = last
    while end < len(lines) and lines[end].lstrip()[:1] in ("", "#"):
        end += 1
    if end == len(lines) or _SEPARATOR.match(lines[end]):
        yield from (line.strip() for line in lines[last:end] if line.strip())


def _starting(fields: Mapping[str, FieldRanges]) -> dict[int, str]:
    """The outermost field that starts on each line."""
    found: dict[int, str] = {}
    for path in sorted(fields, key=len, reverse=True):
        if path:
            found[fields[path].whole.line] = path
    return found


def _leaves(fields: Mapping[str, FieldRanges]) -> list[str]:
    """The fields that have none inside them."""
    around = {path[: max(path.rfind("."), path.rfind("["), 0)] for path in fields}
    return [path for path in fields if path and path not in around]


def _ends(fields: Mapping[str, FieldRanges], leaves: Iterable[str]) -> dict[int, tuple[int, bool]]:
    """The column after the last key or value that ends on each line, and whether it is a key."""
    found: dict[int, tuple[int, bool]] = {}
    keys = ((field.key, True) for field in fields.values() if field.key)
    for part, is_key in (*keys, *((fields[path].value, False) for path in leaves)):
        found[part.end_line] = max(found.get(part.end_line, (0, False)), (part.end_column, is_key))
    return found


def _inside_texts(values: Iterable[Range]) -> set[int]:
    """The lines after the first one of values that have several."""
    return {line for value in values for line in range(value.line + 1, value.end_line + bool(value.end_column > 1))}
