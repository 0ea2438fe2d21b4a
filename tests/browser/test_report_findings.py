"""The findings of a report in a browser: mistakes, problems of the input, and policies that are not read."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ringfence.cluster import Cluster
from ringfence.render.reports import report_html
from tests.browser.pages import OpenedPage, violations
from tests.render.reports.test_findings import TEXT
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod


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
