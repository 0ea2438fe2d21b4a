"""The loop on a real kernel: it receives events, and packets pass or are dropped as the policies define."""

import re
import socket
import threading
from collections.abc import Iterator

import pytest
from tests.agent.events import listing, removed, upserted
from tests.agent.running import (
    BOTH,
    CLIENT,
    CLOSED,
    HERE,
    OPEN,
    SERVER,
    TIMEOUT,
    Clock,
    eventually,
    failing,
    is_programmed,
    on_node,
    running,
)
from tests.dataplane.network import address, gateway, in_own_network, received
from tests.semantics.objects import admits, block, labelled, node, pod, pods, policy

from ringfence.agent import denials, loop
from ringfence.agent.enforcement import Enforcement, NodeKernel
from ringfence.agent.heartbeat import HANGS
from ringfence.agent.inbox import Inbox, Inquiry
from ringfence.agent.loop import AgentLoop, LoopOutputs
from ringfence.agent.metrics import Metrics
from ringfence.agent.settings import ExistingConnections, Mode, Settings, UnknownPods
from ringfence.agent.view import FOLLOWED_KINDS
from ringfence.dataplane.compile import loading
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import KernelError


@in_own_network
def test_nothing_is_programmed_before_the_first_full_view() -> None:
    with running() as agent:
        agent.tell(*listing(*BOTH, CLOSED, kinds=[kind for kind in FOLLOWED_KINDS if kind != "Node"]))
        agent.finish_events()
        assert agent.loop.readiness_error() == "not listed yet: Node"
        assert not is_programmed()
        agent.enforce(*listing(HERE, kinds=["Node"]))
        assert agent.loop.readiness_error() == ""
        assert is_programmed()
        assert not agent.passes()


@in_own_network
def test_no_item_is_lost_if_more_arrive_than_the_loop_receives_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_MOST_AT_ONCE", 2)
    with running() as agent:
        asked = [Inquiry(lambda: None, threading.Event()) for _ in range(7)]
        with agent.busy():
            for inquiry in asked:
                agent.inbox.put(inquiry)
        assert all(inquiry.done.wait(TIMEOUT) for inquiry in asked)


@in_own_network
def test_while_the_loop_is_busy_the_lag_counts_from_when_it_last_received_items() -> None:
    clock = Clock()
    with running(clock=clock) as agent:
        clock.now += 100
        agent.finish_events()
        with agent.busy():
            agent.tell(upserted(CLOSED))
            clock.now += 3
            assert agent.loop._lag.seconds() == 3


@in_own_network
def test_a_policy_is_enforced_when_it_comes_and_no_longer_when_it_goes() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        assert agent.passes()
        agent.enforce(upserted(CLOSED))
        assert not agent.passes()
        agent.enforce(upserted(OPEN))
        assert agent.passes()
        agent.enforce(removed(OPEN))
        assert not agent.passes()
        agent.enforce(removed(CLOSED))
        assert agent.passes()


@in_own_network
def test_a_chain_that_is_loaded_in_pieces_is_completed_without_further_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other event wakes the loop in this test."""
    for interval in ("REPAIR_INTERVAL", "CHECK_INTERVAL"):
        monkeypatch.setattr(loop, interval, 3600.0)
    for setting in ("AT_ONCE", "_PIECE"):
        monkeypatch.setattr(loading, setting, 10)
    monkeypatch.setattr(loading, "LARGE_CHAIN", 0)
    blocks = [block(f"11.0.{i}.0/32") for i in range(100)]
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        everybody = admits(*blocks, block("10.0.0.0/8"))
        ends: list[bool] = []
        end = agent.loop._rounds.end

        def noted(began: float, ended: float, *, has_changes: bool) -> None:
            ends.append(has_changes)
            end(began, ended, has_changes=has_changes)

        monkeypatch.setattr(agent.loop._rounds, "end", noted)
        large = policy("x/open", labelled(app="server"), ingress=[everybody])
        agent.tell(upserted(large))
        eventually(lambda: any(name.startswith("ingress_") for name in agent.kernel.present.chains))
        eventually(agent.passes)
        agent.enforce(removed(large))
        assert agent.passes()
        eventually(lambda: not any(name.startswith("blocks") for name in agent.kernel.present.collections))
        assert ends.pop(0)
        ends.remove(True)  # the removal
        assert not any(ends), "a change of others would not wait for a pause after these"


@in_own_network
def test_rules_that_are_computed_in_steps_are_in_force_without_further_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test, everything is computed in steps. No other event wakes the loop."""
    for interval in ("REPAIR_INTERVAL", "CHECK_INTERVAL"):
        monkeypatch.setattr(loop, interval, 3600.0)
    for limit in ("LEAST_EFFORT", "MOST_EFFORT"):
        monkeypatch.setattr(loop, limit, -1)
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE))
        agent.tell(upserted(OPEN))
        eventually(lambda: any(name.startswith("ingress_") for name in agent.kernel.present.chains))
        eventually(agent.passes)  # a chain is there before packets come to it
        agent.tell(upserted(policy("x/open", labelled(app="server"), ingress=[admits(pods(labelled(app="nobody")))])))
        agent.finish_events()
        eventually(lambda: not agent.loop._intake and not agent.loop._enforcement.closed)
        assert not agent.passes()


@in_own_network
def test_an_item_that_arrives_while_rules_are_computed_in_steps_is_received_after_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock stands still, so the time for computing never ends."""
    with running(clock=Clock()) as agent:
        answered = threading.Event()
        steps = 0
        steps_until_answer: list[int] = []

        def compute(rank: object) -> str | None:
            nonlocal steps
            steps += 1
            if steps == 1:
                agent.inbox.put(Inquiry(lambda: steps_until_answer.append(steps), answered))
            return "x" if steps < 100 and not answered.is_set() else None

        monkeypatch.setattr(agent.loop._enforcement, "compute", compute)
        agent.finish_events()
        assert answered.wait(TIMEOUT)
    assert steps_until_answer == [1]


@in_own_network
def test_the_loop_checks_which_steps_are_due_while_rules_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with running(clock=clock) as agent:
        steps = 0
        steps_before_reviews: list[int] = []

        def compute(rank: object) -> str | None:
            nonlocal steps
            steps += 1
            clock.now += 0.6 * loop.COMPUTING
            return "x" if steps < 6 else None

        monkeypatch.setattr(agent.loop, "_review", lambda: steps_before_reviews.append(steps))
        monkeypatch.setattr(Enforcement, "computing", {"x"})
        monkeypatch.setattr(agent.loop._enforcement, "compute", compute)
        eventually(lambda: steps >= 6)
        monkeypatch.undo()
    assert [steps for steps in range(6) if steps in steps_before_reviews] == [0, 2, 4]


@in_own_network
def test_a_list_counts_as_a_whole_while_something_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The round after a list waits for the listed objects, and these wait for no round."""
    for limit in ("LEAST_EFFORT", "MOST_EFFORT"):
        monkeypatch.setattr(loop, limit, -1)
    with running(relist=lambda: None) as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        monkeypatch.setattr(agent.loop._enforcement, "compute", lambda rank: None)  # it does not end
        agent.tell(upserted(OPEN))
        eventually(lambda: agent.loop._enforcement.computing == {"x"})
        agent.tell(upserted(policy("x/open", labelled(app="server"), ingress=[{}])))
        eventually(lambda: bool(agent.loop._intake) and not agent.loop._intake.has_turn)
        agent.enforce(*listing(*BOTH, HERE, policy("x/all", ingress=[], egress=[])))
        assert not agent.loop._enforcement.closed
        assert not agent.passes()


@in_own_network
def test_a_relabelled_pod_is_another_peer() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, OPEN))
        assert agent.passes()
        agent.enforce(upserted(pod("x/client", {"app": "other"}, addresses=[address(CLIENT)], nodeName="here")))
        assert not agent.passes()


@in_own_network
def test_only_the_nodes_own_pods_are_isolated_here() -> None:
    """A pod on another node is isolated there. On this node, its packets are only forwarded."""
    with running(Settings("here", unknown_pods=UnknownPods.ALLOW)) as agent:
        agent.enforce(*listing(on_node("server", SERVER, home="elsewhere"), BOTH[CLIENT], HERE, CLOSED))
        assert agent.passes()


@in_own_network
def test_the_node_itself_always_reaches_its_pods() -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        assert not agent.passes()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kubelet:
            kubelet.bind((gateway(SERVER), 0))
            kubelet.sendto(b"are you well?", (address(SERVER), 80))
        assert received(agent.server) == b"are you well?"


class TestUnknownPods:
    @staticmethod
    def client_is_allowed(choice: UnknownPods) -> bool:
        """Whether an unknown client reaches a server that no policy isolates."""
        with running(Settings("here", unknown_pods=choice)) as agent:
            agent.enforce(*listing(BOTH[SERVER], HERE))
            return agent.passes()

    @in_own_network
    def test_unknown_pods_are_held(self) -> None:
        assert not self.client_is_allowed(UnknownPods.HOLD)

    @in_own_network
    def test_unknown_pods_are_allowed_if_the_operator_chooses_so(self) -> None:
        assert self.client_is_allowed(UnknownPods.ALLOW)

    @in_own_network
    def test_a_pod_that_becomes_known_is_no_longer_held(self) -> None:
        with running() as agent:
            agent.enforce(*listing(BOTH[SERVER], HERE))
            assert not agent.passes()
            agent.enforce(upserted(BOTH[CLIENT]))
            assert agent.passes()

    @in_own_network
    def test_a_pod_that_has_ended_is_held_again(self) -> None:
        """Another pod may soon have its address."""
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            assert agent.passes()
            agent.enforce(upserted(on_node("client", CLIENT, phase="Succeeded")))
            assert not agent.passes()

    @in_own_network
    def test_the_ranges_of_unknown_pods_may_change(self) -> None:
        with running() as agent:
            elsewhere = node("here", "192.168.0.1")
            elsewhere["spec"] = {"podCIDRs": ["10.99.0.0/16"]}
            agent.enforce(*listing(BOTH[SERVER], elsewhere))
            assert agent.passes()
            agent.enforce(upserted(HERE))
            assert not agent.passes()


class TestOpenConnections:
    @staticmethod
    def survives(choice: ExistingConnections) -> bool:
        """Whether a connection that a new policy forbids stays open."""
        with running(Settings("here", existing_connections=choice)) as agent:
            agent.enforce(*listing(*BOTH, HERE))
            server, client = agent.open_connection()
            agent.enforce(upserted(CLOSED))
            client.sendto(b"more", (address(SERVER), 90))
            survived = agent.network.delivered(server) == b"more"
            assert survived is (agent.metric("ringfence_ended_connections_total") == 0)
            return survived

    @in_own_network
    def test_open_connections_that_are_no_longer_allowed_end(self) -> None:
        assert not self.survives(ExistingConnections.END)

    @in_own_network
    def test_open_connections_are_kept_if_the_operator_chooses_so(self) -> None:
        assert self.survives(ExistingConnections.KEEP)

    @in_own_network
    def test_the_agent_is_not_ready_while_connections_cannot_be_judged(self) -> None:
        def refusing(*, again: bool = False) -> Iterator[None]:
            raise KernelError("no buffer space available", 105)

        with running() as agent:
            agent.kernel.review = refusing  # type: ignore[method-assign]
            agent.tell(*listing(*BOTH, HERE))
            agent.await_log("connections that policies forbid may be open until they can be judged: no buffer space")
            assert agent.loop.readiness_error() == (
                "connections that policies forbid may be open: tracked connections cannot be judged: "
                "no buffer space available"
            )
            assert agent.metric("ringfence_failures_total", stage="review") > 0
            assert agent.metric("ringfence_review_seconds_count") == 0
            assert agent.metric("ringfence_in_order") == 1
            del agent.kernel.review
            agent.await_log("tracked connections are judged again")
            assert agent.loop.readiness_error() == ""
            assert agent.metric("ringfence_review_seconds_count") == 1


class TestObserving:
    @in_own_network
    def test_while_observing_all_packets_pass_and_are_counted(self) -> None:
        with running(Settings("here", mode=Mode.OBSERVE)) as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            assert agent.passes()
            assert agent.metric("ringfence_dropped_packets_total", direction="ingress") == 1


class TestLogging:
    LINE = "x/client -> x/server UDP/80 denied by ingress of x/closed: it allows nothing"

    @in_own_network
    def test_a_denied_connection_is_logged_with_its_reason_once(self) -> None:
        with running(Settings("here", log_denied=True)) as agent, agent.logging_denials():
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            for _ in range(3):
                assert not agent.passes()
            agent.await_log(self.LINE)
            agent.finish_events()
            assert agent.log.getvalue().count("it allows nothing source=") == 1

    @in_own_network
    def test_repetitions_are_logged_although_the_client_has_given_up(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(denials, "REPEAT_INTERVAL", 1.0)
            with running(Settings("here", log_denied=True)) as agent, agent.logging_denials():
                agent.enforce(*listing(*BOTH, HERE, CLOSED))
                for _ in range(3):
                    assert not agent.passes()
                # On a busy machine, a client sends its packet again.
                eventually(lambda: denials_in(agent.log.getvalue()) >= 3)

    @in_own_network
    def test_a_packet_that_cannot_be_explained_stops_nothing(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(denials, "explain_denial", failing)
            with running(Settings("here", log_denied=True)) as agent, agent.logging_denials():
                agent.enforce(*listing(*BOTH, HERE, CLOSED))
                assert not agent.passes()
                agent.await_log("a defect of ringfence (denial): KeyError")
                agent.enforce(upserted(OPEN))
                assert agent.passes()


def denials_in(log: str) -> int:
    """How many packets the log lines about denials represent."""
    return sum(1 + int(repeated) for repeated in re.findall(r"it allows nothing.* repeated=(\d+)", log))


class TestHealth:
    @in_own_network
    def test_a_loop_that_turns_is_alive(self) -> None:
        with running() as agent:
            agent.enforce(*listing(HERE))
            assert agent.loop.liveness_error() == ""

    @in_own_network
    def test_a_loop_that_has_not_turned_for_long_is_not_alive(self) -> None:

        clock = Clock()
        hanging = AgentLoop(Settings("here"), NodeKernel(Kernel()), Inbox(), clock, LoopOutputs(Metrics()))
        clock.now += HANGS
        assert hanging.liveness_error() == ""
        clock.now += 1
        assert hanging.liveness_error() == "the loop has not run for 61 s"

    @in_own_network
    def test_every_turn_is_a_heartbeat(self) -> None:
        clock = Clock()
        with running(clock=clock) as agent:
            clock.now += HANGS + 1
            agent.finish_events()
            eventually(lambda: agent.loop.liveness_error() == "")

    @in_own_network
    def test_metrics_are_given_though_the_loop_is_busy(self) -> None:

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "METRICS_TIMEOUT", 0.01)
            hanging = AgentLoop(Settings("here"), NodeKernel(Kernel()), Inbox(), Clock(), LoopOutputs(Metrics()))
            assert b"ringfence_synced 0.0" in hanging.metrics_text()
