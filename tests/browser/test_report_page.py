"""The page of a report in a browser, as a whole: every view, links, colours, an empty input and hostile texts."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Browser, expect

from ringfence.cluster import Cluster
from ringfence.render.formats import json_line
from ringfence.render.reports import report_html
from tests.browser.pages import OpenedPage, opened, violations
from tests.browser.shop import CHECKOUT, ORDERS, SHOP, VIEWS
from tests.example_counts import examples
from tests.render import hostile_text
from tests.semantics.objects import pod


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 375)])
def test_every_view_opens_offline_without_an_error_and_breaks_no_rule_of_accessibility(
    browser: Browser, shop: Path, scheme: str, width: int
) -> None:
    with opened(browser, scheme=scheme, width=width) as found:
        for name, names in VIEWS.items():
            shown = found.open(shop, *names)
            expect(shown.get_by_role("heading", level=1), name).to_have_count(1)
            assert violations(shown) == [], name
            assert [url.partition("#")[0] for url in found.requests] == [shop.as_uri()], name
            overflow = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, name
        assert found.errors == []


def test_a_report_of_a_plugin_says_what_it_changes(page: OpenedPage, tmp_path: Path) -> None:
    file = tmp_path / "cilium.html"
    file.write_text(Cluster.load(SHOP).as_enforced_by("cilium@1.19").report())
    shown = page.open(file, "cell", CHECKOUT, ORDERS)
    expect(shown.locator(".command code")).to_have_text(f"ringfence explain {CHECKOUT} {ORDERS} --plugin cilium@1.19")
    shown.get_by_role("link", name="as Cilium 1.19 enforces policies").click()
    expect(shown.get_by_role("heading", name="What Cilium 1.19 changes")).to_be_visible()
    assert violations(shown) == []


@pytest.mark.parametrize(("width", "are_told"), [(1440, True), (375, False)])
def test_what_keys_do_is_told_where_there_are_keys(browser: Browser, shop: Path, width: int, are_told: bool) -> None:
    with opened(browser, width=width) as found:
        expect(found.open(shop).get_by_text("Arrow keys move")).to_be_visible(visible=are_told)


@pytest.mark.parametrize("names", [(), ("policies",), ("findings",)])
def test_without_objects_the_page_says_so(page: OpenedPage, tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "empty.html").write_text(Cluster().report())
    shown = page.open(tmp_path / "empty.html", *names)
    expect(shown.get_by_role("heading", level=1)).to_have_count(1)
    expect(shown.get_by_role("table")).to_have_count(0)
    expect(shown.get_by_role("grid")).to_have_count(0)
    expect(shown.locator("main")).not_to_contain_text("Every workload")
    assert violations(shown) == []


def test_light_and_dark_colours_are_chosen_by_a_button_and_kept_in_all_links(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop, "map")
    light = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    shown.get_by_role("button", name="Dark colours").focus()
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("button", name="Light colours")).to_be_focused()
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != light
    for name, names in VIEWS.items():
        place = "/".join(one.replace("/", "%2F") for one in names)
        shown.goto(f"{shop.as_uri()}#/{place}?scheme=dark")
        expect(shown.get_by_role("heading", level=1), name).to_have_count(1)
        assert violations(shown) == [], name
    shown.get_by_role("link", name="Map").click()
    expect(shown.get_by_role("heading", level=1)).to_have_text("Map")
    link = shown.url
    assert link.endswith("#/map?scheme=dark")
    shown.goto("about:blank")
    shown.goto(link)
    expect(shown.get_by_role("heading", level=1)).to_have_text("Map")
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != light
    shown.get_by_role("button", name="Light colours").click()
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == light
    assert shown.url.endswith("#/map?scheme=light")


def test_a_link_opens_what_a_click_opened_and_back_goes_back(page: OpenedPage, shop: Path) -> None:
    shown = page.open(shop)
    shown.get_by_role("gridcell", name=f"{CHECKOUT} to {ORDERS}: TCP 5432").click()
    expect(shown.get_by_role("complementary")).to_be_visible()
    clicked = shown.locator("#panel").aria_snapshot()
    link = shown.url
    shown.go_back()
    expect(shown.get_by_role("complementary")).not_to_be_visible()
    shown.goto("about:blank")
    shown.goto(link)
    assert shown.locator("#panel").aria_snapshot() == clicked


@pytest.mark.parametrize("names", [(), ("map",)])
def test_with_forced_colours_what_may_pass_has_an_outline(browser: Browser, shop: Path, names: tuple[str, ...]) -> None:
    context = browser.new_context(forced_colors="active", viewport={"width": 1440, "height": 900})
    try:
        shown = OpenedPage(context.new_page()).open(shop, *names)
        expect(shown.locator("nav a[aria-current]")).to_have_css("outline-style", "solid")
        if not names:
            expect(shown.locator(".row .cell.some").first).to_have_css("outline-style", "solid")
            expect(shown.locator(".row .cell.none").first).to_have_css("outline-style", "none")
    finally:
        context.close()


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile_text.texts, hostile_text.texts)
def test_hostile_texts_are_text(page: OpenedPage, label: str, title: str) -> None:
    cluster = Cluster()
    cluster.upsert(pod("x/a"))
    data = cluster.report_data(title)
    data["workloads"][0]["labels"] = {"app": label}
    data["policies"].append(
        {"kind": label, "namespace": "x", "name": label, "line": 1, "yaml": label, "subject": label, "selects": []}
    )
    data["assumptions"] = data["unread"] = [label]
    texts = dict.fromkeys(("rule", "name", "path", "message", "remedy"), label)
    fix = {"line": 1, "column": 1, "endLine": 1, "endColumn": 1, "newText": label}
    data["findings"]["found"] = [
        {**texts, "severity": "note", "line": 1, "endLine": 1, "policy": 0, "fix": fix},
        {**texts, "severity": "note", "line": 1, "endLine": 1, "object": label, "file": label},
    ]
    data["map"]["boxes"][0] |= {"lines": [label], "title": label}
    data["map"]["lanes"][0]["name"] = label
    page.page.set_content(report_html(data))
    elements = "document.querySelectorAll('script, img, iframe, b, style, link, [onerror], [style*=url]').length"
    assert page.page.evaluate(elements) == 3  # the style, the data and the script
    assert json.loads(page.page.locator("#report").text_content() or "") == json.loads(json_line(data))
    for view, title in (
        ("#/map", "Map"),
        ("#/policies", "Policies"),
        ("#/findings", "Findings"),
        ("#/workload/x%2Fa", "x/a"),
    ):
        page.page.evaluate(f"location.hash = '{view}'")
        expect(page.page.get_by_role("heading", level=1)).to_have_text(title)
        assert page.page.evaluate(elements) == 3
