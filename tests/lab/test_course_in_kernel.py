"""The commands of the course prove its solutions: the kernel reaches the goals that the engine says are reached."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.lab.sandboxes import in_sandbox

from ringfence.cli import cli
from ringfence.render.formats import yaml_text
from ringfence.web.lesson_files import read_lesson


def nothing() -> None:
    """Work for a sandbox, which is skipped where there can be none."""


@pytest.mark.parametrize("name", ["01-direction", "08-ports", "09-ip-block", "11-dns"])
def test_the_kernel_reaches_the_goal_of_a_lesson(name: str, tmp_path: Path) -> None:
    in_sandbox(nothing)
    lesson = read_lesson(name)
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "cluster.yaml").write_text(lesson.cluster)
    (manifests / "policy.yaml").write_text(lesson.solution)
    (tmp_path / "goal.yaml").write_text(yaml_text(lesson.goal_document))
    result = CliRunner().invoke(cli, ["test", str(tmp_path / "goal.yaml"), "-f", str(manifests), "--lab"])
    assert result.exit_code == 0, result.output
    assert f"in the kernel: {len(lesson.goal)} passed" in result.output
