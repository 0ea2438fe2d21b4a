"""Requests for the metrics: all that wait are answered by one update, and updates take a small share of the time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.agent.running import TIMEOUT, Clock

from ringfence.agent.inbox import Inbox, InboxItem, Inquiry
from ringfence.agent.metrics_requests import PAUSE, MetricsRequests


def nothing() -> None:
    pass


def requests(update: Callable[[], None] = nothing) -> tuple[Inbox, MetricsRequests]:
    inbox: Inbox = Inbox()
    return inbox, MetricsRequests(inbox, update)


def answer(item: InboxItem | None) -> None:
    """Answer as the loop does."""
    assert isinstance(item, Inquiry)
    try:
        item.answer()
    finally:
        item.done.set()


def test_a_loop_that_does_not_answer_is_asked_once() -> None:
    inbox, asked = requests()
    assert [asked.wait(0.01) for _ in range(3)] == [False, False, False]
    assert inbox.qsize() == 1
    answer(inbox.get(timeout=TIMEOUT))
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(asked.wait, TIMEOUT)
        answer(inbox.get(timeout=TIMEOUT))
        assert answered.result(TIMEOUT)


def test_a_request_during_an_update_waits_for_the_next_one() -> None:
    """The update may have read already what has changed since."""
    has_begun, may_end = threading.Event(), threading.Event()

    def update() -> None:
        has_begun.set()
        assert may_end.wait(TIMEOUT)

    inbox, asked = requests(update)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(asked.wait, TIMEOUT)
        loop = pool.submit(answer, inbox.get(timeout=TIMEOUT))
        assert has_begun.wait(TIMEOUT)
        second = pool.submit(asked.wait, TIMEOUT)
        other = inbox.get(timeout=TIMEOUT)
        may_end.set()
        loop.result(TIMEOUT)
        assert first.result(TIMEOUT)
        assert not second.done()
        answer(other)
        assert second.result(TIMEOUT)


def test_the_next_update_waits_until_a_multiple_of_the_last_one_has_passed() -> None:
    clock = Clock()
    inbox: Inbox = Inbox()
    slept: list[float] = []

    def update() -> None:
        clock.now += 0.02

    asked = MetricsRequests(inbox, update, clock=clock, sleep=slept.append)
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(asked.wait, TIMEOUT)
            answer(inbox.get(timeout=TIMEOUT))
            assert answered.result(TIMEOUT)
    assert slept == [0, pytest.approx(PAUSE * 0.02)]


def test_no_request_waits_longer_than_its_timeout() -> None:
    clock = Clock()
    inbox: Inbox = Inbox()
    slept: list[float] = []

    def update() -> None:
        clock.now += 100

    asked = MetricsRequests(inbox, update, clock=clock, sleep=slept.append)
    assert not asked.wait(0.01)
    answer(inbox.get(timeout=TIMEOUT))
    assert not asked.wait(0.01)
    assert slept == [0, pytest.approx(0.01)]


def test_a_defect_of_an_update_is_raised_in_the_loop_and_the_next_request_asks_again() -> None:
    def broken() -> None:
        raise KeyError("a defect")

    inbox, asked = requests(broken)
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(asked.wait, TIMEOUT)
            with pytest.raises(KeyError):
                answer(inbox.get(timeout=TIMEOUT))
            assert answered.result(TIMEOUT)
