"""Texts and boxes as elements of a picture."""

import msgspec

from ringfence.render.formats import Element, element, one_line
from ringfence.render.pictures.look import LINE, MARGIN, Rectangle, text_width, wrapped


class Picture(msgspec.Struct, frozen=True):
    """An SVG document, and the number of boxes or rows of the whole picture; `left_out` of them are not drawn."""

    svg: str
    size: int
    left_out: int = 0


def label(x: float, y: float, text: str, *, style: str = "", turned: float | None = None) -> Element:
    """A line of text at its baseline. `style` are classes of the style sheet; `turned` is an angle in degrees."""
    made = element("text", text=one_line(text), x=x, y=y)
    if style:
        made.set("class", style)
    if turned is not None:
        made.set("transform", f"rotate({turned:g} {x:g} {y:g})")
    return made


def box(at: Rectangle, style: str, *, radius: float = 0) -> Element:
    """A rectangle. `style` are classes of the style sheet; `radius` is that of its corners."""
    made = element("rect", x=at.x, y=at.y, width=at.width, height=at.height, class_=style)
    if radius:
        made.set("rx", f"{radius:g}")
    return made


def tooltip(text: str) -> Element:
    """The text that a browser shows as the tooltip of an element, and that a screen reader reads."""
    return element("title", text=one_line(text))


def paragraphs(texts: list[str], y: float, width: float) -> tuple[list[Element], float]:
    """Texts, one below the other at the left margin, and their height. Continuation lines are indented."""
    made: list[Element] = []
    indent = text_width("  ")
    start = y
    for text in texts:
        for number, line in enumerate(wrapped(text, width - 2 * MARGIN - indent)):
            made.append(label(MARGIN + (indent if number else 0), y, line, style="small quiet"))
            y += LINE
    return made, y - start
