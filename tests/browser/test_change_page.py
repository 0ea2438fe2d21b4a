"""The page of a change in a browser: which cells are marked, how one steps through them, and why they changed."""

import json
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Browser, expect

from ringfence.cluster import Cluster
from ringfence.render.reports import report_html
from tests.analysis.differences.test_difference_by_lists import changes
from tests.browser.map_layout import assert_is_laid_out
from tests.browser.pages import OpenedPage, focused, opened, violations
from tests.example_counts import examples
from tests.render.reports.test_compared import pairs_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WEB, DB = "shop/Deployment/web", "shop/StatefulSet/db"
VIEWS = {
    "matrix": (),
    "only changes": ("changed",),
    "changes": ("changes",),
    "map": ("map",),
    "cell": ("cell", WEB, DB),
}


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("change") / "change.html"
    before, after = (Cluster.load(EXAMPLES / f"shop-{name}.yaml") for name in ("before", "after"))
    file.write_text(after.report("the change", since=before, names=("A", "B")))
    return file


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 375)])
def test_every_view_opens_offline_and_breaks_no_rule_of_accessibility(
    browser: Browser, change: Path, scheme: str, width: int
) -> None:
    with opened(browser, scheme=scheme, width=width) as found:
        for name, names in VIEWS.items():
            shown = found.open(change, *names)
            expect(shown.get_by_role("heading", level=1), name).to_have_count(1)
            assert violations(shown) == [], name
            overflow = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, name
        assert found.errors == []


def test_brackets_go_to_the_next_cell_that_changes_and_to_the_one_before(page: OpenedPage, change: Path) -> None:
    shown = page.open(change)
    shown.locator("[data-cell='0,0']").focus()
    cells = [
        f"{WEB} to {DB}: TCP 5432; opened: TCP 5432",
        f"{DB} to {DB}: nothing; closed: all traffic",
        f"outside the cluster to {WEB}: ",
    ]
    for expected in (*cells, cells[0]):
        shown.keyboard.press("]")
        assert focused(shown).startswith(expected)
    shown.keyboard.press("[")
    assert focused(shown).startswith(cells[2])


def test_with_an_explanation_open_brackets_explain_the_next_cell(page: OpenedPage, change: Path) -> None:
    shown = page.open(change, "cell", WEB, DB)
    shown.keyboard.press("]")
    expect(shown.locator("#asked")).to_have_text(f"{DB} → {DB}")
    panel = shown.get_by_role("complementary", name="Explanation")
    expect(panel.locator(".changes")).to_contain_text("▼ closed: all traffic")
    expect(panel.locator(".changes dd")).to_have_text(["all traffic", "nothing"])
    expect(panel.locator(".changes")).to_contain_text("ingress rule 2 of shop/db allowed it before")


def test_the_matrix_of_changes_has_only_rows_and_columns_that_change(page: OpenedPage, change: Path) -> None:
    shown = page.open(change)
    expect(shown.locator("[role=gridcell]")).to_have_count(16)
    shown.get_by_role("link", name="Only changes").click()
    expect(shown.locator("[role=gridcell]")).to_have_count(6)
    expect(shown.locator(".opened, .closed").locator("visible=true")).to_have_count(5)  # two are in the legend
    shown.locator("[role=gridcell].closed").click()
    expect(shown.locator("#asked")).to_be_focused()
    shown.keyboard.press("Escape")
    expect(shown.locator("[role=gridcell]")).to_have_count(6)


def test_the_changes_are_those_of_the_text(page: OpenedPage, change: Path) -> None:
    shown = page.open(change, "changes")
    listed = shown.locator("main .changes > li")
    expect(listed).to_have_count(5)
    expect(listed.first).to_contain_text(f"▲ opened: {WEB} → {DB}: TCP 5432")
    expect(listed.nth(3)).to_contain_text(
        "could now be reached by pods with app!=backup in a namespace with team=tools"
    )
    listed.first.get_by_role("link", name="Explain").click()
    expect(shown.locator("#asked")).to_have_text(f"{WEB} → {DB}")


def test_the_map_has_an_arrow_for_what_opens_and_for_what_closes(page: OpenedPage, change: Path) -> None:
    shown = page.open(change, "map")
    expect(shown.get_by_role("heading", level=2)).to_have_text(["What changes", "The cluster after the change"])
    first = shown.get_by_role("group", name="Map of the allowed connections").first
    assert "opened: web → db: + 5432" in first.locator("title").all_text_contents()
    assert_is_laid_out(shown)


def test_hostile_texts_of_a_change_are_text(page: OpenedPage, change: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)><b>"
    data = json.loads(page.open(change).locator("#report").text_content() or "")
    difference = data["difference"]
    difference |= dict.fromkeys(("from", "to", "summary", "closing"), hostile)
    for row in difference["rows"]:
        row["causes"] = [{**cause, "text": hostile} for cause in row["causes"]]
    for section in difference["sections"]:
        section["rows"] = [{"mark": "+", "sentence": hostile, "reasons": [hostile]} for _ in section["rows"]]
    difference["map"]["boxes"][0] |= {"lines": [hostile], "title": hostile}
    difference["map"]["lanes"][0]["name"] = hostile
    page.page.set_content(report_html(data))
    for names in (("changes",), ("map",), ("cell", WEB, DB)):
        page.page.evaluate("hash => { location.hash = hash; }", f"#/{'/'.join(map(quote_plus, names))}")
        shown = page.page.get_by_role("complementary" if names[0] == "cell" else "main")
        expect(shown.get_by_text(hostile).first).to_be_visible()
        assert page.page.locator("img, b").count() == 0


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes())
def test_each_cell_is_marked_as_the_difference_says(page: OpenedPage, both: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, both)
    kinds: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    data = after.report_data("random", since=before)
    for kind, source, destination, _ in pairs_of(before.diff(after), before, after):
        kinds[outside(source), outside(destination)].add(kind)
    page.page.set_viewport_size({"width": 2500, "height": 2000})
    page.page.set_content(after.report("random", since=before))
    expect(page.page.locator("[role=gridcell]")).to_have_count((len(data["rows"]) + 1) ** 2)
    cells = page.page.locator("[role=gridcell]").evaluate_all(
        "all => all.map(one => [one.getAttribute('aria-label').split(': ')[0], one.className])"
    )
    for label, classes in cells:
        sources, destinations = (side.split(", ") for side in label.split(" to "))
        found = set().union(*(kinds[one, other] for one in sources for other in destinations))
        mark = "changed" if len(found) == 2 else next(iter(found), None)
        assert {"opened", "closed", "changed"} & set(classes.split()) == ({mark} if mark else set()), label


def outside(end: str) -> str:
    """An end as a cell names it: addresses are outside the cluster."""
    return "outside the cluster" if end == "any address" or end[0] in "0123456789:" or "::" in end else end
