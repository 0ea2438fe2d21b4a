"""What goes where: data to standard output, messages to standard error, and the answer into the exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ringfence.cli import cli

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")
OTHERS = ("Secret", "ConfigMap", "Secret")
RED_NO, QUESTION = "\x1b[31m\x1b[1mno:\x1b[0m", " prod/web -> prod/db on TCP 3306\n"


@pytest.mark.parametrize("command", ["can prod/web prod/db", "connections", "get netpol -A", "validate"])
def test_output_that_cannot_be_written_is_an_error_and_not_a_no(command: str) -> None:
    program = [sys.executable, "-c", "from ringfence.cli import main; main()", *command.split(), "-f", EXAMPLE]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        pytest.param({}, "no:" + QUESTION, id="no colour where there is no terminal"),
        pytest.param({"CLICOLOR_FORCE": "1"}, RED_NO + QUESTION, id="unless it is forced"),
        pytest.param({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, "no:" + QUESTION, id="NO_COLOR has the last word"),
        pytest.param({"CLICOLOR_FORCE": "1", "NO_COLOR": ""}, RED_NO + QUESTION, id="if it is not empty"),
    ],
)
def test_colour(variables: dict[str, str], printed: str) -> None:
    command = ["can", "prod/web", "prod/db", "-p", "3306", "-f", EXAMPLE]
    assert CliRunner(env=variables).invoke(cli, command).stdout == printed


def test_problems_of_the_input_go_to_standard_error_and_the_answer_stands(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("kind: [\n")
    command = ["can", "prod/web", "prod/db", "-p", "3306", "-f", EXAMPLE, "-f", str(tmp_path)]
    result = CliRunner().invoke(cli, command)
    assert (result.exit_code, result.stdout) == (1, "no:" + QUESTION)
    assert result.stderr.startswith(f"{tmp_path / 'broken.yaml'}:")
    strict = CliRunner().invoke(cli, [*command, "--strict"])
    assert (strict.exit_code, strict.stdout) == (2, "")
    assert strict.stderr.endswith("error: 1 error in the input, and --strict was given\n")


@pytest.mark.parametrize("command", ["can prod/web prod/db", "validate", "get netpol -A", "connections"])
def test_what_is_skipped_is_named_when_asked_for(command: str, tmp_path: Path) -> None:
    (tmp_path / "others.yaml").write_text("".join(f"{{apiVersion: v1, kind: {kind}}}\n---\n" for kind in OTHERS))
    arguments = [*command.split(), "-f", EXAMPLE, "-f", str(tmp_path)]
    assert CliRunner().invoke(cli, arguments).stderr == ""
    named = CliRunner().invoke(cli, [*arguments, "-v"]).stderr
    assert named == "skipped objects of unsupported kinds: 1 ConfigMap, 2 Secret\n"
