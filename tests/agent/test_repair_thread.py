"""What another program changes is repaired although the loop is busy with other work."""

import threading

import pytest
from tests.agent.events import listing
from tests.agent.running import BOTH, CLOSED, HERE, SERVER, eventually, running
from tests.dataplane.network import address, in_own_network, nft
from tests.dataplane.programs import varied

from ringfence.agent import loop
from ringfence.agent.inbox import Arrival, Inbox, RepairAttempted
from ringfence.agent.loop import AgentLoop
from ringfence.agent.repair_thread import repairing
from ringfence.dataplane.kernel import Kernel


@in_own_network
def test_a_table_is_repaired_while_the_loop_is_busy() -> None:
    let_go = threading.Event()

    def busy(self: AgentLoop, arrival: Arrival) -> None:
        assert let_go.wait(20)

    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AgentLoop, "_receive_event", busy)
            agent.tell(*listing(HERE))
            nft("delete", "table", "inet", "ringfence")
            eventually(lambda: not agent.passes())
            let_go.set()
            agent.finish_events()
        # Nothing passes as soon as the pods are closed, and the repair counts when all is as it was.
        eventually(lambda: agent.metric("ringfence_repairs_total") == 1)


@in_own_network
def test_connections_that_were_opened_meanwhile_end() -> None:
    """They are judged by the loop as soon as it has time."""
    with pytest.MonkeyPatch.context() as patch, running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        patch.setattr(loop, "REPAIR_INTERVAL", 1_000.0)
        agent.finish_events()
        # The kernel tracks connections only as long as some table asks for their state.
        nft("table inet other { chain c { type filter hook forward priority 0; ct state established accept; }; }")
        with agent.kernel._lock:  # the repair waits for the connection
            nft("delete", "table", "inet", "ringfence")
            server, client = agent.open_connection()

        def has_ended() -> bool:
            client.sendto(b"more", (address(SERVER), 90))
            return agent.network.delivered(server) is None

        eventually(has_ended)
        assert agent.kernel.ended == 1


@in_own_network
def test_every_repair_is_reported_to_the_loop() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())
    with repairing(kernel, inbox):
        nft("flush ruleset")
        assert inbox.get(timeout=20) == RepairAttempted()
        assert Kernel().present == varied()
    nft("flush ruleset")
    assert not Kernel().has_table, "it repairs no longer"


@in_own_network
def test_a_defect_does_not_end_the_thread() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())

    def broken() -> bool:
        kernel._table.is_disturbed()
        raise KeyError("a defect")

    with repairing(kernel, inbox):
        kernel.repair = broken  # type: ignore[method-assign]
        nft("flush ruleset")
        assert inbox.get(timeout=20) == RepairAttempted()
        del kernel.repair
        nft("flush ruleset")
        assert inbox.get(timeout=20) == RepairAttempted()
        assert Kernel().present == varied()


@in_own_network
def test_pods_are_closed_as_often_as_the_table_is_removed_while_something_takes_long() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())
    kernel.prepare_to_close()
    with repairing(kernel, inbox), kernel._putting_in_force():
        for _ in range(3):
            nft("flush ruleset")
            eventually(lambda: Kernel().has_table)
        assert inbox.empty()


@in_own_network
def test_changes_of_other_tables_are_not_reported_to_the_loop() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())
    with repairing(kernel, inbox):
        nft("add table inet other")
        nft("flush table inet ringfence")
        assert inbox.get(timeout=20) == RepairAttempted()
    assert inbox.empty()
