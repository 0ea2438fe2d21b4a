"""The event loop calls what is ready, once, and nothing that is not watched any more."""

import socket
import time
from collections.abc import Iterator

import pytest

from ringfence.lab.probing.event_loop import READABLE, WRITABLE, EventLoop


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    one = EventLoop()
    yield one
    one.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    first, second = socket.socketpair()
    with first, second:
        yield first, second


Pair = tuple[socket.socket, socket.socket]


def test_what_is_ready_is_called_and_counted(loop: EventLoop, pair: Pair) -> None:
    called: list[str] = []
    loop.watch(pair[0], READABLE, lambda: called.append("readable"))
    loop.watch(pair[1], WRITABLE, lambda: called.append("writable"))
    assert loop.run_once() == 1
    pair[1].send(b"x")
    assert loop.run_once() == 2
    assert sorted(called) == ["readable", "writable", "writable"]


def test_without_events_it_waits_for_the_given_time(loop: EventLoop, pair: Pair) -> None:
    loop.watch(pair[0], READABLE, lambda: None)
    begin = time.monotonic()
    assert loop.run_once(0.1) == 0
    assert time.monotonic() - begin >= 0.1


def test_what_is_unwatched_is_not_called(loop: EventLoop, pair: Pair) -> None:
    called: list[str] = []
    loop.watch(pair[0], READABLE, lambda: called.append("readable"))
    pair[1].send(b"x")
    loop.unwatch(pair[0])
    assert loop.run_once() == 0
    assert called == []


def test_a_callback_may_close_what_is_ready_at_the_same_time(loop: EventLoop, pair: Pair) -> None:
    called: list[int] = []

    def close_both() -> None:
        called.append(1)
        for sock in pair:
            loop.unwatch(sock)

    for sock in pair:
        loop.watch(sock, WRITABLE, close_both)
    assert loop.run_once() == 2
    assert called == [1]


def test_an_end_that_is_closed_is_an_event(loop: EventLoop, pair: Pair) -> None:
    called: list[bytes] = []
    loop.watch(pair[0], READABLE, lambda: called.append(pair[0].recv(1)))
    pair[1].close()
    loop.run_once(1)
    assert called == [b""]
