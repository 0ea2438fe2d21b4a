"""Shell completion of commands, options and endpoints."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ringfence.agent import status_client
from ringfence.cli import cli
from ringfence.cli.completion import complete_for_kubectl
from ringfence.render.agent_status import AgentStatus, EnforcedPod, EnforcedSide

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


def test_the_further_checks_of_tests() -> None:
    assert {"--lab", "--last-failed"} <= set(offered("test", "--la"))


@pytest.mark.parametrize("command", ["can", "explain"])
def test_endpoints_of_the_manifests(command: str) -> None:
    assert offered(command, "-f", EXAMPLE, "prod/") == [
        *("prod/api", "prod/db", "prod/svc/api", "prod/svc/db", "prod/svc/web", "prod/web")
    ]
    assert offered(command, "-f", EXAMPLE, "prod/api", "stag") == ["staging/api"]


def test_with_a_namespace_names_need_none() -> None:
    assert offered("can", "-f", EXAMPLE, "-n", "prod", "a") == ["api"]
    assert offered("can", "-f", EXAMPLE, "-n", "prod", "prod/a") == ["prod/api"]
    assert offered("can", "-f", EXAMPLE, "-n", "prod", "svc/d") == ["svc/db"]


def test_namespaces_of_the_manifests() -> None:
    assert offered("can", "-f", EXAMPLE, "-n", "") == ["prod", "staging"]
    assert offered("can", "-n", "") == []


def test_contexts_of_the_kubeconfig(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("contexts: [{name: prod}, {name: staging}]")
    assert offered("can", "--kubeconfig", str(kubeconfig), "--context", "") == ["prod", "staging"]
    kubeconfig.write_text("[")
    assert offered("can", "--kubeconfig", str(kubeconfig), "--context", "") == []


@pytest.mark.parametrize("command", ["get", "describe"])
def test_the_resource_and_the_policies(command: str) -> None:
    assert offered(command, "netp") == ["netpol"]
    assert offered(command, "cnp,netp") == ["cnp,netpol"]
    assert offered(command, "-f", EXAMPLE, "-n", "prod", "netpol", "") == ["db-policy"]
    assert offered(command, "-f", EXAMPLE, "netpol", "") == [], "there is none in default"


def test_pods_of_a_laboratory_that_does_not_run() -> None:
    assert [name for name in offered("lab", "--name", "no-such-laboratory", "exec", "") if "/" in name] == []


def test_pods_of_a_node_without_an_agent() -> None:
    assert [name for name in offered("agent", "status", "--listen", "127.0.0.1:1", "") if "/" in name] == []


def test_pods_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = EnforcedSide(0, (), ())
    pods = tuple(EnforcedPod("prod", name, (), nothing, nothing) for name in ("web", "db"))
    asked: list[tuple[tuple[str, int], str]] = []

    def ask_agent(listen: tuple[str, int], pod: str) -> AgentStatus:
        asked.append((listen, pod))
        return AgentStatus(None, pods)

    monkeypatch.setattr(status_client, "ask_agent", ask_agent)
    assert offered("agent", "status", "prod/w") == ["prod/web"]
    assert asked == [(("127.0.0.1", 9810), "")]


class TestForKubectl:
    """kubectl calls `kubectl_complete-ringfence`, which prints words, and how to go on."""

    def test_words_with_their_help(self) -> None:
        *words, directive = complete_for_kubectl(["vali"]).splitlines()
        assert [word.split("\t")[0] for word in words] == ["validate"]
        assert directive == ":4"

    def test_names_of_the_manifests(self) -> None:
        assert complete_for_kubectl(["can", "-f", EXAMPLE, "prod/a"]) == "prod/api\n:4"

    def test_file_names_are_left_to_the_shell(self) -> None:
        assert complete_for_kubectl(["can", "-f", ""]) == ":0"

    def test_the_installed_program(self) -> None:
        program = Path(sys.executable).parent / "kubectl_complete-ringfence"
        ended = subprocess.run([program, "matr"], capture_output=True, text=True, check=True)
        assert ended.stdout.startswith("matrix\t")
        assert ended.stdout.endswith("\n:4\n")


def test_plugins_and_files_only_if_no_plugin_fits() -> None:
    assert completions("can", "--plugin", "cil") == ["plain,cilium"]
    assert completions("can", "--plugin", "./tra") == ["file,./tra"]


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
