"""The course about policies. Each lesson has its own cluster, whose policy the user edits in the page.

The manifests of the lessons are files in a folder, so that a policy can be saved, and tested in the laboratory.
"""

from pathlib import Path
from shlex import quote
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from ringfence.cluster import Cluster
from ringfence.render.formats import Json, yaml_text
from ringfence.testing.outcomes import JudgedTest, Status
from ringfence.testing.reachability_tests import Connects
from ringfence.web.app import LocalPage, asking_routes, page_routes
from ringfence.web.lesson_files import Lesson, lesson_names, read_lesson
from ringfence.web.simulation import Simulation

FILE_OF_POLICY: Final = "policy.yaml"


class LessonPage(LocalPage):
    """The requests of the page about one lesson: its texts, its cluster, and whether its goal is reached."""

    def __init__(self, lesson: Lesson, folder: Path) -> None:
        self._lesson = lesson
        manifests = folder / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "cluster.yaml").write_text(lesson.cluster, "utf-8")
        (manifests / FILE_OF_POLICY).write_text(lesson.policy, "utf-8")
        (folder / "goal.yaml").write_text(yaml_text(lesson.goal_document), "utf-8")
        self._manifests = manifests
        # A lesson is read like any other folder, so saving and reading again work in it without any code of their own.
        super().__init__(Simulation(lambda: Cluster.load(manifests), lesson.title))

    async def lesson(self, _: Request) -> Response:
        """The texts of the lesson."""
        return await self._answered(self._lesson_json)

    def _lesson_json(self) -> Json:
        lesson, folder = self._lesson, self._manifests
        goal, manifests = quote(str(folder.parent / "goal.yaml")), quote(str(folder))
        return {
            "title": lesson.title,
            "idea": lesson.idea,
            "question": lesson.question,
            "isAllowed": lesson.prediction["expect"] == "allow",
            "answer": lesson.answer,
            "task": lesson.task,
            "hint": lesson.hint,
            "cluster": lesson.cluster,
            "policy": lesson.policy,
            "solution": lesson.solution,
            "policyFile": str(folder / FILE_OF_POLICY),
            "commands": [
                f"ringfence test {goal} -f {manifests} --lab",
                f"ringfence lab run -f {manifests}",
            ],
        }

    async def goal(self, _: Request) -> Response:
        """Which parts of the goal are reached with the edits."""
        return await self._answered(self._judged)

    def _judged(self) -> Json:
        outcomes = self._simulation.judged(self._lesson.goal_tests)
        return {
            "reached": all(one.status is Status.PASSED for one in outcomes),
            "tests": [_outcome_json(one) for one in outcomes],
        }


def course_app(folder: Path) -> Starlette:
    """The routes of the page with all lessons, whose manifests are written into a folder of their own in `folder`."""
    names = lesson_names()
    pages = [LessonPage(read_lesson(name), folder / name) for name in names]
    lessons = [
        Mount(
            f"/lesson/{number}", routes=[*asking_routes(page), Route("/lesson", page.lesson), Route("/goal", page.goal)]
        )
        for number, page in enumerate(pages, 1)
    ]
    return Starlette(routes=[*page_routes([read_lesson(name).title for name in names]), *lessons])


def _outcome_json(outcome: JudgedTest) -> Json:
    expectation = outcome.test.expectation
    ends = (
        {"source": expectation.sources[0], "destination": expectation.destinations[0]}
        if isinstance(expectation, Connects)
        else {}
    )
    return {
        "name": outcome.test.name,
        "passes": outcome.status is Status.PASSED,
        "message": outcome.message,
        **({"reasons": outcome.explanation.reasons} if outcome.explanation else {}),
        **ends,
    }
