"""What pictures look like: their fonts, their colours in light and dark, and how much space text takes.

Text is set in a monospaced font, because its width can be computed without the font: a picture is drawn on one machine
and shown on another, with the fonts of that one. Colours are from the palette of Okabe and Ito, which colour-blind
readers can tell apart; text has a contrast of at least 4.5, and lines of at least 3 (WCAG 2.2, 1.4.3 and 1.4.11).
"""

from typing import Final, NamedTuple
from unicodedata import combining, east_asian_width

FONT_SIZE: Final = 12
SMALL_FONT_SIZE: Final = 11
LINE: Final = 17
"""The distance between two lines of text, in CSS pixels."""
MARGIN: Final = 16
"""The space around a picture, in CSS pixels."""


class Rectangle(NamedTuple):
    """A rectangle in CSS pixels."""

    x: float
    y: float
    width: float
    height: float


# The characters of the widest of the fonts below are 0.602 em wide; a fallback font of the browser may be a little
# wider.
_EM: Final = 0.61

STYLE: Final = """
text { font: 12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; fill: #1f2328 }
text { white-space: pre }
.paper { fill: #ffffff }
.small { font-size: 11px }
.heading { font-weight: bold }
.quiet { fill: #59636e }
.middle { text-anchor: middle }
.end { text-anchor: end }
.lane { fill: #f6f8fa; stroke: #c4ccd4 }
.rule { stroke: #c4ccd4 }
.cell { stroke: none }
.none { fill: #f1f3f5 }
.itself { fill: #ffffff; stroke: #c4ccd4; stroke-dasharray: 2 2 }
.some { fill: #c9e2f5 }
.all { fill: #005a8f }
.open { fill: #a34700 }
.partly { fill: #c9e2f5; stroke: #005a8f; stroke-dasharray: 3 2 }
.corner { fill: #1f2328 }
.box { fill: #ffffff; stroke: #59636e }
.loud { stroke: #a34700; stroke-width: 2.5 }
.group { stroke-dasharray: 4 3 }
.outside { fill: #f6f8fa }
.edge { fill: none; stroke: #005a8f; stroke-width: 1.3 }
.head { fill: #005a8f }
.halo { stroke: #f6f8fa; stroke-width: 3px; paint-order: stroke }
text.on-all, text.on-open { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.paper { fill: #0d1117 }
.quiet { fill: #9da7b1 }
.lane { fill: #161b22; stroke: #3d444d }
.rule { stroke: #3d444d }
.none { fill: #1b2129 }
.itself { fill: #0d1117; stroke: #3d444d }
.some { fill: #163f5e }
.all { fill: #6cbdf0 }
.open { fill: #f2a154 }
.partly { fill: #163f5e; stroke: #6cbdf0 }
.corner { fill: #e6edf3 }
.box { fill: #0d1117; stroke: #9da7b1 }
.loud { stroke: #f2a154 }
.outside { fill: #161b22 }
.edge { stroke: #6cbdf0 }
.head { fill: #6cbdf0 }
.halo { stroke: #161b22 }
text.on-all, text.on-open { fill: #0d1117 }
}
"""
"""The style sheet of all pictures."""


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """The width of a line of text in CSS pixels, at a size of the font in CSS pixels."""
    columns = len(text) if text.isascii() else sum(map(_columns, text))
    return _EM * size * columns


def shortened(text: str, width: float, size: float = FONT_SIZE) -> str:
    """`text`, or as much of its beginning as fits into a width, with an ellipsis."""
    if text_width(text, size) <= width:
        return text
    kept = text
    while kept and text_width(f"{kept}…", size) > width:
        kept = kept[:-1]
    return f"{kept}…"


def wrapped(text: str, width: float, size: float = FONT_SIZE) -> list[str]:
    """`text` in lines that fit into a width, divided at spaces, and within words that are too long."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if text_width(longer, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while text_width(line, size) > width and len(line) > 1:
            most = max(1, int(width / (_EM * size)))
            lines.append(line[:most])
            line = line[most:]
    return [*lines, line]


def _columns(character: str) -> int:
    """The columns of a character in a monospaced font: two for those of East Asian scripts."""
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
