"""The loop, on a real kernel: events go in, and packets pass or not as policies say."""

import re
import socket
from collections.abc import Iterator

import pytest
from tests.agent.events import listing, removed, upserted
from tests.agent.refusals import break_compiler, refused_chains
from tests.agent.running import (
    BOTH,
    CLIENT,
    CLOSED,
    HERE,
    OPEN,
    SERVER,
    Clock,
    eventually,
    on_node,
    running,
)
from tests.dataplane.network import address, gateway, in_own_network, nft, received
from tests.semantics.objects import admits, block, labelled, node, pod, pods, policy

from ringfence.agent import checks, denials, intake, local_policies, loop, schedule
from ringfence.agent.denials import Denial
from ringfence.agent.heartbeat import HANGS
from ringfence.agent.inbox import Inbox
from ringfence.agent.loop import AgentLoop
from ringfence.agent.metrics import Metrics
from ringfence.agent.settings import ExistingConnections, Mode, Settings, UnknownPods
from ringfence.agent.shares import Shares
from ringfence.agent.spending import Spending
from ringfence.agent.view import FOLLOWED_KINDS
from ringfence.dataplane.compile import loading
from ringfence.dataplane.kernel import Kernel, ProfilesRefused
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.sources.cluster.events import Alive, WatchFailed, WatchInterrupted


def is_programmed() -> bool:
    return "ringfence" in nft("list", "tables")


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
def test_what_is_loaded_in_pieces_goes_on_without_further_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else wakes the loop here."""
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
def test_what_is_computed_in_steps_is_in_force_without_further_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here everything is. Nothing else wakes the loop."""
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
def test_a_list_counts_as_a_whole_while_something_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The round after a list waits for what was listed, which waits for no round."""
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
    """A pod on another node is isolated there; here its packets only pass."""
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
        """Whether an unknown client reaches a server that nothing isolates."""
        with running(Settings("here", unknown_pods=choice)) as agent:
            agent.enforce(*listing(BOTH[SERVER], HERE))
            return agent.passes()

    @in_own_network
    def test_they_are_held(self) -> None:
        assert not self.client_is_allowed(UnknownPods.HOLD)

    @in_own_network
    def test_or_allowed(self) -> None:
        assert self.client_is_allowed(UnknownPods.ALLOW)

    @in_own_network
    def test_one_that_becomes_known_is_no_longer_held(self) -> None:
        with running() as agent:
            agent.enforce(*listing(BOTH[SERVER], HERE))
            assert not agent.passes()
            agent.enforce(upserted(BOTH[CLIENT]))
            assert agent.passes()

    @in_own_network
    def test_one_that_has_ended_is_held_again(self) -> None:
        """Another pod may have its address soon."""
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            assert agent.passes()
            agent.enforce(upserted(on_node("client", CLIENT, phase="Succeeded")))
            assert not agent.passes()

    @in_own_network
    def test_the_ranges_may_change(self) -> None:
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
        """Whether a connection that a new policy forbids goes on."""
        with running(Settings("here", existing_connections=choice)) as agent:
            agent.enforce(*listing(*BOTH, HERE))
            server, client = agent.open_connection()
            agent.enforce(upserted(CLOSED))
            client.sendto(b"more", (address(SERVER), 90))
            survived = agent.network.delivered(server) == b"more"
            assert survived is (agent.metric("ringfence_ended_connections_total") == 0)
            return survived

    @in_own_network
    def test_they_end(self) -> None:
        assert not self.survives(ExistingConnections.END)

    @in_own_network
    def test_or_they_are_kept(self) -> None:
        assert self.survives(ExistingConnections.KEEP)

    @in_own_network
    def test_it_is_not_ready_while_they_cannot_be_judged(self) -> None:
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
    def test_everything_passes_and_is_counted(self) -> None:
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
                eventually(lambda: denials_in(agent.log.getvalue()) == 3)

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
    """How many packets the lines about denials stand for."""
    return sum(1 + int(repeated) for repeated in re.findall(r"it allows nothing.* repeated=(\d+)", log))


def failing(*args: object, **kwargs: object) -> Denial:
    raise KeyError("a defect")


class TestOwnNode:
    """While the Node of this machine is unknown, no pod counts as its own, and all that is in the kernel would go."""

    @in_own_network
    def test_an_agent_with_a_wrong_name_leaves_the_kernel_as_it_is(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
        before = agent.kernel.present
        with running(Settings("heer"), agent.network) as mistaken:
            mistaken.tell(*listing(*BOTH, HERE, CLOSED))
            mistaken.finish_events()
            assert mistaken.loop.readiness_error() == (
                "there is no Node heer: check --node: the Nodes are here: "
                "until then the rules in the kernel stay as they are"
            )
            assert mistaken.kernel.present == before
            assert not agent.passes()

    @in_own_network
    def test_nothing_is_programmed_until_the_node_is_registered(self) -> None:
        with running() as agent:
            agent.tell(*listing(*BOTH, CLOSED))
            agent.finish_events()
            assert not is_programmed()
            agent.enforce(upserted(HERE))
            assert not agent.passes()
            assert agent.loop.readiness_error() == ""

    @in_own_network
    def test_while_its_node_is_deleted_nothing_changes(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.tell(removed(HERE), removed(CLOSED))
            agent.await_log("not ready: there is no Node here: check --node: there are no Nodes: until then the rules")
            assert not agent.passes()
            agent.enforce(upserted(HERE))
            assert agent.passes()

    @in_own_network
    def test_the_name_of_another_machine_is_refused_as_well(self) -> None:
        other = node("other", gateway(SERVER))
        with running() as agent:
            agent.tell(*listing(*BOTH, HERE, other, CLOSED))
            agent.await_log(
                "the Node here is another machine: this machine has an address of the Node other: use --node"
            )
            assert not is_programmed()


class TestFaults:
    @in_own_network
    def test_a_table_that_another_program_deletes_comes_back(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            nft("delete", "table", "inet", "ringfence")
            agent.await_log("another program changed the table inet ringfence: its rules are restored")
            assert not agent.passes()
            assert agent.metric("ringfence_repairs_total") == 1
            assert agent.loop.readiness_error() == ""

    @in_own_network
    def test_a_table_that_cannot_be_restored_is_not_reported_as_restored(self) -> None:
        def refusing() -> bool:
            raise KernelError("the kernel refuses", 12)

        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.kernel.repair = refusing  # type: ignore[method-assign]
            agent.await_log("the kernel refuses: the kernel may not hold all rules until an attempt succeeds")
            assert "the kernel refuses" in agent.loop.readiness_error()
            assert agent.metric("ringfence_failures_total", stage="repair") > 0
            assert "restored" not in agent.log.getvalue()
            del agent.kernel.repair
            eventually(lambda: not agent.loop.readiness_error())
            agent.await_log("the kernel has accepted what it had refused")

    @in_own_network
    def test_a_table_that_is_restored_in_part_is_not_reported_as_restored(self) -> None:
        def refusing() -> bool:
            raise ProfilesRefused([KernelError("no memory", 12, "c")])

        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.kernel.repair = refusing  # type: ignore[method-assign]
            agent.await_log("no memory: the pods concerned are closed")
            agent.finish_events()
            assert "restored" not in agent.log.getvalue()
            assert agent.metric("ringfence_repairs_total") == 0

    @in_own_network
    def test_rules_outlive_the_agent(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
        assert not agent.passes()
        assert Kernel().has_table

    @in_own_network
    def test_a_storm_of_events_is_enforced_in_few_rounds(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            before = agent.metric("ringfence_enforcing_seconds_count")
            policies = [policy(f"x/p{i}", labelled(app="server"), ingress=[]) for i in range(1_000)]
            agent.enforce(*map(upserted, policies))
            assert agent.metric("ringfence_objects", kind="NetworkPolicy") == 1_000
            assert not agent.passes()
            assert agent.metric("ringfence_enforcing_seconds_count") - before < 200

    @in_own_network
    def test_a_policy_that_cannot_be_used_closes_its_pods_and_affects_no_others(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            wrong = policy("x/wrong", labelled(app="server"), ingress=[admits(ports=[{"port": 0, "protocol": "TCP"}])])
            agent.enforce(upserted(wrong))
            assert not agent.passes()
            assert "must be between 1 and 65535" in agent.log.getvalue()
            assert agent.metric("ringfence_unusable_objects") == 1
            assert agent.loop.readiness_error() == ""

    @in_own_network
    def test_profiles_that_the_kernel_refuses_close_their_pods_and_are_tried_again(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            with refused_chains(agent.loop._enforcement):
                agent.enforce(upserted(OPEN))
                assert "wrong" in agent.loop.readiness_error()
                assert not agent.passes()
                assert agent.metric("ringfence_failures_total", stage="kernel") > 0
            eventually(lambda: not agent.loop.readiness_error())
            assert agent.passes()
            agent.await_log("the kernel has accepted what it had refused")

    @in_own_network
    def test_a_defect_leaves_the_rules_in_force_and_is_tried_again(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            break_compiler(agent.loop._enforcement)
            agent.enforce(removed(CLOSED))
            assert "a defect of ringfence (compile): ZeroDivisionError: a defect trace=" in agent.log.getvalue()
            assert "ZeroDivisionError" in agent.loop.readiness_error() or not agent.passes()
            eventually(lambda: not agent.loop.readiness_error())
            assert agent.passes()

    @in_own_network
    def test_a_defect_with_one_object_affects_no_others_and_is_shown(self) -> None:
        taken_in = State.upsert

        def upsert(state: State, obj: object, *rest: object) -> None:
            if isinstance(obj, CompiledPolicy) and obj.name == "open":
                raise KeyError("a defect")
            taken_in(state, obj, *rest)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(State, "upsert", upsert)
            agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
            assert not agent.passes(), "the policy after it in the list is in force"
            assert agent.loop.readiness_error() == (
                "a defect of ringfence leaves out 1 objects, such as NetworkPolicy x/open: see the log"
            )
            assert agent.log.getvalue().count("a defect of ringfence (event): KeyError") == 1
            assert agent.metric("ringfence_failures_total", stage="event") == 1
            patch.undo()
            agent.enforce(upserted(OPEN))
            assert agent.loop.readiness_error() == ""
            assert agent.passes()

    @in_own_network
    def test_a_defect_of_a_step_stops_no_other(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(checks, "unfiltered_bridges", failing)
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.await_log("a defect of ringfence (check): KeyError")
            assert not agent.passes()

    @in_own_network
    def test_a_bridge_whose_packets_bypass_the_rules_is_reported(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(checks, "unfiltered_bridges", lambda: ["cni0", "docker0"])
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.await_log(
                "packets between pods on the bridge cni0 and docker0 bypass packet filters: modprobe br_netf"
            )
            assert agent.metric("ringfence_bypassing_bridges") == 2

    @in_own_network
    def test_the_counters_of_a_table_that_cannot_be_read_are_reported(self) -> None:
        def refusing() -> None:
            raise KernelError("no", 1)

        with running() as agent:
            agent.kernel.drops = refusing  # type: ignore[assignment]
            agent.enforce(*listing(HERE))
            assert agent.metric("ringfence_failures_total", stage="count") > 0
            assert "cannot read the counters of dropped packets: no" in agent.log.getvalue()


class TestWatches:
    @in_own_network
    def test_an_interruption_is_logged_and_counted(self) -> None:
        with running() as agent:
            agent.tell(WatchInterrupted("Pod", "the server is gone", 0.5))
            assert agent.metric("ringfence_watch_restarts_total", kind="Pod") == 1
            assert "watch interrupted: the server is gone" in agent.log.getvalue()
            assert agent.metric("ringfence_last_event_timestamp_seconds", kind="Pod") == 0

    @in_own_network
    def test_a_defect_of_a_watch_is_logged_with_its_traceback_and_keeps_the_agent_unready(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.tell(WatchFailed("Pod", KeyError("a defect"), 0.5))
            agent.finish_events()
            assert "a defect of ringfence (watch): KeyError: 'a defect' trace=" in agent.log.getvalue()
            assert agent.metric("ringfence_failures_total", stage="watch") == 1
            assert agent.metric("ringfence_watch_restarts_total", kind="Pod") == 1
            assert agent.loop.readiness_error() == "a defect of ringfence ended the watch of Pod: see the log"
            agent.tell(Alive("Pod"))
            agent.finish_events()
            assert agent.loop.readiness_error() == ""

    @in_own_network
    def test_an_event_shows_when_the_server_was_last_heard(self) -> None:
        with running() as agent:
            agent.tell(Alive("Pod"))
            assert agent.metric("ringfence_last_event_timestamp_seconds", kind="Pod") > 0


class TestLag:
    @in_own_network
    def test_what_is_in_force_does_not_lag(self) -> None:
        with running() as agent:
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            assert agent.metric("ringfence_lag_seconds") == 0
            assert agent.metric("ringfence_waiting_changes") == 0


class TestNamespacesThatHaveUsedTheirShare:
    @in_own_network
    def test_at_the_start_their_pods_are_closed_and_the_others_do_not_wait(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(Shares, "is_used_up", lambda shares, namespace, now: namespace == "x")
            patch.setattr(schedule, "START_PATIENCE", 0.0)
            patch.setattr(intake, "SHORT_TURN", 0.0)
            agent.enforce(*listing(*BOTH, HERE, OPEN, CLOSED))
            agent.await_log("the namespace has used its share of the time: its pods are closed for now namespace=x")
            agent.await_log("the policies of the namespace are in force namespace=x")
            assert agent.passes()
            assert agent.metric("ringfence_closings_total") == 1
            assert agent.metric("ringfence_closed_pods", reason="share") == 0

    @in_own_network
    def test_what_has_to_be_built_for_them_waits_while_others_do(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            agent.enforce(*listing(*BOTH, HERE))
            patch.setattr(Shares, "is_used_up", lambda shares, namespace, now: namespace == "x")
            waiting = [True, False]
            patch.setattr(Spending, "is_expected_to_be_short", lambda spending, namespace: False)
            patch.setattr(AgentLoop, "_others_wait", lambda loop, namespace: waiting.pop(0) if waiting else False)
            agent.enforce(upserted(OPEN))
            agent.await_log("its pods are closed for now namespace=x")
            agent.await_log("the policies of the namespace are in force namespace=x")
            assert agent.passes()

    @in_own_network
    def test_the_pods_of_one_whose_policies_are_too_large_are_closed(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(local_policies, "MOST_BYTES", 100)
            agent.enforce(*listing(*BOTH, HERE, OPEN))
            assert agent.passes()
            agent.enforce(upserted(CLOSED))
            assert not agent.passes()
            assert agent.metric("ringfence_closed_pods", reason="size") == 2
            assert agent.metric("ringfence_closed_pods", reason="share") == 0
            assert "NetworkPolicy cannot be used as it is: the policies of its namespace" in agent.log.getvalue()
            assert agent.loop.readiness_error() == ""
            agent.enforce(removed(CLOSED))
            agent.await_log("")
            eventually(lambda: agent.metric("ringfence_closed_pods", reason="size") == 0)
            eventually(agent.passes)


class TestHealth:
    @in_own_network
    def test_a_loop_that_turns_is_alive(self) -> None:
        with running() as agent:
            agent.enforce(*listing(HERE))
            assert agent.loop.liveness_error() == ""

    @in_own_network
    def test_a_loop_that_has_not_turned_for_long_is_not(self) -> None:

        clock = Clock()
        hanging = AgentLoop(Settings("here"), Kernel(), Inbox(), Metrics(), clock)
        clock.now += HANGS
        assert hanging.liveness_error() == ""
        clock.now += 1
        assert hanging.liveness_error() == "the loop has not turned for 61 s"

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
            hanging = AgentLoop(Settings("here"), Kernel(), Inbox(), Metrics(), Clock())
            assert b"ringfence_synced 0.0" in hanging.metrics_text()
