"""YAML documents, in the style of `kubectl get -o yaml`."""

import re
from typing import Any

from ringfence.model.yaml_text import NO_COMMENTS, Comment, Comments, yaml_lines
from ringfence.render.formats.terminal import UNSAFE


def yaml_text(document: dict[str, Any], comments: Comments = NO_COMMENTS) -> str:
    """A document of dicts, lists, strings and numbers, without a line break at its end.

    `comments` are written at their fields; those with the empty path come last.
    """
    lines = [*yaml_lines(document, comments), *comments.get("", Comment()).before]
    # Unquoted scalars are ASCII, so these characters stand in double-quoted ones, where YAML has such escapes.
    return UNSAFE.sub(_escape, "\n".join(lines))


def _escape(match: re.Match[str]) -> str:
    return f"\\U{ord(match[0]):08x}"
