"""What the course asks its server: the texts of each lesson, and whether its goal is reached."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.web.local_pages import ServedPage, served_course

from ringfence.cluster import Cluster
from ringfence.web.lesson_files import lesson_names, read_lesson

API = {"kind": "NetworkPolicy", "namespace": "shop", "name": "api"}


@pytest.fixture
def course(tmp_path: Path) -> Iterator[ServedPage]:
    with served_course(tmp_path) as found:
        yield found


def goal(course: ServedPage, number: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = course.ask_json(f"/lesson/{number}/goal")
    return found


def test_each_lesson_has_its_texts_and_a_cluster_of_its_own(course: ServedPage) -> None:
    for number, name in enumerate(lesson_names(), 1):
        told = course.ask_json(f"/lesson/{number}/lesson")
        assert told["title"] == read_lesson(name).title
        policies = course.ask_json(f"/lesson/{number}/report.json")["policies"]
        assert told["policyFile"] in {policy["file"] for policy in policies}


def test_the_goal_is_judged_with_the_edits_and_says_why_it_is_not_reached(course: ServedPage) -> None:
    before = goal(course)
    assert not before["reached"]
    (failed,) = (one for one in before["tests"] if not one["passes"])
    assert (failed["source"], failed["destination"]) == ("shop/api", "shop/db")
    assert failed["message"] == "shop/api may not reach shop/db on TCP 5432"
    assert "shop/api" in failed["reasons"]
    solution = course.ask_json("/lesson/1/lesson")["solution"]
    assert course.ask_json("/lesson/1/edit", {**API, "text": solution})["problems"] == []
    assert goal(course)["reached"]


def test_an_edit_in_one_lesson_stays_out_of_the_others(course: ServedPage) -> None:
    course.ask_json("/lesson/1/edit", {**API, "text": ""})
    assert course.ask_json("/lesson/1/report.json")["simulation"]["edits"]
    assert not course.ask_json("/lesson/2/report.json")["simulation"]["edits"]


def test_a_saved_solution_passes_the_tests_that_the_commands_name(course: ServedPage) -> None:
    told = course.ask_json("/lesson/1/lesson")
    course.ask_json("/lesson/1/edit", {**API, "text": told["solution"]})
    course.ask_json("/lesson/1/save", {**API, "text": told["solution"]})
    assert Path(told["policyFile"]).read_text() == told["solution"]
    _, _, tests, _, manifests, _ = told["commands"][0].split()
    assert Cluster.load(manifests).test(tests)
    assert goal(course)["reached"]


@pytest.mark.parametrize("path", ["/lesson/99/lesson", "/lesson/0/goal", "/report.json", "/lesson/1/nothing"])
def test_there_is_nothing_beside_the_lessons(course: ServedPage, path: str) -> None:
    assert course.ask(path)[0] == 404


def test_titles_in_the_page_are_text(course: ServedPage) -> None:
    _, _, page = course.ask("/")
    assert f'data-lessons="[&quot;{read_lesson(lesson_names()[0]).title}&quot;' in page
