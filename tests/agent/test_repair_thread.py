"""The repair thread undoes the changes of other programs even while the loop is busy."""

import sys
import threading
from collections.abc import Sequence

import pytest
from tests import waiting
from tests.agent.events import listing
from tests.agent.running import BOTH, CLIENT, CLOSED, HERE, OPEN, SERVER, TIMEOUT, Running, eventually, running
from tests.dataplane.network import address, in_own_network, nft
from tests.dataplane.programs import varied

from ringfence.agent import loop, repair_thread
from ringfence.agent.inbox import Arrival, Inbox, RepairAttempted, StandbyFailed, StandbyRestored
from ringfence.agent.loop import AgentLoop
from ringfence.agent.repair_thread import repairing
from ringfence.agent.standby_client import StandbyEnded, StandbyProcess
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.restoration import Restoration


def is_back() -> bool:
    return Kernel().present == varied()


def await_ready(kernel: Kernel) -> None:
    """Wait until the standby process can restore the table."""

    def is_ready() -> bool:
        with kernel._lock:
            nft("flush ruleset")
            return waiting.eventually(lambda: Kernel().has_table, 0.2)

    eventually(is_ready)
    kernel.repair()


def passes_elsewhere(agent: Running) -> bool:
    """Whether a new connection to a port that no policy allows passes."""
    server = agent.network.udp(SERVER, 91)
    agent.network.udp(CLIENT).sendto(b"question", (address(SERVER), 91))
    return agent.network.delivered(server) is not None


@in_own_network
def test_a_table_is_repaired_while_the_loop_is_busy() -> None:
    let_go = threading.Event()

    def busy(self: AgentLoop, arrival: Arrival) -> None:
        assert let_go.wait(TIMEOUT)

    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AgentLoop, "_receive_event", busy)
            agent.tell(*listing(HERE))
            nft("delete", "table", "inet", "ringfence")
            eventually(lambda: not agent.passes())
            let_go.set()
            agent.finish_events()
        # Nothing passes as soon as the table is there again, and the repair counts when all is as it was.
        eventually(lambda: agent.metric("ringfence_repairs_total") >= 1)


@in_own_network
def test_connections_that_were_opened_without_the_table_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop judges them as soon as it has time."""
    # Without the standby process, which might restore the table before there is a connection.
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        monkeypatch.setattr(loop, "REPAIR_INTERVAL", 1_000.0)
        agent.finish_events()
        # The kernel tracks connections only while some table asks for their state.
        nft("table inet other { chain c { type filter hook forward priority 0; ct state established accept; }; }")
        with agent.kernel._lock:  # The repair waits for the connection.
            nft("delete", "table", "inet", "ringfence")
            server, client = agent.open_connection()

        def has_ended() -> bool:
            client.sendto(b"more", (address(SERVER), 90))
            return agent.network.delivered(server) is None

        eventually(has_ended)
        eventually(lambda: agent.kernel.ended == 1)


@in_own_network
def test_every_repair_is_reported_to_the_loop() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())
    with repairing(kernel, inbox):
        nft("flush ruleset")
        assert inbox.get(timeout=TIMEOUT) == RepairAttempted()
        eventually(is_back)  # The standby process may not be done yet.
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
        assert inbox.get(timeout=TIMEOUT) == RepairAttempted()
        del kernel.repair
        eventually(is_back)  # The standby process restores the table.
        nft("flush table inet ringfence")  # Only the thread repairs this: the table exists.
        eventually(is_back)


@in_own_network
def test_a_table_that_is_removed_repeatedly_is_restored_each_time_while_the_loop_is_busy() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())
    with repairing(kernel, inbox):
        await_ready(kernel)
        with kernel._lock:
            for _ in range(3):
                nft("flush ruleset")
                eventually(is_back)


@pytest.mark.parametrize(
    "damage",
    [
        "flush chain inet ringfence forward",
        "flush map inet ringfence ingress4",
        "insert rule inet ringfence forward accept",
        "add table inet ringfence { flags dormant; }",
    ],
)
@in_own_network
def test_damage_that_opens_the_table_opens_nothing_while_the_loop_is_busy(damage: str) -> None:
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, OPEN))

        def is_closed_by_the_process() -> bool:
            with agent.kernel._lock:
                nft(damage)
                return waiting.eventually(lambda: not passes_elsewhere(agent), 1.0) and agent.passes()

        eventually(is_closed_by_the_process)  # as soon as it has what to send
        eventually(lambda: "ringfence_beside" not in nft("list tables"))
        assert not passes_elsewhere(agent)
        assert agent.passes()


@in_own_network
def test_changes_of_other_tables_are_not_reported_to_the_loop() -> None:
    kernel, inbox = Kernel(), Inbox()
    kernel.apply(varied())
    with repairing(kernel, inbox):
        nft("add table inet other")
        nft("flush table inet ringfence")
        assert inbox.get(timeout=TIMEOUT) == RepairAttempted()
    assert inbox.empty()


@in_own_network
def test_a_process_that_was_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair_thread, "CHECK_INTERVAL", 0.01)
    kernel, inbox, processes = Kernel(), Inbox(), list[StandbyProcess]()
    kernel.apply(varied())

    class Noted(StandbyProcess):
        def send(self, restorations: Sequence[Restoration]) -> None:
            super().send(restorations)
            processes.append(self)

    monkeypatch.setattr(repair_thread, "StandbyProcess", Noted)
    with repairing(kernel, inbox):
        eventually(lambda: bool(processes))
        first = processes[0]
        first._process.kill()
        eventually(lambda: processes[-1] is not first)
        failure = inbox.get(timeout=TIMEOUT)
        assert isinstance(failure, StandbyFailed)
        assert isinstance(failure.error, StandbyEnded)
        assert isinstance(inbox.get(timeout=TIMEOUT), StandbyRestored)
        await_ready(kernel)
    later = [inbox.get() for _ in range(inbox.qsize())]
    assert not any(isinstance(one, StandbyFailed | StandbyRestored) for one in later), "neither is repeated"


@in_own_network
def test_without_the_process_the_thread_repairs_and_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with running() as agent:
        agent.enforce(*listing(*BOTH, HERE, CLOSED))
        agent.await_log("removes is restored later: [Errno 2] No such file or directory")
        nft("flush ruleset")
        eventually(lambda: agent.metric("ringfence_repairs_total") >= 1)
        assert not agent.passes()
        assert agent.metric("ringfence_failures_total", stage="standby") >= 1
