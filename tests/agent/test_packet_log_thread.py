"""The thread that reads denied packets, on a real log group."""

import queue
from collections.abc import Iterator

import pytest
from tests.agent.running import TIMEOUT
from tests.dataplane.network import in_own_network

from ringfence.agent import packet_log_thread
from ringfence.agent.inbox import Inbox, InboxItem, PacketLogFailed, PacketLogRestored
from ringfence.agent.packet_log_thread import reading_packet_log
from ringfence.dataplane.packet_log import LoggedPacket, PacketLog
from ringfence.dataplane.program import Packet
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

PACKET = LoggedPacket(Packet(Family.IPV4, 1, 2, 6, 80), Direction.INGRESS, False)


class Failing:
    """Logs that fail a number of times before they are read as they should be."""

    def __init__(self, patch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self._errors = list(errors)
        self._read = PacketLog.packets
        patch.setattr(PacketLog, "packets", lambda log: self.packets(log))
        patch.setattr(packet_log_thread, "FIRST_RETRY", 0.02)
        patch.setattr(packet_log_thread, "LAST_RETRY", 0.08)

    def packets(self, log: PacketLog) -> Iterator[LoggedPacket]:
        if self._errors:
            raise self._errors.pop(0)
        yield PACKET
        yield from self._read(log)


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
    assert packet == PACKET


@in_own_network
def test_a_defect_does_not_end_the_thread() -> None:
    inbox: Inbox = queue.SimpleQueue()
    with pytest.MonkeyPatch.context() as patch:
        Failing(patch, KeyError("a defect"))
        with reading_packet_log(100, inbox):
            failed, _, packet = items(inbox, 3)
    assert isinstance(failed, PacketLogFailed)
    assert isinstance(failed.error, KeyError)
    assert packet == PACKET


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
            assert "group 100 cannot be used" in str(failed.error)
            other[0].close()
            while not isinstance(inbox.get(timeout=TIMEOUT), LoggedPacket):
                pass


@in_own_network
def test_a_log_that_cannot_be_opened_at_first_is_an_error() -> None:
    inbox: Inbox = queue.SimpleQueue()
    with (
        reading_packet_log(100, inbox),
        pytest.raises(KernelError, match="group 100 cannot be used: choose another --log-group"),
        reading_packet_log(100, inbox),
    ):
        pass


@in_own_network
def test_closing_the_log_is_not_a_failure() -> None:
    inbox: Inbox = queue.SimpleQueue()
    for _ in range(3):
        with reading_packet_log(100, inbox):
            pass
    assert inbox.empty()
