"""The standby process: it restores a removed table by itself, covers a damaged one, and ends with the agent."""

import os
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.agent.running import eventually
from tests.dataplane.network import in_own_network, nft
from tests.dataplane.programs import varied

from ringfence.agent import standby_client, standby_process
from ringfence.agent.standby_client import StandbyEnded, StandbyProcess
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables.constants import NFNLGRP_NFTABLES
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket


@contextmanager
def standing(kernel: Kernel) -> Iterator[StandbyProcess]:
    """A standby process that is ready to restore what is in force now."""
    with kernel.standby.listening():
        process = StandbyProcess(kernel.standby)
        try:
            process.send(kernel.prepare())
            yield process
        finally:
            process.end()


def guarded() -> Kernel:
    kernel = Kernel()
    kernel.apply(varied())
    return kernel


def is_back() -> bool:
    return Kernel().present == varied()


@in_own_network
def test_the_standby_process_restores_the_table_whenever_it_is_removed() -> None:
    kernel = guarded()
    with standing(kernel):
        for removal in ("flush ruleset", "delete table inet ringfence", "delete table bridge ringfence"):
            nft(removal)
            eventually(is_back)
            assert kernel.standby.has_begun()


@in_own_network
def test_the_standby_process_covers_a_damaged_table_until_it_is_repaired() -> None:
    kernel = guarded()
    with standing(kernel):
        for _ in range(2):
            nft("flush table inet ringfence")
            eventually(kernel.standby.has_covered)
            assert "hook forward" in nft("list table inet ringfence_beside")
            kernel.standby.assume_changes()  # `has_covered` reports each cover only once.
            assert kernel.repair()
            assert is_back()
            assert "ringfence_beside" not in nft("list tables")


@in_own_network
def test_the_standby_process_wakes_a_dormant_table() -> None:
    kernel = guarded()
    with standing(kernel):
        nft("add table inet ringfence { flags dormant; }")
        eventually(lambda: "dormant" not in nft("list table inet ringfence"))


@in_own_network
def test_the_standby_process_polls_while_the_kernel_reports_no_changes() -> None:
    kernel = guarded()
    with standing(kernel), kernel.standby.not_listening():
        for _ in range(2):
            nft("flush ruleset")
            eventually(is_back)


@in_own_network
def test_the_standby_process_covers_a_table_that_is_flushed_while_the_kernel_reports_no_changes() -> None:
    kernel = guarded()
    with standing(kernel):
        for _ in range(2):
            with kernel.standby.not_listening():
                nft("flush map inet ringfence ingress4")
                eventually(kernel.standby.has_covered)
            kernel.standby.assume_changes()
            assert kernel.repair()
            assert is_back()


@in_own_network
def test_the_standby_process_listens_again_once_the_kernel_reports_changes() -> None:
    kernel = guarded()
    with standing(kernel):
        for _ in range(20):
            with kernel.standby.not_listening():
                pass
            nft("flush ruleset")
            eventually(is_back)


@in_own_network
def test_the_standby_process_goes_on_after_reports_that_the_kernel_could_not_deliver() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as listener:
        listener.join(NFNLGRP_NFTABLES)
        with socket.socket(fileno=os.dup(listener.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        guarded()
        assert not standby_process._reported(listener, ()).tables
        nft("add table inet other")
        assert listener.waiting(), "nothing else was left to read"


@in_own_network
def test_the_standby_process_restores_the_last_program_that_it_was_given() -> None:
    kernel = guarded()
    with standing(kernel) as process:
        kernel.revoke([7])
        process.send(kernel.prepare())
        nft("flush ruleset")
        eventually(is_back)
        assert Kernel().revoked == {7}
        kernel.remove()
        process.send(kernel.prepare())
        with kernel.standby.not_listening():
            nft("add table inet other; delete table inet other")
        process.send([*kernel.prepare()])  # when it answers, it has looked
        assert not Kernel().has_table


@in_own_network
def test_the_standby_process_does_not_react_to_transactions_of_the_agent_or_its_own() -> None:
    kernel = guarded()
    with kernel.standby.listening():
        kernel.revoke([7])
        assert kernel.standby.listener.waiting() is None
        nft("add table inet other")
        assert kernel.standby.listener.waiting() is not None


@in_own_network
def test_the_standby_process_ends_with_the_agent_and_not_before() -> None:
    """Ctrl-C and the stop of a service send signals to the whole process group."""
    with standing(guarded()) as process:
        for number in (signal.SIGINT, signal.SIGTERM):
            process._process.send_signal(number)
        nft("flush ruleset")
        eventually(is_back)
        process._control.close()
        assert process._process.wait(20) == 0


@in_own_network
def test_a_standby_process_that_has_ended_is_given_nothing() -> None:
    kernel = guarded()
    with standing(kernel) as process:
        kernel.revoke([7])
        process._process.kill()
        with pytest.raises(StandbyEnded, match="it has ended"):
            process.send(kernel.prepare())
        process._process.wait()
        with pytest.raises(StandbyEnded, match=r"it has ended \(-9\)"):
            process.send(kernel.prepare())


@in_own_network
@pytest.mark.parametrize("reads", [True, False], ids=["after it has read", "before it has read"])
def test_a_standby_process_that_ends_while_a_program_is_sent_to_it_has_ended(reads: bool) -> None:
    """The kernel reports the former as the end of a stream and the latter as a reset connection."""
    kernel = guarded()
    with standing(kernel) as process:
        ours, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def end() -> None:
            select.select([other_end], [], [])
            if reads:
                other_end.recv(1)
            other_end.close()

        # The real connection stays open, so that the process does not end before it gets a message.
        with process._control:
            process._control = ours
            thread = threading.Thread(target=end)
            thread.start()
            kernel.revoke([7])
            with pytest.raises(StandbyEnded):
                process.send(kernel.prepare())
            thread.join()
            with pytest.raises(StandbyEnded):
                process.send(kernel.prepare())


@in_own_network
def test_a_standby_process_that_does_not_answer_is_killed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = guarded()
    with standing(kernel) as process:
        monkeypatch.setattr(standby_client, "PATIENCE", 0.2)
        process._control.settimeout(standby_client.PATIENCE)
        process._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process._process.pid, os.WSTOPPED | os.WNOWAIT)
        kernel.revoke([7])
        with pytest.raises(TimeoutError):
            process.send(kernel.prepare())
        process.end()
        assert process._process.returncode == -signal.SIGKILL
