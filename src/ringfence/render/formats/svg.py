"""SVG: a picture as elements, written as a document of its own.

A document contains its style and refers to no other file, so a browser draws it offline and a web page may show it as
an image. Numbers are rounded, attributes keep their order, and nothing depends on the machine: equal pictures are equal
bytes.

Sources: SVG 2, chapters 5 (structure) and 11 (text); WAI-ARIA Graphics Module (the role `img`).
"""

from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree

from ringfence.render.formats.xml import xml_text

_NAMESPACE: Final = "http://www.w3.org/2000/svg"

Element = ElementTree.Element


def element(tag: str, *children: Element, text: str = "", **attributes: str | float) -> Element:
    """An element. Numbers have one decimal; an underscore in the name of an attribute stands for a hyphen.

    A trailing underscore avoids the keywords of Python: `class_` is `class`.
    """
    values = {
        name.rstrip("_").replace("_", "-"): xml_text(value) if isinstance(value, str) else number(value)
        for name, value in attributes.items()
    }
    made = ElementTree.Element(tag, values)
    made.text = xml_text(text) or None
    made.extend(children)
    return made


def number(value: float) -> str:
    """A number with at most one decimal, and without a needless one: `12`, `12.5`."""
    # `+ 0` turns -0.0 into 0.0, which would otherwise be written as "-0".
    return f"{round(value, 1) + 0:.1f}".removesuffix(".0")


def svg_text(size: tuple[float, float], title: str, description: str, style: str, elements: Iterable[Element]) -> str:
    """A document. `size` is its width and height in CSS pixels. Screen readers say the title and the description."""
    width, height = size
    root = element(
        "svg",
        element("title", text=title, id="title"),
        element("desc", text=description, id="description"),
        element("style", text=style),
        *elements,
        xmlns=_NAMESPACE,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby="title description",
    )
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"
