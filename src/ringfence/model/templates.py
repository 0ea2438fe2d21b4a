"""Text that a program should have replaced before the manifest is applied, and which program that is."""

import re
from typing import Final

_LANGUAGES: Final = (
    (
        re.compile(r"\{\{"),
        "this looks like a template that was not rendered: read what `helm template` prints "
        "(helm template CHART | ringfence COMMAND -f -)",
    ),
    (
        re.compile(r"\$\{\w*[^}]*\}"),
        "this looks like a variable that was not replaced: read what `envsubst` prints "
        "(envsubst < FILE | ringfence COMMAND -f -), or build the kustomization with -k",
    ),
    (
        re.compile(r"\$\(\w+\)"),
        "this looks like a variable that was not replaced: build the kustomization with -k",
    ),
    (
        re.compile(r"<%|%>|\{%|%\}"),
        "this looks like a template that was not rendered: render it first, and read the result with -f",
    ),
)


def template_remedy(text: str) -> str:
    """How to read a manifest that contains `text`; empty if it does not look like a part of a template."""
    return next((remedy for marks, remedy in _LANGUAGES if marks.search(text)), "")
