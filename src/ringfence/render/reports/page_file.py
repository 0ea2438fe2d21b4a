"""The page of a report as one HTML file, which refers to no other file.

The scripts of the page are ES modules, which a browser loads from a server only. In the file they are one script: each
module is a function that returns its exports, and follows the modules from which it imports.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, Final

from ringfence.render.formats import json_line, one_line

MODULES: Final = (
    "elements.js",
    "tables.js",
    "report.js",
    "route.js",
    "workload_lists.js",
    "notice.js",
    "live.js",
    "mistakes.js",
    "plugin.js",
    "yaml.js",
    "editor.js",
    "proof.js",
    "keep.js",
    "differences.js",
    "reasons.js",
    "explanation.js",
    "picture.js",
    "map.js",
    "namespace.js",
    "cells.js",
    "paper.js",
    "matrix.js",
    "workload.js",
    "policies.js",
    "findings.js",
    "search.js",
    "standing.js",
    "lesson.js",
    "main.js",
)
"""The scripts of the page, each below those that it imports."""

_IMPORT: Final = re.compile(r'^import (\{[^}]*\}) from "\./([\w-]+\.js)";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (async function|function|class|const) (\w+)", re.MULTILINE)
_PAGE: Final = files("ringfence.render.reports") / "page"


def page_text(name: str) -> str:
    """A file of the page."""
    return (_PAGE / name).read_text("utf-8")


def report_html(document: Mapping[str, Any]) -> str:
    """The page with its style, its scripts and the document of a report inside."""
    style, script = page_text("page.css"), joined_modules()
    # The document is text between the tags: only `<` could end it, and JSON has an escape for that.
    data = json_line(document).replace("<", "\\u003c")
    parts = {
        "title": escape(one_line(str(document["title"]))),
        "policy": escape(content_policy(style, script)),
        "style": style,
        "data": data,
        "script": script,
    }
    # In one pass: a name in the data may itself look like the place of a part.
    return re.sub(r"\{\{(\w+)\}\}", lambda part: parts[part[1]], page_text("page.html"))


def joined_modules() -> str:
    """All modules as one script."""
    return '"use strict";\nconst modules = {};\n' + "".join(map(_as_function, MODULES))


def _as_function(module: str) -> str:
    text = page_text(module)
    names = [name for _, name in _EXPORT.findall(text)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(r'const \1 = modules["\2"];', text))
    return f'modules["{module}"] = (() => {{\n{body}\nreturn {{ {", ".join(names)} }};\n}})();\n'


def content_policy(style: str, script: str) -> str:
    """The Content-Security-Policy of the file: only this style and this script, and nothing from anywhere else."""
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    style_hash, script_hash = hashes
    return f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; base-uri 'none'"
