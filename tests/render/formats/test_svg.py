"""SVG documents: what is written, and that nothing in a text becomes markup."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.render.formats import element, svg_text
from ringfence.render.formats.svg import number


@pytest.mark.parametrize(
    ("value", "written"),
    [(12, "12"), (12.0, "12"), (12.25, "12.2"), (0.5, "0.5"), (-0.01, "0"), (1234567.8, "1234567.8")],
)
def test_numbers_have_at_most_one_decimal(value: float, written: str) -> None:
    assert number(value) == written


def test_an_underscore_is_a_hyphen_and_one_at_the_end_is_none() -> None:
    made = element("text", text="x", class_="a", text_anchor="end", x=1.5)
    assert made.attrib == {"class": "a", "text-anchor": "end", "x": "1.5"}


@given(st.text(), st.text(), st.text())
def test_whatever_a_text_contains_a_document_can_be_read_and_has_one_text(title: str, text: str, name: str) -> None:
    document = svg_text((10, 20), title, "", "", [element("text", text=text, id=name)])
    root = ElementTree.fromstring(document)
    assert root.get("viewBox") == "0 0 10 20"
    assert [child.tag.rpartition("}")[2] for child in root] == ["title", "desc", "style", "text"]


def test_a_document_says_what_it_shows_to_screen_readers() -> None:
    root = ElementTree.fromstring(svg_text((1, 1), "Title", "Description", "", []))
    names = {child.get("id"): child.text for child in root}
    assert root.get("role") == "img"
    assert [names[name] for name in root.get("aria-labelledby", "").split()] == ["Title", "Description"]
