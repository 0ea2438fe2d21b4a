"""What a reader sees of a picture, as rectangles: boxes, their texts, and the paths of arrows."""

from itertools import combinations
from math import cos, radians, sin
from xml.etree import ElementTree

from ringfence.render.pictures.look import FONT_SIZE, SMALL_FONT_SIZE, Rectangle, text_width

SVG = "{http://www.w3.org/2000/svg}"
_TOLERANCE = 0.2  # numbers in a document have one decimal


def mistakes(svg: str) -> list[str]:
    """Boxes that overlap, texts outside their boxes, texts on texts, and whatever is outside the view."""
    root = ElementTree.fromstring(svg)
    view = Rectangle(*map(float, root.attrib["viewBox"].split()))
    texts = [(one, _extent(one)) for one in root.iter(f"{SVG}text") if one.text]
    boxes = [(group, _rectangle(group.find(f"{SVG}rect"))) for group in root.iter(f"{SVG}g") if _is_box(group)]
    found = [f"outside the view: {one.text!r}" for one, extent in texts if not _is_within(extent, view)]
    found += [
        f"outside the view: {one.attrib}"
        for one in root.findall(f"{SVG}rect")
        if one.get("transform") is None and not _is_within(_rectangle(one), view)
    ]
    found += [
        f"outside the view: {path.attrib}"
        for path in root.iter(f"{SVG}path")
        if "edge" in path.get("class", "").split() and not all(_is_within(one, view) for one in _points(path))
    ]
    found += [f"overlap: {one} {other}" for (_, one), (_, other) in combinations(boxes, 2) if _overlap(one, other)]
    for group, place in boxes:
        found += [
            f"outside its box: {one.text!r}"
            for one in group.iter(f"{SVG}text")
            if one.text and not _is_within(_extent(one), place)
        ]
    level = [one for one in texts if one[0].get("transform") is None]
    found += [
        f"on each other: {one.text!r} {other.text!r}"
        for (one, extent), (other, another) in combinations(level, 2)
        if _overlap(extent, another)
    ]
    return found


def _is_box(group: ElementTree.Element) -> bool:
    place = group.find(f"{SVG}rect")
    return place is not None and place.get("class", "").split()[0] in ("box", "cell")


def _rectangle(rect: ElementTree.Element | None) -> Rectangle:
    assert rect is not None
    return Rectangle(*(float(rect.get(name, 0)) for name in ("x", "y", "width", "height")))


def _extent(text: ElementTree.Element) -> Rectangle:
    """The rectangle around a text, of which some are turned around their beginning."""
    styles = text.get("class", "").split()
    size = SMALL_FONT_SIZE if "small" in styles else FONT_SIZE
    x, y, width = float(text.get("x", 0)), float(text.get("y", 0)), text_width(text.text or "", size)
    if turned := text.get("transform"):
        angle = radians(-float(turned.removeprefix("rotate(").split()[0]))
        across, up = width * cos(angle), width * sin(angle)
        return Rectangle(x, y - up, across, up)
    left = x - width if "end" in styles else x - width / 2 if "middle" in styles else x
    return Rectangle(left, y - 0.72 * size, width, 0.8 * size)


def _points(path: ElementTree.Element) -> list[Rectangle]:
    """The points that bound a path."""
    numbers: list[float] = []
    for word in path.get("d", "").split():
        numbers += [float(word[1:]), numbers[-1]] if word.startswith("H") else [float(word.lstrip("MC"))]
    return [Rectangle(x, y, 0, 0) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def _is_within(inner: Rectangle, outer: Rectangle) -> bool:
    return (
        inner.x >= outer.x - _TOLERANCE
        and inner.y >= outer.y - _TOLERANCE
        and inner.x + inner.width <= outer.x + outer.width + _TOLERANCE
        and inner.y + inner.height <= outer.y + outer.height + _TOLERANCE
    )


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return (
        one.x + _TOLERANCE < other.x + other.width
        and other.x + _TOLERANCE < one.x + one.width
        and one.y + _TOLERANCE < other.y + other.height
        and other.y + _TOLERANCE < one.y + one.height
    )
