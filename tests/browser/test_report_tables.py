"""The tables of a report in a browser: of policies, and of one workload."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.pages import BOXES, OpenedPage, opened
from tests.browser.shop import CHECKOUT


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
