"""The course in a browser: predict, write the policy, reach the goal; by mouse and by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ringfence.web.lesson_files import lesson_names, read_lesson
from tests.browser.pages import focused, opened_from, violations
from tests.web.local_pages import ServedPage, served_course


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServedPage]:
    with served_course(tmp_path) as found:
        yield found


@pytest.fixture
def page(browser: Browser, server: ServedPage) -> Iterator[Page]:
    with opened_from(browser, server) as opened:
        expect(opened.get_by_role("complementary", name="Lesson")).to_contain_text(f"Lesson 1 of {len(lesson_names())}")
        yield opened


def test_a_lesson_is_played_by_mouse(page: Page) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    expect(page.get_by_role("gridcell")).to_have_count(0)
    assert violations(page) == []
    lesson.get_by_role("button", name="Denied").click()
    expect(lesson).to_contain_text("✗ No: it is allowed.")
    expect(lesson.locator(".parts li")).to_contain_text(
        ["✓ web asks api", "✗ api asks db", "✓ api opens no connection"]
    )
    lesson.get_by_role("link", name="Explain").click()
    explanation = page.get_by_role("complementary", name="Explanation")
    expect(explanation).to_contain_text("shop/api → shop/db")
    expect(explanation).to_contain_text("Nothing may pass")
    assert violations(page) == []
    lesson.get_by_text("A solution").click()
    lesson.get_by_role("button", name="Put it into the editor").click()
    expect(lesson).to_contain_text("Goal reached.")
    expect(page.get_by_role("textbox", name="YAML of api")).to_have_value(read_lesson("01-direction").solution)
    expect(explanation).not_to_contain_text("Nothing may pass")  # it is about the policy as it is edited
    assert violations(page) == []
    lesson.get_by_role("link", name="Next").click()
    expect(lesson).to_contain_text("Lesson 2 of")
    assert page.url.endswith("#/lesson/2")
    lesson.get_by_text("All lessons").click()
    expect(lesson.get_by_role("listitem").first).to_contain_text("✓ finished")
    page.go_back()
    expect(lesson).to_contain_text("Lesson 1 of")


def test_the_goal_is_proven_in_the_laboratory_with_the_policy_as_it_is_edited(page: Page) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    lesson.get_by_role("button", name="Allowed").click()
    lesson.get_by_text("Prove it", exact=True).click()
    for reached in (False, True):
        if reached:
            page.get_by_role("textbox", name="YAML of").fill(read_lesson("01-direction").solution)
            expect(lesson).to_contain_text("Goal reached.")
        lesson.get_by_role("button", name="Prove the goal with real packets").click()
        said = [f"✓ {one['name']}: the kernel says the same as the page" for one in read_lesson("01-direction").goal]
        expect(lesson.locator(".proven li")).to_have_text(said)
    assert violations(page) == []


def test_where_the_laboratory_cannot_run_the_lesson_says_why(page: Page) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(json={"unproven": "no network namespaces: user namespaces are turned off", "probes": []})

    page.route("**/prove", refuse)
    lesson = page.get_by_role("complementary", name="Lesson")
    lesson.get_by_role("button", name="Allowed").click()
    lesson.get_by_text("Prove it", exact=True).click()
    expect(lesson).to_contain_text("Where it cannot run, the button says why. The rest of the course works without it.")
    lesson.get_by_role("button", name="Prove the goal with real packets").click()
    why = "it could not be proven: no network namespaces: user namespaces are turned off"
    expect(lesson.locator(".proven li")).to_contain_text([why] * 3)


def test_each_lesson_is_played_to_its_goal_one_after_another(page: Page) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    names = lesson_names()
    for number, name in enumerate(names, 1):
        told = read_lesson(name)
        expect(lesson).to_contain_text(f"Lesson {number} of {len(names)}")
        answer = "allowed" if told.prediction["expect"] == "allow" else "denied"
        lesson.get_by_role("button", name=answer.capitalize()).click()
        expect(lesson).to_contain_text(f"✓ Right: it is {answer}.")
        expect(lesson.locator(".parts .open")).not_to_have_count(0)
        page.get_by_role("textbox", name="YAML of").fill(told.solution)
        expect(lesson).to_contain_text("Goal reached.")
        expect(lesson.locator(".parts .reached")).to_have_count(len(told.goal))
        if number < len(names):
            lesson.get_by_role("link", name="Next: ").click()
    expect(lesson).to_contain_text("That was the last lesson.")
    lesson.get_by_text("All lessons").click()
    expect(lesson.get_by_text("✓ finished")).to_have_count(len(names))


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something with a name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page).startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_a_lesson_is_played_by_keyboard(page: Page) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    tab_to(page, "Allowed")
    page.keyboard.press("Enter")
    expect(lesson).to_contain_text("✓ Right: it is allowed.")
    assert "✓ Right" in focused(page)
    expect(page.get_by_role("textbox", name="YAML of api")).to_be_visible()
    tab_to(page, "YAML of api")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(
        read_lesson("01-direction").policy.replace("egress: []", "egress: [{to: [{podSelector: }]")
    )
    editor = page.get_by_role("region", name="Edit")
    expect(editor).to_contain_text("line")
    expect(lesson).not_to_contain_text("Goal reached.")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(read_lesson("01-direction").solution)
    expect(lesson).to_contain_text("Goal reached.")
    page.keyboard.press("Escape")
    tab_to(page, "Save to the file")
    page.once("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("Enter")
    expect(page.get_by_role("banner")).not_to_contain_text("Simulation")
    expect(lesson).to_contain_text("Goal reached.")


def test_each_lesson_is_played_by_keyboard_to_its_goal(page: Page) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    names = lesson_names()
    for number, name in enumerate(names, 1):
        told = read_lesson(name)
        expect(lesson).to_contain_text(f"Lesson {number} of {len(names)}")
        tab_to(page, "Allowed" if told.prediction["expect"] == "allow" else "Denied")
        page.keyboard.press("Enter")
        expect(lesson).to_contain_text("✓ Right")
        expect(page.get_by_role("textbox", name="YAML of")).to_be_visible()
        tab_to(page, "YAML of")
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(told.solution)
        expect(lesson).to_contain_text("Goal reached.")
        page.keyboard.press("Escape")
        if number < len(names):
            tab_to(page, "Next: ")
            page.keyboard.press("Enter")
    expect(lesson).to_contain_text("That was the last lesson.")


def test_a_link_into_a_lesson_opens_it_and_an_unknown_lesson_is_the_first(page: Page, server: ServedPage) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    page.goto(f"{server.origin}/#/lesson/3")
    expect(lesson).to_contain_text("Lesson 3 of")
    page.get_by_role("button", name="Denied").click()
    expect(lesson).to_contain_text("web may connect to api")
    page.goto(f"{server.origin}/#/lesson/99/policies")
    expect(lesson).to_contain_text("Lesson 1 of")


def test_of_lessons_that_are_opened_in_haste_the_last_is_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/lesson/2/report.json", lambda route: held.append(route))
    with page.expect_request("**/lesson/2/report.json"):
        page.evaluate("location.hash = '#/lesson/2'")
    page.evaluate("location.hash = '#/lesson/5'")
    lesson = page.get_by_role("complementary", name="Lesson")
    expect(lesson).to_contain_text("Lesson 5 of")
    with page.expect_response("**/lesson/2/report.json"):
        held[0].continue_()
    lesson.get_by_role("button", name="Denied").click()
    expect(page.get_by_role("textbox", name="YAML of db")).to_be_visible()
    expect(page.get_by_role("gridcell", name="test/web to shop/db")).to_be_visible()


def test_a_text_that_is_typed_before_one_goes_on_stays_in_its_lesson(page: Page) -> None:
    lesson = page.get_by_role("complementary", name="Lesson")
    lesson.get_by_role("button", name="Allowed").click()
    expect(page.get_by_role("textbox", name="YAML of api")).to_be_visible()
    with page.expect_response("**/lesson/1/edit"):
        page.evaluate(
            "text => { const area = document.querySelector('textarea'); area.value = text;"
            " area.dispatchEvent(new Event('input')); location.hash = '#/lesson/2'; }",
            read_lesson("01-direction").solution,
        )
    expect(lesson).to_contain_text("Lesson 2 of")
    page.go_back()
    expect(lesson).to_contain_text("Goal reached.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_has_everything_and_no_violation(browser: Browser, server: ServedPage, scheme: str) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": 375, "height": 800}
    )
    page = context.new_page()
    page.goto(server.entrance)
    page.get_by_role("button", name="Allowed").click()
    expect(page.get_by_role("textbox")).to_be_visible()
    expect(page.get_by_role("complementary", name="Lesson")).to_contain_text("api asks db")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    context.close()
