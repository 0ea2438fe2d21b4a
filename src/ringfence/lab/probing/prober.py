"""Probes: real connections attempted from inside namespaces, thousands at a time.

TCP is a handshake, broken off as soon as it is complete; UDP a datagram that comes back; SCTP an INIT that is answered.
A denied attempt hears nothing, and nothing is what it costs: all attempts wait together, and only until nothing at all
has happened in the laboratory for a while. Every packet's way leads through this one kernel and takes microseconds, so
that silence is telling; who asks a question whose silence surprises him asks again (see `Prober.patience`).
"""

import errno
import resource
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from ringfence.lab.network import IPAddress, LabPort, linux
from ringfence.lab.probing import sctp
from ringfence.lab.probing.datagrams import payload, received, send
from ringfence.lab.probing.event_loop import READABLE, WRITABLE, EventLoop
from ringfence.lab.probing.servers import FAMILY, GREETING, NON_BLOCKING

SILENCE_TIMEOUT: Final = 0.25
"""Seconds of silence that count as no answer, unless somebody has a reason to wait longer."""

_MOST_WAITING: Final = 8000
_AT_ONCE: Final = 64
"""How much is sent before the loop gets its turn: less than a socket's receive buffer or a CPU's queue can hold."""

_BREAK_OFF: Final = struct.pack("ii", 1, 0)
_IP_BIND_ADDRESS_NO_PORT: Final = 24
_NONCE_SIZE: Final = 8
_NUMBER: Final = struct.Struct("!I")
_SCTP_SOURCE_PORT: Final = 49152


class Attempt(msgspec.Struct, frozen=True):
    """One attempt: from a network namespace to a port of an address.

    `source` is the address to use where the namespace has several of a family.
    """

    namespace: int
    destination: IPAddress
    port: LabPort
    source: IPAddress | None = None


ProbeProgress = Callable[[int], None]
"""Told how many probes have been sent."""

NumberedAttempts = Sequence[tuple[int, Attempt]]
"""Probes of one sender with their numbers."""


def observe(
    loop: EventLoop, probes: Sequence[Attempt], patience: float, progress: ProbeProgress = lambda sent: None
) -> list[bool]:
    """Whether each probe got an answer. `patience` is how long nothing must happen before silence counts, in seconds.

    The servers have to be in the same `loop`, which turns while this function waits.
    """
    observation = _Observation(loop, len(probes), patience)
    sent = 0
    for _, attempts in groupby(sorted(enumerate(probes), key=_sender), key=_sender):
        for chunk in _chunks(list(attempts)):
            with linux.in_network_namespace(chunk[0][1].namespace):
                observation.attempt(chunk)
            observation.listen()
            sent += len(chunk)
            progress(sent)
    observation.settle()
    return observation.reached


def _sender(numbered: tuple[int, Attempt]) -> tuple[int, str, int, str]:
    """What the probes have in common that one socket can send, where a socket can send more than one."""
    probe = numbered[1]
    return probe.namespace, str(probe.source or ""), probe.destination.version, probe.port.protocol


class _Observation:
    """What is under way, and what has been reached so far."""

    def __init__(self, loop: EventLoop, probes: int, patience: float) -> None:
        self.reached = [False] * probes
        self._loop = loop
        self._patience = patience
        self._waiting: set[socket.socket] = set()
        self._most_waiting = min(_MOST_WAITING, _spare_descriptors() // 2)
        self._nonce = secrets.token_bytes(_NONCE_SIZE)

    def attempt(self, attempts: NumberedAttempts) -> None:
        """Send probes of one sender, in the calling thread's network namespace."""
        match attempts[0][1].port.protocol:
            case "TCP":
                self._attempt_tcp(attempts)
            case "UDP":
                self._attempt_udp(attempts)
            case _:
                self._attempt_sctp(attempts)

    def listen(self) -> None:
        """Handle what has been answered already, and give up on the silent ones when there are very many."""
        while self._loop.turn():
            pass
        if len(self._waiting) > self._most_waiting:
            self.settle()

    def settle(self) -> None:
        """Wait until nothing has happened for a while, then count silence as no answer."""
        patient_until = time.monotonic() + self._patience
        while self._waiting and (left := patient_until - time.monotonic()) > 0:
            if self._loop.turn(left):
                patient_until = time.monotonic() + self._patience
        for silent in list(self._waiting):
            self._give_up(silent)

    def _attempt_tcp(self, attempts: NumberedAttempts) -> None:
        for number, probe in attempts:
            sock = self._socket(probe, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _BREAK_OFF)
            if sock.connect_ex((str(probe.destination), probe.port.number)) == errno.EINPROGRESS:
                self._await(sock, WRITABLE, partial(self._connected, sock, number))
            else:  # no way there
                sock.close()

    def _connected(self, sock: socket.socket, number: int) -> None:
        """A handshake is complete (and may have been broken off since), or has failed."""
        self.reached[number] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNRESET)
        self._give_up(sock)

    def _attempt_udp(self, attempts: NumberedAttempts) -> None:
        sock = self._socket(attempts[0][1], socket.SOCK_DGRAM)
        for number, probe in attempts:
            send(sock, GREETING + self._nonce + _NUMBER.pack(number), (str(probe.destination), probe.port.number))
        self._await(sock, READABLE, partial(self._echoed, sock))

    def _echoed(self, sock: socket.socket) -> None:
        for reply, _ in received(sock):
            nonce, number = reply[-_NONCE_SIZE - _NUMBER.size : -_NUMBER.size], reply[-_NUMBER.size :]
            if nonce == self._nonce:
                self.reached[_NUMBER.unpack(number)[0]] = True

    def _attempt_sctp(self, attempts: NumberedAttempts) -> None:
        sock = self._socket(attempts[0][1], socket.SOCK_RAW, sctp.PROTOCOL)
        first_tag = 1 + secrets.randbelow((1 << 31) - _AT_ONCE)
        tags = {first_tag + i: number for i, (number, _) in enumerate(attempts)}
        for tag, (_, probe) in zip(tags, attempts, strict=True):
            send(sock, sctp.init(_SCTP_SOURCE_PORT, probe.port.number, tag), (str(probe.destination), 0))
        self._await(sock, READABLE, partial(self._agreed, sock, tags))

    def _agreed(self, sock: socket.socket, tags: dict[int, int]) -> None:
        for data, _ in received(sock):
            packet = sctp.parse(payload(sock, data))
            if packet and packet.verification_tag in tags:
                self.reached[tags[packet.verification_tag]] = True

    def _socket(self, probe: Attempt, kind: int, protocol: int = 0) -> socket.socket:
        sock = socket.socket(FAMILY[probe.destination.version], kind | NON_BLOCKING, protocol)
        if probe.source:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((str(probe.source), 0))
        return sock

    def _await(self, sock: socket.socket, events: int, ready: Callable[[], None]) -> None:
        self._waiting.add(sock)
        self._loop.watch(sock, events, ready)

    def _give_up(self, sock: socket.socket) -> None:
        self._waiting.discard(sock)
        self._loop.forget(sock)
        sock.close()


def _chunks(attempts: list[tuple[int, Attempt]]) -> Iterator[NumberedAttempts]:
    for start in range(0, len(attempts), _AT_ONCE):
        yield attempts[start : start + _AT_ONCE]


def _spare_descriptors() -> int:
    """How many more files this process may open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit - len(list(Path("/proc/self/fd").iterdir()))
