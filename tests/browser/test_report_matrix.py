"""The matrix of a report in a browser, and the explanation of a cell."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import expect

from ringfence.cluster import Cluster
from tests import strategies
from tests.browser.matrix_cells import expected_cells
from tests.browser.pages import BOXES, OpenedPage, focused, scrolled, violations
from tests.browser.shop import CHECKOUT, ORDERS, SHOP
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object


def test_the_explanation_of_a_cell_says_which_rules_match_and_marks_their_lines(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop, "cell", CHECKOUT, ORDERS)
    panel = shown.get_by_role("complementary", name="Explanation")
    assert panel.locator(".verdict").inner_text() == "◐ Only TCP 5432 may pass."
    first = panel.get_by_role("heading", name=f"ingress of {ORDERS}").locator("xpath=..").locator("article").first
    assert first.get_by_role("heading").inner_text() == "shop/orders-db"
    assert "✓" in first.locator(".rule").first.inner_text()
    marked = first.locator(".line.allows").all_inner_texts()
    assert marked[0].split("\n")[-1].strip().startswith("- from")
    assert f"ringfence explain {CHECKOUT} {ORDERS}" in panel.inner_text()


def test_a_denied_cell_says_that_no_rule_matches_and_which_labels_the_peer_has(page: OpenedPage, shop: Path) -> None:
    panel = page.open(shop, "cell", ORDERS, CHECKOUT).get_by_role("complementary", name="Explanation")
    assert panel.locator(".verdict").inner_text() == "✗ Nothing may pass."
    assert f"No rule matches {CHECKOUT}. It has app=checkout, tier=backend." in panel.inner_text()


def test_what_most_addresses_may_open_stands_out_as_in_the_picture(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop)
    cell = shown.get_by_role("gridcell", name="outside the cluster to edge/Deployment/ingress-controller: ")
    expect(cell).to_have_class("cell open")
    expect(cell).to_have_text("most")


def test_the_matrix_is_used_by_keyboard_alone(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop)
    shown.locator("[data-cell='0,0']").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        shown.keyboard.press(key)
    assert focused(shown) == "edge/Deployment/ingress-controller to kube-system/Deployment/coredns: TCP 53; UDP 53"
    shown.keyboard.press("Enter")
    heading = "edge/Deployment/ingress-controller → kube-system/Deployment/coredns"
    asked = shown.get_by_role("complementary").get_by_role("heading", level=2, name=heading)
    expect(asked).to_be_focused()
    shown.keyboard.press("Escape")
    expect(shown.get_by_role("complementary")).not_to_be_visible()
    shown.keyboard.press("/")
    shown.keyboard.type("orders-db")
    assert shown.get_by_role("option").first.inner_text().startswith(ORDERS)
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("heading", level=1)).to_have_text(ORDERS)


def test_the_matrix_stays_where_it_is_while_a_cell_is_explained(page: OpenedPage, large: Path) -> None:
    shown = page.open(large)
    grid = shown.get_by_role("grid")
    grid.evaluate("grid => { grid.scrollTop = 2000; grid.scrollLeft = 1500 }")
    before = scrolled(grid)
    assert min(before) > 1000
    shown.locator(".row [aria-colindex='70']").first.wait_for()
    ends = shown.evaluate("document.elementFromPoint(400, 500).getAttribute('aria-label')")
    cell = shown.get_by_role("gridcell", name=ends)
    cell.click()
    panel = shown.get_by_role("complementary", name="Explanation")
    expect(panel.get_by_role("heading", level=2)).to_be_focused()
    expect(shown.locator("[aria-selected=true]")).to_have_attribute("aria-label", ends)
    assert scrolled(grid) == before
    shown.keyboard.press("Escape")
    expect(cell).to_be_focused()
    assert scrolled(grid) == before
    expect(shown.locator("[aria-selected=true]")).to_have_count(0)
    shown.get_by_role("link", name="Policies").click()
    shown.get_by_role("link", name="Matrix").click()
    assert scrolled(grid) == before


def test_a_link_to_a_cell_shows_the_cell_in_the_matrix(page: OpenedPage, large: Path) -> None:
    shown = page.open(large, "cell", "n19/p299", "n17/p277")
    expect(shown.locator(".cell[aria-selected=true]")).to_be_in_viewport(ratio=1)
    expect(shown.locator(".name.asked")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("names", [(), ("cell", CHECKOUT, ORDERS)])
def test_the_matrix_and_an_explanation_scroll_by_themselves_and_the_page_does_not(
    page: OpenedPage, shop: Path, names: tuple[str, ...]
) -> None:
    shown = page.open(shop, *names)
    assert shown.evaluate("document.documentElement.scrollHeight") <= 900
    expect(shown.get_by_role("list", name="Legend")).to_be_in_viewport(ratio=1)


def test_of_a_part_of_the_matrix_all_rows_and_columns_are_a_click_away(page: OpenedPage, tmp_path: Path) -> None:
    file = tmp_path / "part.html"
    file.write_text(Cluster.load(SHOP).report(sources=["shop/*"], destinations=[ORDERS, "shop/queue"]))
    shown = page.open(file)
    expect(shown.locator(".row [role=rowheader]")).to_have_count(10)
    expect(shown.locator(".heads [role=columnheader]")).to_have_count(1 + 2)
    assert violations(shown) == []
    shown.get_by_role("gridcell", name=f"{CHECKOUT} to {ORDERS}: TCP 5432").click()
    expect(shown.locator("#asked")).to_have_text(f"{CHECKOUT} → {ORDERS}")
    shown.keyboard.press("Escape")
    shown.get_by_role("link", name="All rows and columns").click()
    expect(shown.locator(".row [role=rowheader]")).to_have_count(18)
    shown.get_by_role("link", name="Only those that were asked for").click()
    expect(shown.locator(".row [role=rowheader]")).to_have_count(10)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(strategies.clusters())
def test_each_cell_says_what_the_engine_answers(page: OpenedPage, objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    expected = expected_cells(cluster)
    page.page.set_viewport_size({"width": 2500, "height": 2000})
    page.page.set_content(cluster.report("random"))
    expect(page.page.locator("[role=gridcell]")).to_have_count(len(expected))
    labels = page.page.locator("[role=gridcell]").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert {ends: said for ends, _, said in (label.partition(": ") for label in labels)} == expected


def test_a_large_matrix_has_elements_for_what_is_in_view_only(page: OpenedPage, large: Path) -> None:
    shown = page.open(large)
    assert shown.get_by_role("list", name="Legend").locator(".cell").all_inner_texts()[:3] == ["●", "◐", "!"]
    count = "document.querySelectorAll('*').length"
    assert 500 < shown.evaluate(count) < 5_000
    shown.locator("[data-cell='0,0']").focus()
    shown.keyboard.press("End")
    for _ in range(20):
        shown.keyboard.press("PageDown")
    assert focused(shown).startswith("outside the cluster to outside the cluster")
    assert shown.evaluate(count) < 5_000
    shown.locator(".matrix").evaluate("grid => { grid.scrollTop = 4000; grid.scrollLeft = 4000 }")
    shown.locator(".row [aria-colindex='160']").first.wait_for()
    assert shown.evaluate(count) < 5_000


def test_no_cell_overlaps_another_and_none_is_outside_the_matrix(page: OpenedPage, shop: Path) -> None:
    page.page.set_viewport_size({"width": 2000, "height": 1400})
    shown = page.open(shop)
    boxes = shown.locator(".row .cell").evaluate_all(BOXES)
    grid = shown.locator(".matrix").bounding_box()
    assert grid is not None
    assert len(boxes) == 18 * 18
    rows: dict[float, list[list[float]]] = {}
    for box in boxes:
        rows.setdefault(box[1], []).append(box)
        assert grid["x"] <= box[0]
        assert box[2] <= grid["x"] + grid["width"]
    for row in rows.values():
        ordered = sorted(row)
        assert all(one[2] <= other[0] + 0.5 for one, other in pairwise(ordered))
    tops = sorted(rows)
    assert all(rows[one][0][3] <= other + 0.5 for one, other in pairwise(tops))
