"""Shell completion of commands, options and endpoints."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ringfence.cli import cli

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")


def offered(*words: str) -> list[str]:
    """The completions of the last word."""
    return [line.partition(",")[2] for line in completions(*words) if line]


def completions(*words: str) -> list[str]:
    """The completions of the last word as the shell receives them: type and text."""
    asking = {
        "_RINGFENCE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["ringfence", *words]),
        "COMP_CWORD": str(len(words)),
    }
    result = CliRunner(env=asking).invoke(cli, [], prog_name="ringfence")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_commands() -> None:
    assert offered("ma") == ["matrix"]
    assert {"can", "explain", "validate"} <= set(offered(""))


def test_options_and_their_values() -> None:
    assert "--no-assumptions" in offered("can", "--no")
    assert offered("can", "-o", "j") == ["json"]


@pytest.mark.parametrize("command", ["can", "explain"])
def test_endpoints_of_the_manifests(command: str) -> None:
    assert offered(command, "-f", EXAMPLE, "prod/") == [
        *("prod/api", "prod/db", "prod/svc/api", "prod/svc/db", "prod/svc/web", "prod/web")
    ]
    assert offered(command, "-f", EXAMPLE, "prod/api", "stag") == ["staging/api"]


@pytest.mark.parametrize("option", ["-f", "--filename", "-k", "--kubeconfig"])
def test_the_shell_completes_file_names(option: str) -> None:
    assert completions("can", option, "exam") == ["file,exam"]


@pytest.mark.parametrize("words", [["can", "prod/"], ["can", "-f", "/nowhere", "prod/"]])
def test_without_readable_manifests_there_are_no_endpoints(words: list[str]) -> None:
    assert offered(*words) == []


@pytest.mark.parametrize(
    ("shell", "part"), [("bash", "complete -o"), ("zsh", "#compdef ringfence"), ("fish", "complete ")]
)
def test_the_script_of_a_shell(shell: str, part: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert part in result.stdout
    assert "_RINGFENCE_COMPLETE" in result.stdout
