"""The page of a report in a browser: by mouse, by keyboard, by link, on paper and without a network."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Browser, Locator, Page, expect

from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.render.formats import json_line
from ringfence.render.reports import report_html
from ringfence.sets.addresses import Addresses
from tests import strategies
from tests.browser.pages import OpenedPage, opened, violations
from tests.example_counts import examples
from tests.render import hostile_text
from tests.render.reports.test_findings import TEXT
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, pod, policy

ROOT = Path(__file__).parents[2]
OUTSIDE = "outside the cluster"
BOXES = "all => all.map(one => { const b = one.getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom] })"
CHECKOUT, ORDERS = "shop/Deployment/checkout", "shop/StatefulSet/orders-db"
PRINTED_SIZES = """parts => parts.map(part => {
  const all = [part, ...part.querySelectorAll(".cell, .head span")].map(one => one.getBoundingClientRect());
  return [Math.max(...all.slice(1).map(one => one.right)) - all[0].left, all[0].height];
})"""
TEXTS_OUTSIDE = """boxes => boxes.flatMap(box => [...box.parentElement.querySelectorAll("text")].filter(text => {
  const [b, t] = [box.getBoundingClientRect(), text.getBoundingClientRect()];
  return t.left < b.left || t.right > b.right || t.top < b.top - 1 || t.bottom > b.bottom + 1;
}).map(text => text.textContent))"""
VIEWS = {
    "matrix": (),
    "map": ("map",),
    "map of a namespace": ("map", "shop"),
    "cell": ("cell", CHECKOUT, ORDERS),
    "denied cell": ("cell", ORDERS, CHECKOUT),
    "cell from outside": ("cell", "outside", "edge/Deployment/ingress-controller"),
    "workload": ("workload", CHECKOUT),
    "policies": ("policies",),
    "policy": ("policy", "NetworkPolicy", "shop/orders-db"),
    "findings": ("findings",),
    "dead link": ("workload", "shop/Deployment/gone"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "shop.html"
    file.write_text(Cluster.load(ROOT / "examples" / "shop").report("the shop"))
    return file


@pytest.fixture
def page(browser: Browser) -> Iterator[OpenedPage]:
    with opened(browser) as found:
        yield found
        assert found.errors == []


def focused(page: Page) -> str:
    text = page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
    return str(text)


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


def scrolled(grid: Locator) -> list[float]:
    """How far a matrix is scrolled down and across."""
    found: list[float] = grid.evaluate("grid => [grid.scrollTop, grid.scrollLeft]")
    return found


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
    file.write_text(
        Cluster.load(ROOT / "examples" / "shop").report(sources=["shop/*"], destinations=[ORDERS, "shop/queue"])
    )
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


def test_a_report_of_a_plugin_says_what_it_changes(page: OpenedPage, tmp_path: Path) -> None:
    file = tmp_path / "cilium.html"
    file.write_text(Cluster.load(ROOT / "examples" / "shop").as_enforced_by("cilium@1.19").report())
    shown = page.open(file, "cell", CHECKOUT, ORDERS)
    expect(shown.locator(".command code")).to_have_text(f"ringfence explain {CHECKOUT} {ORDERS} --plugin cilium@1.19")
    shown.get_by_role("link", name="as Cilium 1.19 enforces policies").click()
    expect(shown.get_by_role("heading", name="What Cilium 1.19 changes")).to_be_visible()
    assert violations(shown) == []


def test_the_page_of_a_workload_says_which_pods_to_come_could_reach_it(page: OpenedPage, shop: Path) -> None:
    table = page.open(shop, "workload", CHECKOUT).get_by_role("table").filter(has_text="possible pods and addresses")
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    assert rows == [
        ["pods with app=prometheus of namespace monitoring", "ingress", "TCP 8081"],
        ["pods with app=storefront of namespace shop", "ingress", "TCP 8080"],
        ["pods with k8s-app=kube-dns of namespace kube-system", "egress", "TCP 53; UDP 53"],
        ["pods with app=cart of namespace shop", "egress", "TCP ports named http"],
        ["pods with app=orders-db of namespace shop", "egress", "TCP ports named postgres"],
        ["pods with app=queue of namespace shop", "egress", "TCP ports named amqp"],
        ["203.0.113.40/32", "egress", "TCP 443"],
    ]


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


def assert_is_laid_out(shown: Page) -> None:
    """Boxes are apart, texts are in their boxes, and boxes in their picture."""
    pictures = shown.get_by_role("group", name="Map of the allowed connections").all()
    assert pictures
    for picture in pictures:
        boxes = picture.locator(".box").evaluate_all(BOXES)
        apart = (
            one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            for one, other in combinations(boxes, 2)
        )
        assert all(apart)
        assert picture.locator(".box").evaluate_all(TEXTS_OUTSIDE) == []
        whole = picture.evaluate(f"one => ({BOXES})([one])")[0]
        for one in boxes:
            assert whole[0] <= one[0]
            assert whole[1] <= one[1]
            assert one[2] <= whole[2]
            assert one[3] <= whole[3]


def test_a_mistake_is_shown_with_its_correction_and_at_its_line(page: OpenedPage, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(TEXT)
    (tmp_path / "shop.html").write_text(Cluster.load(tmp_path / "shop.yaml").report())
    shown = page.open(tmp_path / "shop.html", "findings")
    first = shown.locator(".by-rule", has_text="RF101").locator(".mistakes > li")
    expect(first).to_contain_text("shop/db line 9")
    expect(first.locator(".fix")).to_contain_text("+   podSelector: {matchLabels: {app: db}}")
    assert violations(shown) == []
    first.get_by_role("link").click()
    expect(shown.locator(".line", has=shown.locator(".flag")).first).to_contain_text(
        "9  podSelector: {matchLabels: {app: dbs}}! RF101"
    )
    assert violations(shown) == []


@pytest.mark.parametrize("is_found", [True, False], ids=["a mistake", "not a mistake"])
def test_a_policy_that_is_not_read_is_listed_once(page: OpenedPage, tmp_path: Path, is_found: bool) -> None:
    """It is an assumption of the answers, too, and usually a mistake, which says most about it."""
    cluster = cluster_of([pod("x/a", {"app": "a"}), pod("x/b", {"app": "b"})])
    cluster.upsert(
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "NetworkPolicy",
            "metadata": {"namespace": "x", "name": "guard"},
            "spec": {"selector": "app == 'a'", "ingress": [{"action": "Allow"}]},
        }
    )
    data = cluster.report_data("unread")
    if not is_found:
        data["findings"]["found"] = []
    (tmp_path / "unread.html").write_text(report_html(data))
    main = page.open(tmp_path / "unread.html", "findings").locator("main")
    listed = main.locator("li", has_text="x/guard")
    expect(listed).to_have_count(1)
    expect(listed).to_contain_text("it may change the ingress of the pods that it selects")
    heading = "warning RF137" if is_found else "Policies that are not read 1 item"
    expect(main.locator("h2, summary").filter(has_text=heading)).to_have_count(1)
    expect(main.locator("h2", has_text="What the answers assume")).to_have_count(0)


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


@pytest.mark.parametrize(("width", "are_told"), [(1440, True), (375, False)])
def test_what_keys_do_is_told_where_there_are_keys(browser: Browser, shop: Path, width: int, are_told: bool) -> None:
    with opened(browser, width=width) as found:
        expect(found.open(shop).get_by_text("Arrow keys move")).to_be_visible(visible=are_told)


def test_the_heads_of_a_table_stay_in_view(page: OpenedPage, large: Path) -> None:
    shown = page.open(large, "policies")
    shown.get_by_role("link", name="n9/p209", exact=True).scroll_into_view_if_needed()
    assert shown.evaluate("scrollY") > 1000
    expect(shown.get_by_role("columnheader", name="Selects")).to_be_in_viewport(ratio=1)


def test_on_a_phone_each_row_of_a_table_is_a_card(browser: Browser, shop: Path) -> None:
    with opened(browser, width=375) as found:
        shown = found.open(shop, "policies")
        row = shown.get_by_role("row").filter(has=shown.get_by_role("link", name="edge/be-measured"))
        name, *cells = row.locator("th, td:not(:empty)").evaluate_all(BOXES)
        assert all(name[3] <= cell[1] and cell[2] <= 375 for cell in cells)
        heads = row.locator("td").evaluate_all("all => all.map(one => getComputedStyle(one, '::before').content)")
        assert heads[:3] == ['"Selects: "', '"Ingress: "', '"Egress: "']


@pytest.mark.parametrize("names", [(), ("policies",), ("findings",)])
def test_without_objects_the_page_says_so(page: OpenedPage, tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "empty.html").write_text(Cluster().report())
    shown = page.open(tmp_path / "empty.html", *names)
    expect(shown.get_by_role("heading", level=1)).to_have_count(1)
    expect(shown.get_by_role("table")).to_have_count(0)
    expect(shown.get_by_role("grid")).to_have_count(0)
    expect(shown.locator("main")).not_to_contain_text("Every workload")
    assert violations(shown) == []


def test_what_is_wrong_with_the_input_is_above_the_mistakes(page: OpenedPage, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: b: c\n")
    cluster = Cluster.load(tmp_path / "broken.yaml")
    (tmp_path / "broken.html").write_text(cluster.report())
    shown = page.open(tmp_path / "broken.html")
    expect(shown.locator("main")).to_contain_text("It has problems")
    shown.get_by_role("banner").get_by_role("link", name="Not everything is read: 1 problem").click()
    expect(shown.get_by_role("heading", level=2).first).to_have_text("Problems of the input 1 item")
    assert violations(shown) == []


def test_many_workloads_of_a_policy_are_folded_by_namespace(page: OpenedPage, tmp_path: Path) -> None:
    cluster = Cluster()
    for number in range(60):
        cluster.upsert(pod(f"n{number % 2}/p{number:02}", {"app": f"a{number}"}))
    (tmp_path / "open.html").write_text(cluster.report())
    shown = page.open(tmp_path / "open.html", "findings")
    expect(shown.locator("main").get_by_role("link")).to_have_count(0)
    shown.get_by_text("n1 30 workloads").click()
    expect(shown.locator("main").get_by_role("link")).to_have_count(30)


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


def expected_cells(cluster: Cluster) -> dict[str, str]:
    """What each cell must say: the engine's connections, for the workloads that the data has in one row."""
    data = cluster.report_data("random")
    namespaces, workloads = data["namespaces"], data["workloads"]
    references = [Reference(namespaces[one["namespace"]], one["kind"], one["name"]) for one in workloads]
    rows: list[list[int]] = [[] for _ in data["rows"]]
    for number, one in enumerate(workloads):
        rows[one["class"]].append(number)
    titles = [", ".join(str(references[number]) for number in members) for members in rows]
    found = {(one.source, one.destination): str(one.traffic) for one in cluster.connections()}
    outside: defaultdict[tuple[object, str], list[str]] = defaultdict(list)
    for (source, destination), traffic in found.items():
        if isinstance(destination, Addresses):
            outside[source, "to"].append(f"{destination}: {traffic}")
        if isinstance(source, Addresses):
            outside[destination, "from"].append(f"{source}: {traffic}")
    if not rows:
        return {}
    expected = {f"{OUTSIDE} to {OUTSIDE}": "both are outside the cluster"}
    for members, title in zip(rows, titles, strict=True):
        for others, other in zip(rows, titles, strict=True):
            first, last = members[0], others[-1]
            if first == last and not workloads[first].get("several"):
                said = "one pod, which always reaches itself"
            else:
                said = found.get((references[first], references[last]), "nothing")
            expected[f"{title} to {other}"] = said
        expected[f"{title} to {OUTSIDE}"] = "; ".join(outside[references[members[0]], "to"]) or "nothing"
        expected[f"{OUTSIDE} to {title}"] = "; ".join(outside[references[members[0]], "from"]) or "nothing"
    return expected


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


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 300 unlike workloads."""
    cluster = Cluster()
    for number in range(300):
        cluster.upsert(pod(f"n{number % 20}/p{number:03}", {"app": f"a{number}"}))
        peer = {"podSelector": {"matchLabels": {"app": f"a{number // 2}"}}, "namespaceSelector": {}}
        rule = {"from": [peer], "ports": [{"port": number + 1}]}
        cluster.upsert(policy(f"n{number % 20}/p{number}", {"matchLabels": {"app": f"a{number}"}}, ingress=[rule]))
    file = tmp_path_factory.mktemp("large") / "large.html"
    file.write_text(cluster.report("large"))
    return file


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
