"""A whole agent in its own process: how it starts and how it stops."""

import io
import os
import signal
import tempfile
import threading
from pathlib import Path

import pytest
from tests.agent.running import eventually
from tests.dataplane.lacking import lacking_bridges, lacking_expression
from tests.dataplane.network import in_own_network
from tests.sources.cluster.fake_api_server import FakeApiServer, connections_to, only_node, serving

from ringfence.agent import running
from ringfence.agent.log import logging_to
from ringfence.agent.settings import Settings
from ringfence.agent.singleton import only_agent
from ringfence.dataplane import forwarding
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import base_program
from ringfence.errors import AgentError

REQUESTS = 100
"""More than an agent asks in a test."""


def run_until(ready: str, server: FakeApiServer, number: int, settings: Settings | None = None) -> str:
    """Run an agent in this process until its log contains a text, then send it a signal. Return its log."""
    stream = io.StringIO()

    def stop() -> None:
        eventually(lambda: ready in stream.getvalue())
        os.kill(os.getpid(), number)

    with tempfile.TemporaryDirectory() as folder, logging_to(stream, as_json=False):
        thread = threading.Thread(target=stop)
        thread.start()
        running.run(settings or Settings("n"), connections_to(server.url, Path(folder)), None)
        thread.join()
    return stream.getvalue()


@in_own_network
def test_a_signal_stops_the_agent_and_the_rules_stay() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        handler = signal.getsignal(number)
        with serving(*[only_node("n")] * REQUESTS) as server:
            log = run_until("enforcing", server, number)
        assert "started node=n mode=enforce unknown_pods=hold" in log
        assert "stopped: the rules in the kernel stay in force" in log
        assert Kernel().has_table
        assert signal.getsignal(number) is handler, "what handled it before does again"


@in_own_network
def test_the_agent_stops_although_it_could_not_list_anything() -> None:
    with serving() as server:
        log = run_until("watch interrupted", server, signal.SIGTERM)
    assert "stopped" in log
    assert not Kernel().has_table


@in_own_network
def test_the_agent_stops_while_it_logs_denials() -> None:
    with serving(*[only_node("n")] * REQUESTS) as server:
        log = run_until("enforcing", server, signal.SIGTERM, Settings("n", log_denied=True))
    assert "stopped" in log
    assert "not logged" not in log


@in_own_network
def test_the_agent_refuses_to_start_behind_ipvs() -> None:
    with pytest.MonkeyPatch.context() as patch, serving() as server, tempfile.TemporaryDirectory() as folder:
        patch.setattr(forwarding, "translates_with_ipvs", lambda: True)
        with pytest.raises(AgentError, match=r"translates Services with IPVS.*set kube-proxy's mode to nftables"):
            running.run(Settings("n"), connections_to(server.url, Path(folder)), None)


class TestKernelsThatLackSomething:
    @in_own_network
    def test_without_features_that_every_program_needs_the_agent_ends_and_leaves_the_rules(self) -> None:
        Kernel().apply(base_program(holds=True))
        lacks = (
            r"cannot enforce policies because it lacks .*\(module nft_fib_inet, CONFIG_NFT_FIB_INET\): load the module"
        )
        with serving() as server, tempfile.TemporaryDirectory() as folder, lacking_expression("fib"):
            connections = connections_to(server.url, Path(folder))
            with pytest.raises(AgentError, match=lacks):
                running.run(Settings("n"), connections, None)
        assert Kernel().present == base_program(holds=True)

    @in_own_network
    def test_without_a_packet_log_the_agent_enforces_and_says_that_it_logs_no_packets(self) -> None:
        with serving(*[only_node("n")] * REQUESTS) as server, lacking_expression("log"):
            log = run_until("enforcing", server, signal.SIGTERM, Settings("n", log_denied=True))
        assert "denied packets cannot be logged because this kernel lacks copies of packets (module nft_log" in log
        assert Kernel().present.chains == base_program(with_bridges=True, with_tunnels=False).chains

    @in_own_network
    def test_without_packet_filters_for_bridges_the_agent_enforces_and_says_what_passes(self) -> None:
        with serving(*[only_node("n")] * REQUESTS) as server, lacking_bridges():
            log = run_until("enforcing", server, signal.SIGTERM, Settings("n"))
        assert "lacks packet filters for bridges (module nf_tables, CONFIG_NF_TABLES_BRIDGE)" in log
        assert Kernel().present == base_program(with_tunnels=False)


class TestCleaningUp:
    @in_own_network
    def test_cleaning_up_removes_all_rules(self) -> None:
        Kernel().apply(base_program())
        assert running.clean_up()
        assert not Kernel().has_table
        assert not running.clean_up(), "there are none any more"

    @in_own_network
    def test_cleaning_up_is_refused_while_an_agent_runs(self) -> None:
        Kernel().apply(base_program())
        with only_agent(), pytest.raises(AgentError, match="another ringfence agent runs"):
            running.clean_up()
        assert Kernel().has_table
