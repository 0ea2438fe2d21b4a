"""The lessons of the course about policies: their texts, questions and goals, and the cluster of each.

A lesson is a YAML file in the folder `lessons`, and the names of the files give the order. Its prediction and its goal
are tests as in test files (docs/test.md), so the engine judges both.
"""

from functools import cached_property
from importlib.resources import files
from typing import Any, Final

import msgspec

from ringfence.errors import InputError
from ringfence.model.origin import Origin
from ringfence.sources.manifests import parse_yaml
from ringfence.testing.decoding import API_VERSION, decode_tests
from ringfence.testing.reachability_tests import KIND, ReachabilityTest

_LESSONS: Final = files("ringfence.web") / "lessons"


class Lesson(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One lesson.

    The texts are plain, with paragraphs and with names in backquotes. `prediction` is a test with the right answer to
    the question about the cluster with `policy`. With `solution` as the text of the policy, all of `goal` passes.
    """

    title: str
    idea: str
    question: str
    prediction: dict[str, Any]
    answer: str
    task: str
    hint: str
    goal: list[dict[str, Any]]
    cluster: str
    policy: str
    solution: str

    @property
    def goal_document(self) -> dict[str, Any]:
        """The goal as the document of a test file."""
        return {"apiVersion": API_VERSION, "kind": KIND, "tests": self.goal}

    @cached_property
    def goal_tests(self) -> tuple[ReachabilityTest, ...]:
        """The tests of the goal. Raises InputError if they have problems."""
        return _tests(self.goal_document)

    @cached_property
    def predicted(self) -> ReachabilityTest:
        """The test with the right prediction. Raises InputError if it has problems."""
        return _tests({"apiVersion": API_VERSION, "kind": KIND, "tests": [self.prediction]})[0]


def lesson_names() -> list[str]:
    """The names of all lessons in their order: `01-direction`."""
    return sorted(file.name.removesuffix(".yaml") for file in _LESSONS.iterdir() if file.name.endswith(".yaml"))


def read_lesson(name: str) -> Lesson:
    """A lesson by its name. Raises InputError for a field that is missing, unknown or of another type."""
    return decode_lesson((_LESSONS / f"{name}.yaml").read_text("utf-8"), name)


def decode_lesson(text: str, name: str) -> Lesson:
    """The lesson in a text. Raises InputError for a field that is missing, unknown or of another type."""
    try:
        (tree,) = parse_yaml(text)
        return msgspec.convert(tree, Lesson)
    except (InputError, ValueError, msgspec.ValidationError) as error:
        raise InputError(f"lesson {name}: {error}") from error


def _tests(document: dict[str, Any]) -> tuple[ReachabilityTest, ...]:
    decoded = decode_tests(document, Origin(file="goal"))
    if decoded.problems:
        raise InputError("\n".join(map(str, decoded.problems)))
    return decoded.tests
