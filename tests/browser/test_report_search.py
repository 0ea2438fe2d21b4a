"""The search of a report in a browser: what it finds, and what is first."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.pages import OpenedPage, opened
from tests.browser.shop import CHECKOUT


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tier=backend", "shop/Deployment/cart"),
        ("6379", "shop/Deployment/cart → shop/StatefulSet/sessions"),
        ("192.0.2.53", "192.0.2.53/32"),
        ("ask-for-names", "edge/ask-for-names"),
        ("no such thing", "nothing found"),
    ],
)
def test_the_search_finds_labels_ports_addresses_and_policies(
    page: OpenedPage, shop: Path, query: str, found: str
) -> None:
    shown = page.open(shop)
    shown.get_by_role("combobox").fill(query)
    assert found in " ".join(shown.get_by_role("option").all_inner_texts())


@pytest.mark.parametrize(
    ("query", "first"),
    [
        pytest.param("cart", CHECKOUT.replace("checkout", "cart"), id="a whole name is the best"),
        pytest.param("shop -db", "shop/StatefulSet/catalog-db", id="all words must be there"),
    ],
)
def test_the_best_of_what_is_found_is_first(page: OpenedPage, shop: Path, query: str, first: str) -> None:
    shown = page.open(shop)
    shown.get_by_role("combobox").fill(query)
    assert shown.get_by_role("option").first.inner_text().startswith(first)


def test_a_search_says_that_there_is_more(page: OpenedPage, large: Path) -> None:
    shown = page.open(large)
    shown.get_by_role("combobox").fill("p1")
    expect(shown.get_by_role("option")).to_have_count(12 + 1)
    expect(shown.get_by_role("option").last).to_have_text("There are more: type more of the name.")


def test_on_a_phone_what_is_found_is_inside_the_page(browser: Browser, shop: Path) -> None:
    with opened(browser, width=375) as found:
        shown = found.open(shop)
        shown.get_by_role("combobox").fill("a")
        box = shown.get_by_role("listbox").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375
