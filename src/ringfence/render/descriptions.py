"""What tables and descriptions of objects of any kind have in common: labels, annotations, times, and the layout.

Source: kubectl 1.37, `pkg/describe/describe.go`.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, repeat
from typing import Annotated, Final

import msgspec

from ringfence.model.metadata import Labels
from ringfence.render.formats import aligned, escape_as_kubectl

_HIDDEN_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
_LONGEST_ANNOTATION: Final = 140
"""Longer annotations are cut: `maxAnnotationLen` of kubectl (`pkg/describe`)."""
_Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]


class TableOptions(msgspec.Struct, frozen=True):
    """The options of `kubectl get` for its table: `-A`, `--show-labels`, `-L` and, negated, `--no-headers`.

    With `kinds`, names are written as `kind.group/name`, as where objects of several kinds are listed.
    """

    namespaces: bool = False
    labels: bool = False
    label_columns: tuple[str, ...] = ()
    headers: bool = True
    kinds: bool = False


def laid_out(lines: Iterable[str]) -> str:
    """Lines whose cells end with tabs, in columns as kubectl's; each line ends with a line break."""
    text = escape_as_kubectl("".join(f"{line}\n" for line in lines))
    # As in Go's tabwriter, a form feed is a line break at which all columns end.
    pages = [[re.split("[\t\v]", line) for line in page.split("\n")] for page in text.split("\f")]
    return "\n".join(line for page in pages for line in aligned(page, padding=2))


def entries(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines to the right of a title, which is on the first line; `<none>` if there are none."""
    for head, line in zip(chain([title], repeat("")), list(lines) or ["<none>"], strict=False):
        yield f"{head}\t{line}"


def label_lines(labels: Labels) -> list[str]:
    """The labels as `key=value`, in alphabetical order."""
    return [f"{key}={value}" for key, value in sorted(labels.items())]


def annotation_lines(annotations: Labels) -> Iterator[str]:
    """The annotations in alphabetical order; long ones and those of several lines begin on a line of their own."""
    for key, value in sorted(annotations.items()):
        # It repeats the whole object on one line, so kubectl leaves it out.
        if key == _HIDDEN_ANNOTATION:
            continue
        text = value.removesuffix("\n")
        if "\n" in text or _size(key) + _size(text) + 2 > _LONGEST_ANNOTATION:
            yield f"{key}:"
            yield from (f"  {_shortened(line)}" for line in text.split("\n"))
        else:
            yield f"{key}: {text}"


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _shortened(line: str) -> str:
    encoded = line.encode(errors="surrogatepass")
    limit = _LONGEST_ANNOTATION - 2
    # kubectl cuts between bytes, even inside a character. Half a character is not text, so it is left out here.
    return f"{encoded[:limit].decode(errors='ignore')}..." if len(encoded) > limit else line


def creation_time(written: object) -> datetime | None:
    """The time in `creationTimestamp`."""
    try:
        return msgspec.convert(written, _Timestamp | None)
    except msgspec.ValidationError:
        # An API server holds no such object, and decoding reports it in a file.
        return None
