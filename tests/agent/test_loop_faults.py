"""Faults, on a real kernel: a fault of an object, the kernel or the node keeps nothing else from being in force."""

import pytest
from tests.agent.events import listing, removed, upserted
from tests.agent.refusals import break_compiler, refused_chains
from tests.agent.running import BOTH, CLOSED, HERE, OPEN, SERVER, eventually, failing, is_programmed, running
from tests.dataplane.network import gateway, in_own_network, nft
from tests.semantics.objects import admits, labelled, node, policy

from ringfence.agent.settings import Settings
from ringfence.dataplane import forwarding
from ringfence.dataplane.kernel import Kernel, ProfilesRefused
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.state import State
from ringfence.errors import KernelError
from ringfence.sources.cluster.events import Alive, WatchFailed, WatchInterrupted


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
            agent.await_log("the kernel accepts the rules that it refused before")

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
            agent.await_log("the kernel accepts the rules that it refused before")

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
            patch.setattr(forwarding, "unfiltered_bridges", failing)
            agent.enforce(*listing(*BOTH, HERE, CLOSED))
            agent.await_log("a defect of ringfence (check): KeyError")
            assert not agent.passes()

    @in_own_network
    def test_a_bridge_whose_packets_bypass_the_rules_is_reported(self) -> None:
        with pytest.MonkeyPatch.context() as patch, running() as agent:
            patch.setattr(forwarding, "unfiltered_bridges", lambda: ["cni0", "docker0"])
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
            agent.kernel.counts.drops = refusing  # type: ignore[assignment]
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


class TestOwnNode:
    """While the Node of this machine is unknown, no pod counts as local, and a new program would remove all rules."""

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
