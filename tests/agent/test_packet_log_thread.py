"""The thread that reads denied packets from a real log group."""

import queue
import threading

import pytest
from tests.agent.running import TIMEOUT
from tests.dataplane.network import in_own_network

from ringfence.agent import packet_log_thread
from ringfence.agent.inbox import Inbox, InboxItem, LoggedPackets, PacketLogFailed, PacketLogRestored
from ringfence.agent.packet_log_thread import reading_packet_log
from ringfence.dataplane.packet_log import LoggedPacket, PacketLog
from ringfence.dataplane.program import Packet
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

TAKEN = "the log group 100 of the kernel cannot be used: another program listens to it: choose another --log-group"
PACKET = LoggedPacket(Packet(Family.IPV4, 1, 2, 6, 80), Direction.INGRESS)


class Failing:
    """Logs that fail a number of times before they can be read normally."""

    def __init__(self, patch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self._errors = list(errors)
        self._has_packet = True
        self._wait = PacketLog.wait
        patch.setattr(PacketLog, "wait", lambda log: self.wait(log))
        patch.setattr(packet_log_thread, "FIRST_RETRY", 0.02)
        patch.setattr(packet_log_thread, "LAST_RETRY", 0.08)

    def wait(self, log: PacketLog) -> list[LoggedPacket] | None:
        if self._errors:
            raise self._errors.pop(0)
        if self._has_packet:
            self._has_packet = False
            return [PACKET]
        return self._wait(log)


def items(inbox: Inbox, count: int) -> list[InboxItem]:
    found = []
    for _ in range(count):
        item = inbox.get(timeout=TIMEOUT)
        assert item is not None
        found.append(item)
    return found


@in_own_network
def test_a_log_that_fails_is_reported_and_opened_again() -> None:
    inbox: Inbox = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        Failing(patch, KernelError("gone", 19), KernelError("gone", 19))
        with reading_packet_log(100, inbox):
            first, restored, second, again, packet = items(inbox, 5)
    assert isinstance(first, PacketLogFailed)
    assert isinstance(second, PacketLogFailed)
    assert (first.retry_in, second.retry_in) == (0.02, 0.04)
    assert restored == again == PacketLogRestored()
    assert isinstance(packet, LoggedPackets)
    assert packet.packets == [PACKET]


@in_own_network
def test_a_defect_does_not_end_the_thread() -> None:
    inbox: Inbox = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        Failing(patch, KeyError("a defect"))
        with reading_packet_log(100, inbox):
            failed, _, packet = items(inbox, 3)
    assert isinstance(failed, PacketLogFailed)
    assert isinstance(failed.error, KeyError)
    assert isinstance(packet, LoggedPackets)
    assert packet.packets == [PACKET]


@in_own_network
def test_a_group_that_another_program_takes_meanwhile_is_tried_until_it_is_free() -> None:
    inbox: Inbox = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        Failing(patch, KernelError("gone", 19))
        close = PacketLog.close
        other: list[PacketLog] = []

        def close_and_lose(log: PacketLog) -> None:
            close(log)
            patch.setattr(PacketLog, "close", close)
            other.append(PacketLog(100))

        patch.setattr(PacketLog, "close", close_and_lose)
        with reading_packet_log(100, inbox):
            _, failed = items(inbox, 2)
            assert isinstance(failed, PacketLogFailed)
            assert str(failed.error) == TAKEN
            other[0].close()
            while not isinstance(inbox.get(timeout=TIMEOUT), LoggedPackets):
                pass


@in_own_network
def test_a_group_that_is_taken_at_first_is_reported_and_tried_until_it_is_free() -> None:
    inbox: Inbox = queue.SimpleQueue()
    other = PacketLog(100)
    with pytest.MonkeyPatch.context() as patch:
        Failing(patch)
        with reading_packet_log(100, inbox):
            first, second = items(inbox, 2)
            for failed in (first, second):
                assert isinstance(failed, PacketLogFailed)
                assert str(failed.error) == TAKEN
            other.close()
            while (item := inbox.get(timeout=TIMEOUT)) != PacketLogRestored():
                assert isinstance(item, PacketLogFailed)
            assert isinstance(inbox.get(timeout=TIMEOUT), LoggedPackets)


@in_own_network
def test_packets_wait_until_the_previous_ones_are_handled() -> None:
    """Denied packets can arrive faster than the agent explains them. They must not fill the inbox."""
    inbox: Inbox = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        waits, ended = threading.Semaphore(0), threading.Event()

        def wait(log: PacketLog) -> list[LoggedPacket] | None:
            waits.release()
            return None if ended.is_set() else [PACKET]

        patch.setattr(PacketLog, "wait", wait)
        with reading_packet_log(100, inbox):
            for _ in range(3):
                assert waits.acquire(timeout=TIMEOUT)
                item = inbox.get(timeout=TIMEOUT)
                assert isinstance(item, LoggedPackets)
                assert not waits.acquire(blocking=False)
                assert inbox.empty()
                item.taken()
            ended.set()


@in_own_network
def test_lost_packets_are_reported_even_if_none_was_read() -> None:
    inbox: Inbox = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        losses = [3, 3, 5]
        patch.setattr(PacketLog, "lost", property(lambda log: losses[0]))
        waiting = PacketLog.wait

        def wait(log: PacketLog) -> list[LoggedPacket] | None:
            if len(losses) > 1:
                losses.pop(0)
                return []
            return waiting(log)

        patch.setattr(PacketLog, "wait", wait)
        with reading_packet_log(100, inbox):
            for lost in (3, 2):
                item = inbox.get(timeout=TIMEOUT)
                assert isinstance(item, LoggedPackets)
                assert (item.packets, item.lost) == ([], lost)
                item.taken()


@in_own_network
def test_closing_the_log_is_not_a_failure() -> None:
    inbox: Inbox = queue.SimpleQueue()
    for _ in range(3):
        with reading_packet_log(100, inbox):
            pass
    assert inbox.empty()
