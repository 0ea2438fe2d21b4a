"""The lessons of the course: the engine agrees with what they say, and their goals can be reached."""

from difflib import ndiff
from pathlib import Path

import pytest

from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.testing.outcomes import JudgedTest, Status
from ringfence.web.lesson_files import Lesson, decode_lesson, lesson_names, read_lesson


def cluster(folder: Path, lesson: Lesson, policy: str) -> Cluster:
    """The cluster of a lesson with a text of its policy; an error in it is raised."""
    (folder / "cluster.yaml").write_text(lesson.cluster)
    (folder / "policy.yaml").write_text(policy)
    return Cluster.load(folder, strict=True)


def bad(outcomes: list[JudgedTest]) -> list[str]:
    return [f"{one.test.name}: {one.status}: {one.message}" for one in outcomes if one.status is not Status.PASSED]


@pytest.mark.parametrize("name", lesson_names())
def test_the_right_prediction_is_the_engine_s(name: str, tmp_path: Path) -> None:
    lesson = read_lesson(name)
    assert bad(list(cluster(tmp_path, lesson, lesson.policy).judged([lesson.predicted]))) == []


@pytest.mark.parametrize("name", lesson_names())
def test_a_lesson_starts_short_of_its_goal(name: str, tmp_path: Path) -> None:
    lesson = read_lesson(name)
    outcomes = list(cluster(tmp_path, lesson, lesson.policy).judged(lesson.goal_tests))
    assert {one.status for one in outcomes} <= {Status.PASSED, Status.FAILED}, bad(outcomes)
    assert bad(outcomes)


@pytest.mark.parametrize("name", lesson_names())
def test_the_solution_of_a_lesson_reaches_its_goal(name: str, tmp_path: Path) -> None:
    lesson = read_lesson(name)
    assert bad(list(cluster(tmp_path, lesson, lesson.solution).judged(lesson.goal_tests))) == []


@pytest.mark.parametrize("name", lesson_names())
def test_neither_no_policy_nor_denying_everything_reaches_a_goal(name: str, tmp_path: Path) -> None:
    lesson = read_lesson(name)
    assert bad(list(cluster(tmp_path, lesson, "").judged(lesson.goal_tests)))
    (policy,) = cluster(tmp_path, lesson, lesson.policy).policies()
    metadata = f"metadata: {{name: deny, namespace: {policy.metadata.namespace}}}"
    spec = "spec: {podSelector: {}, policyTypes: [Ingress, Egress]}"
    deny = f"{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, {metadata}, {spec}}}"
    assert bad(list(cluster(tmp_path, lesson, deny).judged(lesson.goal_tests)))


def test_each_lesson_has_a_title_of_its_own_and_a_number() -> None:
    names = lesson_names()
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))
    assert len({read_lesson(name).title for name in names}) == len(names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x", "missing required field `idea`"),
        ("[]", "Expected `object`"),
        ("{title: a", "lesson mine: "),
        ("a: 1\n---\nb: 2", "lesson mine: "),
    ],
)
def test_a_lesson_with_a_mistake_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InputError, match="lesson mine: ") as caught:
        decode_lesson(text, "mine")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", lesson_names())
def test_a_lesson_takes_two_minutes(name: str) -> None:
    """A minute to read at most 200 words, and one to change at most eight lines of the policy."""
    lesson = read_lesson(name)
    assert sum(len(text.split()) for text in (lesson.idea, lesson.question, lesson.answer, lesson.task)) <= 200
    written = ndiff(lesson.policy.splitlines(), lesson.solution.splitlines())
    assert sum(line.startswith("+ ") for line in written) <= 8


def test_each_idea_of_the_course_has_its_lesson() -> None:
    assert [name.partition("-")[2] for name in lesson_names()] == [
        "direction",
        "open-by-default",
        "labels",
        "one-direction",
        "pod-selector",
        "namespace-selector",
        "one-dash",
        "ports",
        "ip-block",
        "several-rules",
        "dns",
        "enforcement",
    ]
