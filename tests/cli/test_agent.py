"""The command `agent`: its options, and what they refuse."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.dataplane.network import in_own_network, lose_privileges

from ringfence.agent import running
from ringfence.agent.settings import ExistingConnections, Mode, Settings, UnknownPods
from ringfence.cli import cli

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
"""


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["agent", *arguments], env=environment)


def test_without_a_cluster_it_says_how_to_name_one(tmp_path: Path) -> None:
    result = run("--node", "n", HOME=str(tmp_path), KUBECONFIG=str(tmp_path / "none"))
    assert result.exit_code == 2
    assert "no kubeconfig" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "block"], "'block' is not one of 'enforce', 'observe'"),
        (["--pod-range", "10.0.0.0/99"], "--pod-range"),
        (["--listen", "9810"], "is not ADDRESS:PORT"),
        (["--listen", "127.0.0.1:http"], "is not ADDRESS:PORT"),
        (["--log-rate", "0"], "--log-rate"),
    ],
)
def test_an_invalid_option_is_named_in_the_message(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    result = run("--kubeconfig", str(tmp_path / "config"), *arguments)
    assert result.exit_code == 2
    assert message in result.output


class TestSettings:
    """The settings that options and environment variables give."""

    @pytest.fixture
    def chosen(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Settings]:
        (tmp_path / "config").write_text(KUBECONFIG)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        seen: list[Settings] = []
        monkeypatch.setattr(running, "run", lambda settings, *rest: seen.append(settings))
        return seen

    def test_by_default_it_enforces_holds_and_ends(self, chosen: list[Settings]) -> None:
        assert run("--node", "n").exit_code == 0
        assert chosen == [Settings("n", Mode.ENFORCE, UnknownPods.HOLD, ExistingConnections.END)]

    def test_options_can_be_set_in_the_environment(self, chosen: list[Settings]) -> None:
        assert (
            run(NODE_NAME="n", RINGFENCE_AGENT_MODE="observe", RINGFENCE_AGENT_POD_RANGES="10.0.0.0/8").exit_code == 0
        )
        [settings] = chosen
        assert settings.node == "n"
        assert settings.mode is Mode.OBSERVE
        assert settings.pod_ranges
        assert settings.pod_ranges.cidrs() == ["10.0.0.0/8"]


class TestCleanup:
    @in_own_network
    def test_a_message_says_if_there_was_nothing_to_remove(self) -> None:
        result = run("--cleanup")
        assert (result.exit_code, result.output) == (0, "there was nothing to remove\n")

    @in_own_network
    def test_a_message_names_the_missing_capability(self) -> None:
        lose_privileges()
        result = run("--cleanup")
        assert result.exit_code == 2
        assert "NET_ADMIN" in result.output
