"""The content of a file: documents of YAML or JSON. The first characters distinguish them, not the name of the file.

The documents are cut apart before they are parsed, as kubectl does, so that an error in one does not affect the others.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Generator, Iterator
from functools import partial
from itertools import pairwise
from typing import Final

import msgspec

from ringfence.errors import InputError
from ringfence.model.origin import FieldRanges, Origin, Place, Range
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sources.loaded_objects import Found
from ringfence.sources.loading import Done
from ringfence.sources.manifests.encodings import as_utf8, without_stray_bytes
from ringfence.sources.manifests.json_documents import read_json
from ringfence.sources.rendered import TEMPLATE_COMMENT, template_of
from ringfence.sources.shared_documents import SharedDocuments, key_of_content

MAX_BYTES: Final = 1 << 29
"""The most bytes of one file: half a gigabyte, the list of 100,000 pods."""

LFS_POINTER: Final = b"version https://git-lfs"
"""The first bytes of a file that Git LFS has put in place of a larger one."""
LFS_MESSAGE: Final = "Git LFS keeps its content elsewhere: this is a pointer to it"

# The modules for YAML are imported where they are used: most clusters come as JSON, which needs none of them.
_DOCUMENT: Final = re.compile(rb"\n---(?=[ \t\r\n]|\Z)")
_SEPARATOR: Final = re.compile(rb"---[ \t]*(?:#.*)?\r?(?:\n|$)")
_JSON: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*["}]')


def read_content(
    data: bytes, file: str, progress: Done = lambda done: None, shared: SharedDocuments | None = None
) -> Iterator[Found]:
    """The objects in the documents of `data`, which comes from `file`; what cannot be read is a problem.

    `progress` is called with the number of bytes that are done. Documents that are among the `shared` ones are not
    parsed, and the others are added to these.
    """
    if len(data) > MAX_BYTES:
        message = f"larger than {MAX_BYTES >> 20} MiB: split it into several files"
        yield Problem(Place(file), ProblemCode.UNREADABLE_FILE, message)
        return
    if data.startswith(LFS_POINTER):
        # To YAML the pointer is a text, which would be skipped as a document without an object.
        yield Problem(Place(file), ProblemCode.UNREADABLE_FILE, LFS_MESSAGE, remedy="fetch it: git lfs pull")
        return
    data, problems = as_utf8(data, file)
    yield from problems
    line, document = 1, 0
    has_templates = TEMPLATE_COMMENT in data
    for start, end in pairwise(_boundaries(data)):

        def within(done: int, start: int = start) -> None:
            progress(start + done)

        part = data[start:end]
        template = template_of(part) if has_templates else ""
        origin = Origin(file, line, document, rendered_from=template)
        if shared is None:
            document += yield from _read_document(part, origin, within)
        else:
            parse = partial(_read_document, part, origin, within)
            separator = _SEPARATOR.match(part)
            body = part[separator.end() :] if separator else part
            start_of_body = Origin(file, line + bool(separator), document, rendered_from=template)
            document += yield from shared.read(key_of_content(body), start_of_body, parse)
        line += data.count(b"\n", start, end)
        progress(end)


def parse_yaml(text: str) -> list[object]:
    """The values of the documents of a YAML text, as kubectl understands them. Raises InputError if it is not YAML."""
    from ringfence.sources.manifests.yaml_values import Builder

    return [value for value, _ in Builder(text, lambda item, event: False).documents()]


def read_settings(text: str, file: str) -> tuple[object, Origin]:
    """The value of a YAML text that is not an object, as kubectl understands it, and where its fields are.

    Raises InputError, with the line, for a text that is not YAML, has a key twice, or has several documents.
    """
    from ringfence.sources.manifests.yaml_values import Builder, UnreadableYaml

    builder = Builder(text, lambda item, event: False)
    try:
        found = list(builder.documents())
        places = builder.fields(*found[0]) if found else {}
    except UnreadableYaml as error:
        raise InputError(f"{file}:{error.line + 1}: this is not YAML: {error}") from None
    for key, event in builder.duplicates:
        raise InputError(f"{file}:{builder.positions.line(event.start_mark) + 1}: {key}: this key is there twice")
    if len(found) > 1:
        raise InputError(f"{file}: the file has {len(found)} documents, but may have only one: remove the others")
    fields = {
        path: FieldRanges(_further_down(one.value), _further_down(one.key) if one.key else None)
        for path, one in places.items()
    }
    return found[0][0] if found else None, Origin(file, 1, 0, fields)


def _further_down(part: Range) -> Range:
    """The range with lines that count from 1, for one with lines that count from 0."""
    return Range(part.line + 1, part.column, part.end_line + 1, part.end_column)


def _boundaries(data: bytes) -> list[int]:
    """Where documents start and end: at each line that begins with `---`, as no other line of YAML or JSON may."""
    return [0, *(match.start() + 1 for match in _DOCUMENT.finditer(data)), len(data)]


def _read_document(data: bytes, origin: Origin, progress: Done) -> Generator[Found, None, int]:
    data, problems = without_stray_bytes(data, origin.file, origin.line)
    yield from problems
    separator = _SEPARATOR.match(data)
    start = separator.end() if separator else 0
    if data.startswith(BOM_UTF8, start):  # of a file that was appended to another; YAML ignores it at a start
        data = data[:start] + data[start + len(BOM_UTF8) :]
    if _JSON.match(data, start):
        after = msgspec.structs.replace(origin, line=origin.line + data.count(b"\n", 0, start))
        return (yield from read_json(data[start:], after, progress))
    from ringfence.sources.manifests.yaml_documents import read_yaml

    return (yield from read_yaml(data.decode(), origin, progress))
