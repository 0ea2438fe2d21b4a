"""The Test Anything Protocol, version 14.

Source: testanything.org, "TAP 14 specification": escapes in descriptions, directives, and YAML diagnostics.
"""

from collections.abc import Iterable, Mapping

import msgspec

from ringfence.render.formats.json import json_line
from ringfence.render.formats.terminal import one_line


class TapPoint(msgspec.Struct, frozen=True):
    """One test point. `skip` is the reason why it was not run; `diagnostics` say why it is not ok."""

    name: str
    ok: bool
    skip: str = ""
    diagnostics: Mapping[str, object] = {}


def tap_text(points: Iterable[TapPoint]) -> str:
    """A document with all points, after its version and its plan."""
    listed = list(points)
    lines = ["TAP version 14", f"1..{len(listed)}"]
    for number, point in enumerate(listed, 1):
        directive = f" # SKIP {_escaped(point.skip)}" if point.skip else ""
        lines.append(f"{'ok' if point.ok else 'not ok'} {number} - {_escaped(point.name)}{directive}")
        if point.diagnostics:
            # JSON is YAML: names from manifests need no other escapes.
            lines += ["  ---", *(f"  {key}: {json_line(value)}" for key, value in point.diagnostics.items()), "  ..."]
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    # An unescaped `#` could start a directive: a test named "x # SKIP" would count as skipped.
    return one_line(text).replace("\\", "\\\\").replace("#", "\\#")
