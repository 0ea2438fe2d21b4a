"""Custom resources as `kubectl get` and `kubectl describe` print them, byte for byte, with all fields that the server
stores.

Source: kubectl 1.37, `genericDescriber` in `pkg/describe/describe.go`; the columns are those of the definitions.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from ringfence.model.kinds import Kind
from ringfence.render.descriptions import (
    TableOptions,
    annotation_lines,
    creation_time,
    entries,
    label_lines,
    laid_out,
)
from ringfence.render.formats import age, table

Document = Mapping[str, Any]
"""An object as a server stores it."""

_SPEC_COLUMNS: Final = ("tier", "priority")
"""The fields of a spec that are columns of the table, if the kind has them."""


def custom_table(documents: Iterable[Document], kind: Kind, *, now: datetime, options: TableOptions) -> str:
    """The table of `kubectl get`, in the order given; empty if there are no objects. `now` must have a time zone."""
    fields = [field for field in _SPEC_COLUMNS if field in _spec_fields(kind)]
    headers = ["NAMESPACE"] if options.namespaces else []
    headers += ["NAME", *map(str.upper, fields), "AGE"]
    headers += [key.rpartition("/")[2].upper() for key in options.label_columns]
    headers += ["LABELS"] if options.labels else []
    rows = [_row(document, kind, fields, now, options) for document in documents]
    return table(headers if options.headers else None, rows)


def custom_names(documents: Iterable[Document], kind: Kind) -> str:
    """What `kubectl get -o name` prints."""
    return "".join(f"{_full_name(document, kind)}\n" for document in documents)


def custom_description(documents: Iterable[Document], *, events: bool = True) -> str:
    """What `kubectl describe` prints of objects without events: in the order given, two empty lines between them.

    Without `events`, the line about events is left out, as by kubectl if it could not list them.
    """
    return "\n\n".join(laid_out(_lines(document, events=events)) for document in documents)


def _spec_fields(kind: Kind) -> Mapping[str, object]:
    return kind.schema.properties["spec"].properties if kind.schema else {}


def _full_name(document: Document, kind: Kind) -> str:
    return f"{kind.name.lower()}.{kind.group}/{document['metadata']['name']}"


def _row(document: Document, kind: Kind, fields: Sequence[str], now: datetime, options: TableOptions) -> list[str]:
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    row = [""] if options.namespaces else []
    row.append(_full_name(document, kind) if options.kinds else metadata["name"])
    row += (str(document["spec"].get(field, "<none>")) for field in fields)
    row.append(age(creation_time(metadata.get("creationTimestamp")), now))
    row += [labels.get(key, "") for key in options.label_columns]
    return [*row, ",".join(label_lines(labels)) or "<none>"] if options.labels else row


# --- describe ---------------------------------------------------------------------------------------------------------

_SHOWN_FIRST: Final = ("name", "namespace", "labels", "annotations", "managedFields")
"""The fields of the metadata that have lines of their own, or none."""


def _lines(document: Document, *, events: bool) -> Iterator[str]:
    metadata = document["metadata"]
    yield f"Name:\t{metadata['name']}"
    # kubectl writes this line for cluster-scoped objects, too, with nothing behind it.
    yield "Namespace:\t"
    yield from entries("Labels:", label_lines(metadata.get("labels") or {}))
    yield from entries("Annotations:", annotation_lines(metadata.get("annotations") or {}))
    rest = {field: value for field, value in metadata.items() if field not in _SHOWN_FIRST}
    yield from _field_lines({**document, "metadata": rest}, "")
    if events:
        yield "Events:\t<none>"


def _field_lines(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    for field in sorted(fields):
        label, value = field_label(field), fields[field]
        match value:
            case Mapping():
                yield f"{indent}{label}:"
                yield from _field_lines(value, f"{indent}  ")
            case list():
                yield f"{indent}{label}:"
                for item in value:
                    if isinstance(item, Mapping):
                        yield from _field_lines(item, f"{indent}  ")
                    else:
                        yield f"{indent}  {_printed(item)}"
            case _:
                yield f"{indent}{label}:\t{_printed(value)}"


def _printed(value: object) -> str:
    # As Go prints them: true, not True.
    return str(value).lower() if isinstance(value, bool) else str(value)


_ACRONYMS: Final = ("API", "URL", "UID", "GUID")


def field_label(field: str) -> str:
    """A field as kubectl writes it: `Match Labels` for `matchLabels`; as it is if it has digits, dots or the like."""
    if not all(letter == "-" or _is_letter(letter) for letter in field):
        return field
    words = [word.upper() if word.upper() in _ACRONYMS else word[:1].upper() + word[1:] for word in _words(field)]
    return " ".join(words)


def _words(field: str) -> Iterator[str]:
    """The words of a field. Several capitals are one word with the next if that begins with one, too: `FOOBar`."""
    parts = _camel_case_parts(field)
    while parts:
        part = parts.pop(0)
        is_in_capitals = len(part.encode()) > 1 and all(_is_capital(one) for one in part if _is_letter(one))
        # kubectl takes the first byte for a letter.
        if is_in_capitals and parts and _is_capital(chr(parts[0].encode()[0])):
            part += parts.pop(0)
        yield part


def _camel_case_parts(field: str) -> list[str]:
    """Letters of one case belong together, and a capital to the small letters behind it."""
    parts = ["".join(letters) for _, letters in groupby(field, key=_case)]
    for i in range(len(parts) - 1):
        if _case(parts[i][0]) == "Lu" and _case(parts[i + 1][0]) == "Ll":
            parts[i], parts[i + 1] = parts[i][:-1], parts[i][-1] + parts[i + 1]
    return [part for part in parts if part]


def _is_letter(letter: str) -> bool:
    return unicodedata.category(letter).startswith("L")


def _is_capital(letter: str) -> bool:
    return unicodedata.category(letter) == "Lu"


def _case(letter: str) -> str:
    category = unicodedata.category(letter)
    return category if category in ("Ll", "Lu") else ""
