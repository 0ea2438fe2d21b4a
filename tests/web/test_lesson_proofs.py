"""The solution of each lesson, proven in the laboratory: the kernel says what the engine says."""

from pathlib import Path

import pytest
from tests.lab.sandboxes import in_sandbox
from tests.web.test_lesson_files import bad, cluster

from ringfence.lab.kernel_outcomes import beside_kernel
from ringfence.testing.outcomes import ColumnStatus, JudgedTests
from ringfence.web.lesson_files import lesson_names, read_lesson


@pytest.mark.parametrize("name", lesson_names())
def test_the_kernel_agrees_that_the_solution_reaches_the_goal(name: str, tmp_path: Path) -> None:
    in_sandbox(lambda: None)  # skips where there can be no laboratory
    lesson = read_lesson(name)
    solved = cluster(tmp_path, lesson, lesson.solution)
    proven = beside_kernel(solved, JudgedTests(tuple(solved.judged(lesson.goal_tests)))).outcomes
    assert bad(list(proven)) == []
    assert {one.columns.kernel.status for one in proven if one.columns} == {ColumnStatus.PASSED}
