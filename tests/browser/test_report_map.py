"""The map of a report in a browser: its layout, and where it leads."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ringfence.render.reports import report_html
from tests.browser.map_layout import assert_is_laid_out
from tests.browser.pages import OpenedPage, violations
from tests.browser.shop import CHECKOUT, ORDERS


def test_the_map_leads_to_workloads_and_explanations(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop, "map")
    picture = shown.get_by_role("group", name="Map of the allowed connections")
    box = picture.get_by_role("link", name=CHECKOUT)
    box.focus()
    lit = picture.locator(".lit title").all_text_contents()
    assert "checkout → orders-db: 5432" in lit
    assert len(lit) < picture.locator(".edge").count()
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("heading", level=1)).to_have_text(CHECKOUT)
    shown.go_back()
    shown.get_by_text("as a table").click()
    shown.get_by_role("row", name=f"{CHECKOUT} {ORDERS}").get_by_role("link", name="5432").click()
    expect(shown.locator("#asked")).to_have_text(f"{CHECKOUT} → {ORDERS}")


def test_a_map_begins_at_its_first_box_if_none_would_be_in_view(page: OpenedPage, shop: Path) -> None:
    data = json.loads(page.open(shop).locator("#report").text_content() or "")
    for box in data["map"]["boxes"]:
        box["y"] += 5_000
    data["map"]["height"] += 5_000
    page.page.evaluate("location.hash = '#/map'")
    page.page.set_content(report_html(data))
    first = min(range(len(data["map"]["boxes"])), key=lambda number: data["map"]["boxes"][number]["x"])
    picture = page.page.get_by_role("group", name="Map of the allowed connections")
    expect(picture.locator("rect.box").nth(first)).to_be_in_viewport()


@pytest.mark.parametrize("names", [("map",), ("map", "shop"), ("map", "monitoring")])
def test_no_box_of_the_map_overlaps_another_and_no_text_is_outside_its_box(
    page: OpenedPage, shop: Path, names: tuple[str, ...]
) -> None:
    assert_is_laid_out(page.open(shop, *names))


def test_a_large_map_is_of_namespaces_each_of_which_has_its_own(page: OpenedPage, large: Path) -> None:
    shown = page.open(large, "map")
    assert_is_laid_out(shown)
    picture = shown.get_by_role("group", name="Map of the allowed connections")
    assert picture.locator(".box").count() <= 150
    picture.get_by_role("link", name="n3/*; 15 workloads").click()
    expect(shown.get_by_role("heading", level=1)).to_have_text("Map of n3")
    assert_is_laid_out(shown)
    assert violations(shown) == []
    picture.get_by_role("link", name="n3/p003").first.click()
    expect(shown.get_by_role("heading", level=1)).to_have_text("n3/p003")
    shown = page.open(large, "map")
    shown.get_by_text("All 20 namespaces").click()
    shown.get_by_role("listitem").get_by_role("link", name="n19").click()
    expect(shown.get_by_role("heading", level=1)).to_have_text("Map of n19")


def test_the_map_of_a_namespace_has_what_the_engine_answers(page: OpenedPage, large: Path) -> None:
    """p003 accepts p001, which is of another namespace, and p006 and p007 accept p003."""
    shown = page.open(large, "map", "n3")
    shown.get_by_text("as a table").click()
    rows = shown.get_by_role("row").all_inner_texts()
    assert "n1: 15 workloads\tn3/p003\t~4" in rows
    assert {row.partition("\t")[2] for row in rows if row.startswith("n3/p003")} == {
        "n6: 15 workloads\t~7",
        "n7: 15 workloads\t~8",
    }
