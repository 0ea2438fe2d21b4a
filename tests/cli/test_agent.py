"""The command `agent`: its options, and what they refuse."""

import importlib
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.dataplane.network import in_own_network, lose_privileges
from tests.render.json_shapes import AGENT_STATUS, fits

from ringfence.agent import running
from ringfence.agent.health import HealthSources, serving
from ringfence.agent.log_writer import LogWriter
from ringfence.agent.settings import ExistingConnections, Mode, Settings, UnknownPods
from ringfence.agent.singleton import only_agent
from ringfence.cli import cli
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import base_program
from ringfence.errors import InputError

agent_command = importlib.import_module("ringfence.cli.agent")

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
        monkeypatch.setattr(running, "run", lambda settings, *_, **__: seen.append(settings))
        return seen

    def test_by_default_it_enforces_holds_and_ends(self, chosen: list[Settings]) -> None:
        assert run("--node", "n").exit_code == 0
        assert chosen == [Settings("n", Mode.ENFORCE, UnknownPods.HOLD, ExistingConnections.END)]

    def test_the_node_is_the_host_unless_it_is_named(self, chosen: list[Settings]) -> None:
        assert run().exit_code == 0
        assert [settings.node for settings in chosen] == [socket.gethostname()]

    def test_options_can_be_set_in_the_environment(self, chosen: list[Settings]) -> None:
        assert (
            run(NODE_NAME="n", RINGFENCE_AGENT_MODE="observe", RINGFENCE_AGENT_POD_RANGES="10.0.0.0/8").exit_code == 0
        )
        [settings] = chosen
        assert settings.node == "n"
        assert settings.mode is Mode.OBSERVE
        assert settings.pod_ranges
        assert settings.pod_ranges.cidrs() == ["10.0.0.0/8"]


class TestStatus:
    """`agent status` where no agent runs; tests/agent/test_status_client.py has the others."""

    @staticmethod
    def status(*arguments: str) -> Result:
        return run("status", "--listen", "127.0.0.1:1", *arguments)

    @in_own_network
    def test_the_kernel_is_all_that_is_known(self) -> None:
        kernel = Kernel()
        kernel.apply(base_program(holds=True))
        result = self.status()
        assert (result.exit_code, result.stderr) == (1, "")
        assert "none runs on this node" in result.stdout
        assert "no address is isolated" in result.stdout

    @in_own_network
    def test_as_json_it_has_the_shape_of_its_schema(self) -> None:
        result = self.status("-o", "json")
        assert result.exit_code == 1
        document = json.loads(result.stdout)
        assert fits(document, AGENT_STATUS)
        assert document["kernel"] == {"hasTable": False, "isDormant": False, "isolated": [], "held": []}

    @in_own_network
    def test_the_name_of_a_pod_says_nothing_to_the_kernel(self) -> None:
        assert (
            "only a running agent knows the addresses of prod/web: give one of them instead of the name"
            in self.status("prod/web").stderr
        )
        assert self.status("10.0.0.1").stderr == ""

    @in_own_network
    @pytest.mark.parametrize(
        ("words", "asked"),
        [
            ([], ""),
            (["prod/web"], "prod/web"),
            (["web"], "default/web"),
            (["web", "-n", "shop"], "shop/web"),
            (["prod/web", "-n", "shop"], "prod/web"),
            (["10.0.0.1", "-n", "shop"], "10.0.0.1"),
            (["FD00:0::1"], "fd00::1"),
        ],
    )
    def test_the_agent_is_asked_for_a_pod_in_its_namespace_or_for_an_address(
        self, words: list[str], asked: str
    ) -> None:
        seen: list[str] = []

        def status(pod: str) -> bytes:
            seen.append(pod)
            raise InputError("the agent knows no such pod")

        with only_agent(), serving(("127.0.0.1", 0), HealthSources(bytes, str, str, status)) as (host, port):
            result = run("status", "--listen", f"{host}:{port}", *words)
        assert (seen, result.exit_code, result.stderr) == ([asked], 2, "error: the agent knows no such pod\n")


class TestMissingModules:
    """The remedy is for the dependency of the extra `agent`; another missing module is a defect of the package."""

    @staticmethod
    def lack(patch: pytest.MonkeyPatch, module: str) -> None:
        patch.delitem(sys.modules, "ringfence.agent.running")
        patch.delattr("ringfence.agent.running")
        patch.delitem(sys.modules, "ringfence.agent.metrics")
        patch.setitem(sys.modules, module, None)

    def test_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lack(monkeypatch, "prometheus_client")
        result = run("--cleanup")
        assert result.exit_code == 2
        assert "the agent needs prometheus_client: install ringfence with the extra agent" in result.output

    def test_no_false_remedy_is_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lack(monkeypatch, "ringfence.agent.metrics")
        result = run("--cleanup")
        assert "pip install" not in result.output
        assert isinstance(result.exception, ModuleNotFoundError)


class TestLogFormat:
    """Text on a terminal, JSON elsewhere, or what the operator chose."""

    @pytest.fixture
    def formats(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bool]:
        (tmp_path / "config").write_text(KUBECONFIG)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        seen: list[bool] = []
        original = agent_command.logging_in_background

        @contextmanager
        def logging_in_background(descriptor: int, *, as_json: bool) -> Iterator[LogWriter]:
            seen.append(as_json)
            with original(descriptor, as_json=as_json) as writer:
                yield writer

        monkeypatch.setattr(agent_command, "logging_in_background", logging_in_background)
        monkeypatch.setattr(running, "run", lambda *_, **__: None)
        return seen

    @pytest.mark.parametrize(
        ("options", "as_json"), [([], True), (["--log-format=text"], False), (["--log-format=json"], True)]
    )
    def test_without_a_terminal(self, formats: list[bool], options: list[str], as_json: bool) -> None:
        assert run("--node", "n", *options).exit_code == 0
        assert formats == [as_json]


class TestCleanup:
    @in_own_network
    def test_a_message_says_if_there_was_nothing_to_remove(self) -> None:
        result = run("--cleanup")
        assert (result.exit_code, result.output) == (0, "there are no ringfence rules to remove\n")

    @in_own_network
    def test_where_there_are_rules_it_removes_them(self) -> None:
        Kernel().apply(base_program())
        result = run("--cleanup")
        assert (result.exit_code, result.output) == (0, "removed all ringfence rules\n")
        assert not Kernel().has_table

    @in_own_network
    def test_a_message_names_the_missing_capability(self) -> None:
        lose_privileges()
        result = run("--cleanup")
        assert result.exit_code == 2
        assert "NET_ADMIN" in result.output
