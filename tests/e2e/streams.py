"""Streams: continuous traffic between pods at a bounded rate. Every piece is numbered and expected where it arrives.

One thread sends and receives for all streams of a test. A test can ask which datagrams were *lost* or have *leaked* in
any interval, whose ends are numbers of datagrams.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ringfence.lab.probing.datagrams import received, send
from ringfence.lab.probing.servers import FAMILY, NON_BLOCKING

from .server import wait_until
from .world import World

PAUSE: Final = 0.002
"""Seconds between two datagrams of a stream."""

MOST: Final = 200_000
"""Datagrams after which a stream stops: some ten minutes."""

FIRST_PORT: Final = 7000
_SETTLING: Final = 75
"""Datagrams of a stream, sent within 0.15 s or more, after which everything that was sent before has arrived or never
does. Pauses are counted in turns of the thread that sends and receives, which a busy machine may not let run."""

_SILENCE: Final = 250
"""Turns, in 0.5 s or more, in which a conversation that goes on is heard."""

_BUFFER: Final = 1 << 20


class Datagrams:
    """UDP from one pod to another. Each unanswered datagram is judged anew; answered ones belong to a connection."""

    def __init__(
        self, world: World, source: str, destination: str, port: int, family: int, *, answered: bool, source_port: int
    ) -> None:
        self.name = f"{source} -> {destination} over IPv{family}"
        self.port = port
        self._answered = answered
        self._target = (str(world.address(destination, family)), port)
        with world.inside(destination):
            self._receiver = _datagram_socket(self._target, family)
        with world.inside(source):
            self._sender = _datagram_socket((str(world.address(source, family)), source_port), family)
        self._arrived = bytearray(MOST)
        self.sent = 0

    def tick(self) -> None:
        """Send one datagram, and receive what has arrived."""
        for data, sender in received(self._receiver):
            self._arrived[int(data)] = 1
            if self._answered:
                send(self._receiver, b"heard", sender)
        if self.sent < MOST:
            self.sent += 1
            send(self._sender, b"%d" % (self.sent - 1), self._target)

    def await_more(self, count: int = 10) -> None:
        """Wait until this many more datagrams have been sent, however busy the machine is."""
        since = self.sent
        wait_until(lambda: self.sent >= since + count, f"{self.name} goes on", PAUSE)

    def arrived(self, since: int, until: int) -> int:
        """How many datagrams of these numbers have arrived."""
        return self._arrived.count(1, since, until)

    def lost(self, since: int, until: int) -> int:
        """How many datagrams of these numbers have not arrived."""
        return until - since - self.arrived(since, until)

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()


class Conversation:
    """A TCP connection in which only one side sends, a little at a time."""

    def __init__(self, world: World, client: str, server: str, port: int, *, server_speaks: bool) -> None:
        with world.inside(server), socket.create_server((str(world.address(server)), port)) as listener:
            with world.inside(client):
                client_end = socket.create_connection(listener.getsockname(), timeout=5)
            server_end, _ = listener.accept()
        for end in (client_end, server_end):
            end.setblocking(False)
        self._speaker, self._listener = (server_end, client_end) if server_speaks else (client_end, server_end)
        self.heard = 0
        self._turns = 0
        self.broken = False
        """Whether somebody has reset it."""

    def tick(self) -> None:
        """Send a little data, and receive what has arrived."""
        self._turns += 1
        try:
            self._speaker.send(b".")
            self.heard += len(self._listener.recv(4096))
        except BlockingIOError:
            pass
        except OSError:
            self.broken = True

    def goes_on(self) -> bool:
        """Whether more data arrives."""
        before = self.heard
        wait_until(lambda: self.heard > before or self.broken, "the conversation goes on")
        return not self.broken

    def ends(self) -> bool:
        """Whether the data stops arriving for good."""
        wait_until(self._is_silent, "the conversation ends")
        return True

    def close(self) -> None:
        self._speaker.close()
        self._listener.close()

    def _is_silent(self) -> bool:
        heard, turns = self.heard, self._turns
        wait_until(lambda: self._turns >= turns + _SILENCE, "the streams go on", PAUSE)
        return self.heard == heard


class Streams:
    """All streams of a test."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._streams: list[Datagrams | Conversation] = []
        self._next_port = FIRST_PORT
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._go_on, name="streams", daemon=True)
        self._thread.start()

    def datagrams(
        self,
        source: str,
        destination: str,
        *,
        family: int = 4,
        answered: bool = False,
        source_port: int = 0,
        port: int | None = None,
    ) -> Datagrams:
        """A new UDP stream. With the ports of an earlier stream, it looks like the same connection."""
        stream = Datagrams(
            self._world,
            source,
            destination,
            port or self._take_port(),
            family,
            answered=answered,
            source_port=source_port,
        )
        self._streams = [*self._streams, stream]
        return stream

    def conversation(self, client: str, server: str, *, server_speaks: bool = False) -> Conversation:
        """A new connection of TCP."""
        stream = Conversation(self._world, client, server, self._take_port(), server_speaks=server_speaks)
        self._streams = [*self._streams, stream]
        return stream

    @contextmanager
    def watched(self, *, arriving: list[Datagrams], refused: list[Datagrams]) -> Iterator[None]:
        """While the context is open, every datagram of some streams arrives, and no datagram of others does."""
        since = {stream: stream.sent for stream in (*arriving, *refused)}
        yield
        for stream in since:
            stream.await_more()
        until = {stream: stream.sent for stream in since}
        for stream in since:
            stream.await_more(_SETTLING)
        assert self._failure is None
        lost = _counted({stream.name: stream.lost(since[stream], until[stream]) for stream in arriving})
        leaked = _counted({stream.name: stream.arrived(since[stream], until[stream]) for stream in refused})
        assert not lost | leaked, f"of {max(until.values())} datagrams, lost: {lost}, leaked: {leaked}"

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for stream in self._streams:
            stream.close()

    def _take_port(self) -> int:
        self._next_port += 1
        return self._next_port

    def _go_on(self) -> None:
        due = time.monotonic()
        try:
            while not self._ended.is_set():
                for stream in self._streams:
                    stream.tick()
                due = max(due + PAUSE, time.monotonic() - PAUSE)
                self._ended.wait(max(0.0, due - time.monotonic()))
        except BaseException as failure:  # the test has to know
            self._failure = failure


@contextmanager
def streams(world: World) -> Iterator[Streams]:
    """The streams of a test, while the context is open."""
    running = Streams(world)
    try:
        yield running
    finally:
        running.close()


def is_open(stream: Datagrams) -> Callable[[], bool]:
    """Asks whether a stream's next datagrams arrive."""

    def now() -> bool:
        since = stream.sent
        stream.await_more()
        return stream.arrived(since, stream.sent) > 0

    return now


def is_closed(stream: Datagrams) -> Callable[[], bool]:
    """Asks whether none of a stream's next datagrams arrives."""
    opened = is_open(stream)
    return lambda: not opened()


def _datagram_socket(address: tuple[str, int], family: int) -> socket.socket:
    one = socket.socket(FAMILY[family], socket.SOCK_DGRAM | NON_BLOCKING)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(address)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    return one


def _counted(numbers: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
