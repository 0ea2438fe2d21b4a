"""A report on paper: everything is printed, in light colours, in parts that fit on a page."""

import json
import math
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.pages import OpenedPage, scrolled
from tests.browser.shop import CHECKOUT, ORDERS

PRINTED_SIZES = """parts => parts.map(part => {
  const all = [part, ...part.querySelectorAll(".cell, .head span")].map(one => one.getBoundingClientRect());
  return [Math.max(...all.slice(1).map(one => one.right)) - all[0].left, all[0].height];
})"""


def test_the_page_prints(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop)
    assert len(shown.pdf(landscape=True)) > 10_000
    shown.emulate_media(media="print")
    assert not shown.get_by_role("combobox").is_visible()


def test_on_paper_the_whole_matrix_and_all_of_an_explanation_are_drawn(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop, "cell", CHECKOUT, ORDERS)
    shown.set_viewport_size({"width": 600, "height": 400})
    grid, hidden = shown.get_by_role("grid"), shown.locator("#panel details:not([open], .same)")
    whole = math.prod(int(grid.get_attribute(f"aria-{side}count") or "") - 1 for side in ("row", "col"))
    in_view, closed = shown.get_by_role("gridcell").count(), hidden.count()
    assert in_view < whole
    assert closed > 0
    shown.evaluate(
        """() => addEventListener("beforeprint", () => {
          const counted = ["[role=gridcell]", "#panel details:not([open], .same)"];
          window.printed = counted.map(one => document.querySelectorAll(one).length);
        })"""
    )
    shown.pdf(landscape=True)
    assert shown.evaluate("window.printed") == [whole, 0]
    expect(hidden).to_have_count(closed)


def test_on_paper_an_explanation_and_the_matrix_do_not_overlap(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop, "cell", CHECKOUT, ORDERS)
    shown.emulate_media(media="print")
    shown.set_viewport_size({"width": 1047, "height": 740})
    panel, matrix = (shown.locator(one).bounding_box() for one in ("#panel", ".matrix"))
    assert panel is not None
    assert matrix is not None
    assert panel["y"] + panel["height"] <= matrix["y"]


def test_on_paper_colours_are_light(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop)
    shown.get_by_role("button", name="Dark colours").click()
    assert shown.evaluate("getComputedStyle(document.body).color") == "rgb(230, 237, 243)"
    shown.emulate_media(media="print")
    assert shown.evaluate("getComputedStyle(document.body).color") == "rgb(31, 35, 40)"


def test_a_matrix_that_is_larger_than_a_page_is_printed_in_parts(page: OpenedPage, large: Path) -> None:
    """What may pass is in some part, and no part is larger than a page."""
    shown = page.open(large)
    shown.get_by_role("grid").evaluate("grid => { grid.scrollTop = 300 }")
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown.emulate_media(media="print")
    printed = shown.locator(".part")
    assert printed.count() > 10
    page_width, page_height = 1031, 702  # A4 on its side, without its margins
    for width, height in printed.evaluate_all(PRINTED_SIZES):
        assert width <= page_width
        assert height <= page_height
    known = json.loads(shown.locator("#report").text_content() or "")
    ranges = [pair for row in known["rows"] for pair in zip(row["cells"][::3], row["cells"][1::3], strict=True)]
    allowed = sum(to - first + 1 for first, to in ranges)
    outside = sum(len(one) > 0 for side in ("incoming", "outgoing") for one in known[side])
    passing = printed.locator(".cell:not(.itself)")
    assert not any(row.get("common") for row in known["rows"])
    assert passing.count() == allowed + outside
    expect(shown.get_by_role("grid")).not_to_be_visible()
    shown.emulate_media(media="screen")
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(printed).to_have_count(0)
    assert scrolled(shown.get_by_role("grid"))[0] == 300
