"""Readiness: what `/readyz`, the metric and the log report for each reason why an agent is not ready."""

import re
from pathlib import Path

import pytest
from tests.agent.events import listing, upserted
from tests.agent.running import BOTH, CLOSED, HERE, SERVER, Clock, Running, eventually, on_node, running
from tests.dataplane.network import BridgedNetwork, address, in_own_network
from tests.semantics.objects import node

from ringfence.agent import loop
from ringfence.agent.enforcement import NodeKernel
from ringfence.agent.inbox import Arrival, Inbox, VethPairsChanged, VethPairsUnread
from ringfence.agent.loop import AgentLoop, LoopOutputs
from ringfence.agent.metrics import Metrics
from ringfence.agent.readiness import CONDITIONS
from ringfence.agent.settings import Settings, UnknownPods
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import KernelError
from ringfence.sources.cluster.events import Alive, WatchInterrupted

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "agent.md"
NO_RANGES = node("here", "192.168.0.1")
REMEDY = "set its pods' ranges with --pod-range, or choose --unknown-pods allow"


def errors_of(agent: Running) -> dict[str, str]:
    """The answer to a probe at this moment. The metric and the log must agree with it."""
    agent.finish_events()
    errors = agent.loop.readiness_errors()
    assert agent.loop.readiness_error() == "\n".join(errors.values())
    for reason in CONDITIONS:
        assert agent.metric("ringfence_not_ready", reason=reason) == (reason in errors)
    agent.await_log("not ready: " + "; ".join(errors.values()) if errors else "ready: the policies")
    return errors


def test_every_reason_is_documented() -> None:
    table = re.findall(
        r"^\| `(\w+)` \| ", DOCUMENTATION.read_text().partition("policies may not be in force because")[2], re.M
    )
    assert set(table[: len(CONDITIONS)]) == CONDITIONS.keys()


@in_own_network
def test_an_agent_is_not_ready_while_packets_on_a_bridge_bypass_packet_filters() -> None:
    with running(network=BridgedNetwork(2, filtered=False)) as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        error = errors_of(agent)["bridges"]
        assert error.startswith("packets between pods on the bridge br0 bypass packet filters: modprobe br_netfilter; ")
        assert "sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1" in error
        for tables in ("iptables", "ip6tables"):
            Path(f"/proc/sys/net/bridge/bridge-nf-call-{tables}").write_text("1")
        agent.inbox.put(VethPairsChanged())
        eventually(lambda: errors_of(agent) == {})


@in_own_network
def test_an_agent_is_not_ready_while_the_links_of_pods_cannot_be_read() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        agent.inbox.put(VethPairsUnread(OSError(12, "Cannot allocate memory")))
        assert "Cannot allocate memory" in errors_of(agent)["links"]
        assert agent.metric("ringfence_failures_total", stage="links") == 1
        agent.inbox.put(VethPairsChanged())
        assert errors_of(agent) == {}
        assert "the links of pods are read again" in agent.log.getvalue()


@in_own_network
def test_an_agent_whose_policies_are_in_force_is_ready() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        assert errors_of(agent) == {}


@in_own_network
def test_before_everything_is_listed_no_other_reason_is_reported() -> None:
    with running() as agent:
        agent.tell(*listing(*BOTH, HERE, CLOSED)[:2])
        assert errors_of(agent).keys() == {"list"}


@in_own_network
def test_an_agent_is_not_ready_after_a_repair_that_failed() -> None:
    def refuse() -> None:
        raise KernelError("no memory", 12)

    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        agent.kernel.repair = refuse  # type: ignore[assignment, method-assign]
        agent.loop._next_repair = 0.0
        agent.finish_events()
        assert errors_of(agent) == {"rules": "the kernel does not hold all rules: no memory"}


class TestPodRanges:
    @in_own_network
    def test_unknown_pods_cannot_be_held_without_pod_ranges(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, NO_RANGES))
            assert errors_of(agent) == {
                "pod_ranges": f"unknown pods cannot be held: the Node here has no podCIDRs: {REMEDY}"
            }
            assert agent.passes()
            agent.enforce(upserted(HERE))
            assert errors_of(agent) == {}

    @in_own_network
    def test_unknown_pods_can_be_allowed_without_pod_ranges(self) -> None:
        with running(Settings("here", unknown_pods=UnknownPods.ALLOW)) as agent:
            agent.enforce(*listing(*BOTH, NO_RANGES))
            assert errors_of(agent) == {}

    @in_own_network
    @pytest.mark.parametrize("ranges", [["10.0.0.0/32"], ["fd00::/16"]])
    def test_ranges_that_do_not_contain_a_pod_are_not_those_of_the_pods(self, ranges: list[str]) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, {**NO_RANGES, "spec": {"podCIDRs": ranges}}))
            (text,) = errors_of(agent).values()
            assert text.startswith("some unknown pods cannot be held: x/")
            assert text.endswith(f"has an address outside of the pod ranges of the Node here: {REMEDY}")

    @in_own_network
    def test_pods_of_other_nodes_and_of_the_host_network_need_no_range(self) -> None:
        away = on_node("client", 1, home="there")
        host = on_node("host", 1, hostNetwork=True)
        with running() as agent:
            agent.enforce(
                *listing(BOTH[SERVER], away, host, {**NO_RANGES, "spec": {"podCIDRs": [f"{address(SERVER)}/32"]}})
            )
            assert errors_of(agent) == {}


class TestLag:
    @in_own_network
    def test_an_agent_is_not_ready_while_a_change_has_not_been_in_force_for_long(self) -> None:
        clock = Clock()
        with running(clock=clock) as agent:
            agent.enforce(*listing(*BOTH, HERE))
        agent.tell(upserted(CLOSED))
        clock.now += 5
        assert agent.loop.readiness_errors() == {}
        clock.now += 2
        assert agent.loop.readiness_errors()["lag"] == (
            "a change has not been in force for 7 s: more than 5 s (--max-lag)"
        )
        assert b"ringfence_lag_seconds 7.0" in agent.loop._metrics.text()

    @in_own_network
    def test_an_agent_whose_loop_is_stuck_is_not_ready_although_nothing_has_arrived(self) -> None:
        clock = Clock()
        with running(clock=clock) as agent:
            agent.enforce(*listing(*BOTH, HERE))
        clock.now += 6
        assert agent.loop.readiness_errors() == {}
        clock.now += 1
        assert agent.loop.readiness_errors() == {"stuck": "the loop has not run for 7 s"}
        assert agent.loop.liveness_error() == "", "a restart would not help yet"

    @in_own_network
    def test_the_metric_shows_a_loop_that_is_stuck(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "METRICS_TIMEOUT", 0.01)
            clock = Clock()
            stuck = AgentLoop(Settings("here"), NodeKernel(Kernel()), Inbox(), clock, LoopOutputs(Metrics()))
            clock.now += 7
            assert b'ringfence_not_ready{reason="stuck"} 1.0' in stuck.metrics_text()


class TestWatches:
    @in_own_network
    def test_an_agent_is_not_ready_while_a_kind_cannot_be_watched_for_long(self) -> None:
        clock = Clock()
        with running(clock=clock) as agent:
            agent.enforce(*listing(*BOTH, HERE))
            interrupted = WatchInterrupted("Pod", "pods is forbidden: the verbs list and watch are needed", 0.5)
            agent.inbox.put(Arrival(interrupted, clock.now))
            agent.finish_events()
            assert agent.loop.readiness_errors() == {}
            clock.now += 7
            agent.finish_events()
            assert errors_of(agent) == {
                "watch": "Pod has not been watched for 7 s: pods is forbidden: the verbs list and watch are needed"
            }
            agent.tell(Alive("Pod"))
            assert errors_of(agent) == {}
