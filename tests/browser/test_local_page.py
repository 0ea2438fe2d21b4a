"""The local page in a browser: edits are answered as one types, and nothing else changes until one saves."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from ringfence.cluster import Cluster
from ringfence.model.origin import Range
from ringfence.model.text_edits import TextEdit, apply_edits
from ringfence.web import simulation
from tests.browser.matrix_cells import expected_cells
from tests.browser.pages import opened_from, violations
from tests.example_counts import examples
from tests.lab.sandboxes import in_sandbox
from tests.web.local_pages import ServedPage, served

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[ServedPage]:
    with served(lambda: Cluster.load(folder), "the example", test_folders=[folder]) as found:
        yield found


@pytest.fixture
def page(browser: Browser, server: ServedPage) -> Iterator[Page]:
    with opened_from(browser, server) as opened:
        expect(opened.get_by_role("gridcell")).to_have_count(25)
        yield opened


def cell(page: Page, ends: str) -> str:
    label = page.locator(f"[aria-label^='{ends}: ']").get_attribute("aria-label")
    assert label is not None
    return label.partition(": ")[2]


def open_policy(page: Page) -> None:
    page.get_by_role("link", name="Policies").click()
    page.get_by_role("link", name="prod/db-policy").click()


def test_the_token_does_not_stay_in_the_address(page: Page, server: ServedPage) -> None:
    assert page.url == f"{server.origin}/"
    assert page.title() == "the example - ringfence"


def test_the_smallest_edit_is_applied_by_a_click_and_the_cell_is_marked(page: Page, folder: Path) -> None:
    before = (folder / "db-policy.yaml").read_text()
    page.get_by_role("gridcell", name="prod/web to prod/db: nothing").click()
    panel = page.get_by_role("complementary", name="Explanation")
    expect(panel).to_contain_text("podSelector wants name=api-pod, prod/web has name=web-pod")
    panel.get_by_role("button", name="Apply it in this page").click()
    expect(panel.locator(".verdict")).to_have_text("◐ Only TCP 3306 may pass.")
    assert cell(page, "prod/web to prod/db") == "TCP 3306, opened by the edits"
    expect(page.get_by_role("banner")).to_contain_text("1 policy edited: opens 1, closes 0")
    assert violations(page) == []
    page.get_by_role("banner").get_by_role("link", name="Changes").click()
    assert page.get_by_role("row").all_inner_texts()[1].split("\t") == ["▲ opened", "prod/web", "prod/db", "TCP 3306"]
    assert (folder / "db-policy.yaml").read_text() == before


def test_the_map_has_arrows_for_what_the_edits_open_and_close(page: Page) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    area.fill(area.input_value().replace("name: api-pod", "name: web-pod"))
    expect(page.get_by_role("banner")).to_contain_text("1 policy edited: opens 1, closes 1")
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.get_by_role("heading", level=2)).to_have_text(["What changes", "The cluster without the edits"])
    arrows = page.get_by_role("group", name="Map of the allowed connections").first.locator("title").all_text_contents()
    assert {"opened: web → db: + 3306", "closed: api → db: - 3306"} <= set(arrows)
    assert violations(page) == []


def test_problems_are_shown_as_one_types_and_a_text_with_errors_does_not_count(page: Page) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    area.fill(area.input_value().replace("matchLabels", "matchLabel", 1))
    editor = page.get_by_role("region", name="Edit")
    expect(editor).to_contain_text('unknown field "spec.podSelector.matchLabel"')
    expect(editor).to_contain_text("remedy: write `matchLabels`")
    expect(editor).to_contain_text("1 with errors, which do not count")
    assert area.get_attribute("aria-invalid") == "true"
    assert violations(page) == []
    page.get_by_role("link", name="Matrix").click()
    assert cell(page, "prod/web to prod/db") == "nothing"


def test_lines_are_numbered_as_in_the_file_and_a_problem_leads_to_its_line(page: Page) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    before = area.bounding_box()
    area.fill(area.input_value().replace("podSelector", "podSelectr", 1))
    page.get_by_role("region", name="Edit").get_by_role("button", name="line 9").click()
    selected = area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert selected == "  podSelectr:"
    numbers = page.locator(".numbers").inner_text().split("\n")
    lines = area.input_value().split("\n")
    assert numbers[lines.index("  podSelectr:")] == "9"
    assert len(numbers) == len(lines)
    assert area.bounding_box() == before, "what is said about the edit moves the text"


def test_hostile_texts_that_are_typed_are_text(page: Page) -> None:
    open_policy(page)
    hostile = "<img src=x onerror=alert(1)>"
    area = page.get_by_role("textbox", name="YAML of db-policy")
    area.fill(area.input_value().replace("role: db", f'"{hostile}": db', 1))
    expect(page.get_by_role("region", name="Edit")).to_contain_text(hostile)
    assert page.locator("img").count() == 0


def test_mistakes_are_shown_as_one_types_and_corrected_by_a_click(page: Page) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    before = area.input_value()
    area.fill(before.replace("role: db", "role: dbb"))
    editor = page.get_by_role("region", name="Edit")
    expect(editor.locator(".mistakes")).to_contain_text("warning RF101 selects-nothing, line 9")
    assert violations(page) == []
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Findings").click()
    expect(page.locator("main .mistakes")).to_contain_text("the policy selects no pod")
    expect(page.locator("main .fix").first).to_have_text("-       role: dbb\n+       role: db")
    page.get_by_role("button", name="Apply it in this page").first.click()
    expect(area).to_have_value(before)
    expect(page.get_by_role("banner")).not_to_contain_text("Simulation")


def test_a_correction_is_applied_as_the_command_line_does(page: Page) -> None:
    text = 'a: [x, 😀y]\n  b: "ü"\nc'
    ranges = [(1, 5, 1, 6), (1, 9, 1, 10), (2, 1, 3, 1), (2, 6, 2, 9), (3, 2, 3, 2), (1, 1, 3, 2)]
    for one in ranges:
        for new in ("", "n", "two\nlines", "😀"):
            fix = dict(zip(("line", "column", "endLine", "endColumn"), one, strict=True)) | {"newText": new}
            fixed = page.evaluate(
                "async ([text, fix]) => (await import('/page/mistakes.js')).fixedText(text, 1, fix)", [text, fix]
            )
            assert fixed == apply_edits(text, [TextEdit("f", Range(*one), new)]), fix
    elsewhere = {"line": 9, "column": 1, "endLine": 9, "endColumn": 1, "newText": ""}
    assert page.evaluate("async fix => (await import('/page/mistakes.js')).fixedText('a', 1, fix)", elsewhere) is None


def test_an_edit_is_saved_when_one_confirms_it(page: Page, folder: Path) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    area.fill(area.input_value().replace("3306", "3307"))
    expect(page.get_by_role("region", name="Edit")).to_contain_text("opens 1, closes 1")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Save to the file").click()
    assert "3306" in (folder / "db-policy.yaml").read_text()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Save to the file").click()
    expect(page.get_by_role("banner")).to_contain_text("saved: ")
    assert "3307" in (folder / "db-policy.yaml").read_text()


def test_a_cell_is_kept_as_a_test_when_one_confirms_it(page: Page, folder: Path) -> None:
    page.get_by_role("gridcell", name="prod/api to prod/db: TCP 3306").click()
    kept = page.get_by_role("region", name="Test")
    kept.get_by_role("button", name="Keep this as a test").click()
    expect(kept).to_contain_text("prod/api -> prod/db on all but TCP 3306")
    assert violations(page) == []
    file = kept.get_by_role("combobox", name="File of the tests")
    assert file.input_value() == str(folder / "reachability-tests.yaml")
    page.once("dialog", lambda dialog: dialog.dismiss())
    kept.get_by_role("button", name="Add it to the file").click()
    assert not Path(file.input_value()).exists()
    page.once("dialog", lambda dialog: dialog.accept())
    kept.get_by_role("button", name="Add it to the file").click()
    expect(page.get_by_role("banner")).to_contain_text(f"The tests were added to {folder}")
    assert Cluster.load(folder).test(folder)


def test_what_is_typed_is_text_whatever_key_it_is(page: Page) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    area.press("Control+End")
    page.keyboard.type("# [10.0.0.0/8] ]")
    expect(area).to_be_focused()
    assert area.input_value().endswith("# [10.0.0.0/8] ]")


def test_who_types_goes_on_where_he_is_when_the_cluster_changes(page: Page, server: ServedPage, folder: Path) -> None:
    open_policy(page)
    area = page.get_by_role("textbox", name="YAML of db-policy")
    area.press("Control+End")
    page.keyboard.type("# a note")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    (folder / "more.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: new, namespace: prod}}\n")
    server.read_again()
    page.get_by_role("banner").get_by_text("Simulation").wait_for()
    page.wait_for_function("document.querySelector('textarea')?.value.endsWith('# a note')")
    expect(area).to_be_focused()
    page.keyboard.type("new ")
    expect(area).to_have_value(re.compile("# a new note$"))


def test_the_matrix_stays_where_it_is_when_the_cluster_changes(page: Page, server: ServedPage, folder: Path) -> None:
    page.set_viewport_size({"width": 400, "height": 500})
    grid = page.get_by_role("grid")
    page.locator("[data-cell='2,1']").focus()
    place = "one => [one.scrollLeft, one.scrollTop]"
    grid.evaluate("one => { one.scrollLeft = 60; one.scrollTop = 20 }")
    before = grid.evaluate(place)
    (folder / "more.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: new, namespace: staging}}\n")
    server.read_again()
    expect(page.get_by_role("main")).to_contain_text("5 workloads")
    assert grid.evaluate(place) == before != [0, 0]
    expect(page.locator("[data-cell='2,1']")).to_be_focused()


def test_a_file_that_changes_is_shown(page: Page, server: ServedPage, folder: Path) -> None:
    (folder / "db-policy.yaml").unlink()
    server.read_again()
    expect(page.locator("[aria-label='prod/web to prod/db: all traffic']")).to_be_visible()


def test_mistakes_stay_while_they_are_looked_for_again(
    page: Page, server: ServedPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "LONG", 0)
    text = (folder / "db-policy.yaml").read_text()
    (folder / "db-policy.yaml").write_text(text.replace("role: db", "role: dbb"))
    server.read_again()
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Findings").click()
    found = page.locator("main")
    expect(found).to_contain_text("the policy selects no pod")
    may_go_on = threading.Event()
    find_rest = simulation.Simulation.find_rest

    def find_late(of: simulation.Simulation) -> simulation.RestOfReport:
        may_go_on.wait(30)
        return find_rest(of)

    monkeypatch.setattr(simulation.Simulation, "find_rest", find_late)
    (folder / "db-policy.yaml").write_text(text)
    reading = threading.Thread(target=server.read_again)
    reading.start()
    expect(found).to_contain_text("These are as they were before, and are being looked for again.")
    expect(found).to_contain_text("the policy selects no pod")
    expect(found.locator(".fix")).to_have_count(0)
    assert violations(page) == []
    page.goto(f"{server.origin}/#/workload/{quote('prod/db', safe='')}")
    expect(found).to_contain_text("This is as it was before the last change, and is being computed.")
    page.reload()
    expect(found).to_contain_text("What they could reach is being computed.")
    may_go_on.set()
    reading.join(30)
    expect(found).to_contain_text("Which pods could connect to it")
    expect(found).not_to_contain_text("computed")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Findings").click()
    expect(found).not_to_contain_text("looked for")
    expect(found).not_to_contain_text("the policy selects no pod")


PORTS = st.sampled_from(["3306", "80", "1-65535"])
PEERS = st.sampled_from(["name: api-pod", "name: web-pod", "role: db"])


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([80, 3306]), PEERS, st.booleans())
def test_after_an_edit_each_cell_says_what_the_cluster_with_it_answers(
    page: Page, folder: Path, number: int, peer: str, isolates_egress: bool
) -> None:
    types = "[Ingress, Egress]" if isolates_egress else "[Ingress]"
    text = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db-policy, namespace: prod}\n"
        f"spec:\n  podSelector: {{matchLabels: {{role: db}}}}\n  policyTypes: {types}\n"
        f"  ingress: [{{from: [{{podSelector: {{matchLabels: {{{peer}}}}}}}], ports: [{{port: {number}}}]}}]\n"
    )
    open_policy(page)
    page.get_by_role("textbox", name="YAML of db-policy").fill(text)
    expect(page.get_by_role("region", name="Edit")).to_contain_text("1 policy edited")
    page.wait_for_timeout(0)
    with page.expect_response("**/edit"):
        page.get_by_role("textbox", name="YAML of db-policy").press_sequentially("#")
    page.get_by_role("link", name="Matrix").click()
    edited = Cluster.load(folder)
    edited.leave_out("prod/db-policy")
    (folder / "edited").mkdir(exist_ok=True)
    (folder / "edited" / "policy.yaml").write_text(text)
    edited.suppose(folder / "edited" / "policy.yaml")
    for ends, said in expected_cells(edited).items():
        if "outside" not in ends:
            assert cell(page, ends).partition(", ")[0] == said.partition(", ")[0], ends


def test_a_cell_is_proven_by_real_packets(page: Page) -> None:
    in_sandbox(lambda: None)  # skips where there can be no laboratory
    page.get_by_role("gridcell", name="prod/api to prod/db: TCP 3306").click()
    proof = page.get_by_role("region", name="Proof")
    proof.get_by_role("button", name="Prove it with real packets").click()
    expect(proof).to_contain_text("The kernel says the same.", timeout=60_000)
    expect(proof.get_by_role("row", name="TCP 3306 allowed answered")).to_be_visible()
    expect(proof.get_by_role("row", name="TCP 9999 denied no answer")).to_be_visible()
    assert violations(page) == []


def test_the_page_says_why_a_cell_cannot_be_proven(page: Page) -> None:
    page.get_by_role("gridcell", name="prod/web to prod/web").click()
    proof = page.get_by_role("region", name="Proof")
    proof.get_by_role("button", name="Prove it with real packets").click()
    expect(proof).to_contain_text("It could not be proven: both ends are one pod")
