"""The page docs/learn.md has the lessons to read. `python -m tests.web.test_lesson_texts` writes them anew."""

from collections.abc import Iterator
from pathlib import Path

from ringfence.web.lesson_files import Lesson, lesson_names, read_lesson

PAGE = Path(__file__).parents[2] / "docs" / "learn.md"
HEADING = "## The lessons, to read\n"


def written(number: int, lesson: Lesson) -> Iterator[str]:
    """The pieces of a lesson as Markdown."""
    verdict = "allowed" if lesson.prediction["expect"] == "allow" else "denied"
    yield f"### {number}. {lesson.title}\n"
    yield lesson.idea
    yield f"```yaml\n{lesson.policy}```\n"
    yield f"**Question.**\n{lesson.question}"
    yield f"**Answer: it is {verdict}.**\n{lesson.answer}"
    yield f"**Task.**\n{lesson.task}"
    yield f"**Hint.**\n{lesson.hint}"
    yield f"**A solution:**\n\n```yaml\n{lesson.solution}```\n"


def lessons() -> str:
    """All lessons as Markdown."""
    pieces = [
        piece.rstrip("\n") + "\n"
        for number, name in enumerate(lesson_names(), 1)
        for piece in written(number, read_lesson(name))
    ]
    return HEADING + "\n" + "\n".join(pieces)


def page() -> str:
    """The page as it should be."""
    return PAGE.read_text().partition(HEADING)[0] + lessons()


def test_the_page_has_the_lessons_as_they_are() -> None:
    assert PAGE.read_text() == page()


if __name__ == "__main__":
    PAGE.write_text(page())
