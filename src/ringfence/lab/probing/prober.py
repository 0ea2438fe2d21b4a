"""The prober: opens real connections from inside namespaces, thousands at a time.

A TCP attempt is a handshake that is aborted as soon as it is complete, a UDP attempt a datagram that comes back, and an
SCTP attempt an INIT that is answered. A denied attempt gets no answer. All attempts wait together, until nothing has
happened in the whole laboratory for a while: every packet stays in this one kernel and takes microseconds, so silence
is meaningful. It ends at once when all are answered. An attempt that was expected to succeed can be repeated with a
longer wait.
"""

import errno
import os
import resource
import secrets
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from ringfence.errors import LaboratoryError
from ringfence.lab.network import IPAddress, LabPort, in_network_namespace
from ringfence.lab.probing import sctp
from ringfence.lab.probing.datagrams import UNREACHABLE, payload, received, send
from ringfence.lab.probing.event_loop import READABLE, WRITABLE, EventLoop
from ringfence.lab.probing.servers import FAMILY, GREETING, NON_BLOCKING

SILENCE_TIMEOUT: Final = 0.25
"""Seconds without any event after which missing answers count as denied."""

_MOST_WAITING: Final = 8000
_CHUNK_SIZE: Final = 64
"""Attempts that are sent before the loop handles events: fewer than a socket's receive buffer or a CPU's packet queue
(net.core.netdev_max_backlog, 1,000 by default) can hold."""

_ABORT_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_IP_BIND_ADDRESS_NO_PORT: Final = 24  # <linux/in.h>; the socket module of Python 3.11 has no name for it
_NONCE_SIZE: Final = 8
_NUMBER: Final = struct.Struct("!I")
_EPHEMERAL_PORTS: Final = range(49152, 65536)  # RFC 6335


class Attempt(msgspec.Struct, frozen=True):
    """One connection to open: from a network namespace to a port of an address.

    `source` is the address to use where the namespace has several of a family.
    """

    namespace: int
    destination: IPAddress
    port: LabPort
    source: IPAddress | None = None


ProbeProgress = Callable[[int], None]
"""Called with the number of attempts that have been sent."""

NumberedAttempts = Sequence[tuple[int, Attempt]]
"""Attempts of one sender with their numbers."""


def observe(
    loop: EventLoop, attempts: Sequence[Attempt], silence: float, progress: ProbeProgress = lambda sent: None
) -> list[bool]:
    """Whether each attempt was answered.

    `silence` is the number of seconds without any event after which missing answers count as denied. The servers must
    be in the same `loop`, which runs while this function waits. Raises LaboratoryError if an attempt cannot be sent,
    unless the network refuses it.
    """
    observation = _Observation(loop, len(attempts), silence)
    sent = 0
    try:
        for _, from_one_sender in groupby(sorted(enumerate(attempts), key=_sender), key=_sender):
            for chunk in _chunks(list(from_one_sender)):
                with in_network_namespace(chunk[0][1].namespace):
                    observation.send(chunk)
                observation.handle_answers()
                sent += len(chunk)
                progress(sent)
        observation.wait_for_silence()
    except OSError as error:
        raise LaboratoryError(f"probes cannot be sent: {error.strerror}") from error
    finally:
        observation.close()
    return observation.answered


def _sender(numbered: tuple[int, Attempt]) -> tuple[int, str, int, str]:
    """What attempts have in common that one UDP or SCTP socket can send."""
    attempt = numbered[1]
    return attempt.namespace, str(attempt.source or ""), attempt.destination.version, attempt.port.protocol


class _Observation:
    """The attempts that are under way, and which have been answered so far."""

    def __init__(self, loop: EventLoop, attempts: int, silence: float) -> None:
        self.answered = [False] * attempts
        self._loop = loop
        self._silence = silence
        self._waiting: set[socket.socket] = set()
        # Half of the descriptors are left to the servers' ends of the connections.
        self._most_waiting = min(_MOST_WAITING, _spare_descriptors() // 2)
        self._nonce = secrets.token_bytes(_NONCE_SIZE)
        # A random first port, as the kernel chooses for TCP and UDP. With a fixed one, the kernel would take a later
        # probe for a packet of an association that it already tracks, and accept it without evaluating the policies.
        self._first_sctp_port = secrets.randbelow(len(_EPHEMERAL_PORTS))
        self._sctp_attempts: Counter[Attempt] = Counter()

    def send(self, attempts: NumberedAttempts) -> None:
        """Send attempts of one sender, in the calling thread's network namespace."""
        match attempts[0][1].port.protocol:
            case "TCP":
                self._send_tcp(attempts)
            case "UDP":
                self._send_udp(attempts)
            case _:
                self._send_sctp(attempts)

    def handle_answers(self) -> None:
        """Handle the answers that have arrived, and stop waiting for silent attempts if there are very many."""
        while self._loop.run_once():
            pass
        if len(self._waiting) > self._most_waiting:
            self.wait_for_silence()

    def wait_for_silence(self) -> None:
        """Wait until nothing has happened for a while, then stop waiting for answers."""
        deadline = time.monotonic() + self._silence
        while self._waiting and (left := deadline - time.monotonic()) > 0:
            if self._loop.run_once(left):
                deadline = time.monotonic() + self._silence
        self.close()

    def close(self) -> None:
        """Stop waiting for answers."""
        for silent in list(self._waiting):
            self._stop_waiting(silent)

    def _send_tcp(self, attempts: NumberedAttempts) -> None:
        for number, attempt in attempts:
            sock = self._socket(attempt, socket.SOCK_STREAM)
            # With SO_LINGER 0, close sends a reset: no connection stays in TIME_WAIT and keeps its port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
            code = sock.connect_ex((str(attempt.destination), attempt.port.number))
            if code == errno.EINPROGRESS:
                self._wait_for(sock, WRITABLE, partial(self._handle_tcp, sock, number))
                continue
            sock.close()
            if code not in UNREACHABLE:
                raise OSError(code, os.strerror(code))

    def _handle_tcp(self, sock: socket.socket, number: int) -> None:
        # A program that was started in the pod may have reset the connection since: the handshake was complete.
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.answered[number] = error in (0, errno.ECONNRESET)
        self._stop_waiting(sock)

    def _send_udp(self, attempts: NumberedAttempts) -> None:
        sock = self._socket(attempts[0][1], socket.SOCK_DGRAM)
        self._wait_for(sock, READABLE, partial(self._handle_udp, sock, {number for number, _ in attempts}))
        for number, attempt in attempts:
            request = GREETING + self._nonce + _NUMBER.pack(number)
            send(sock, request, (str(attempt.destination), attempt.port.number))

    def _handle_udp(self, sock: socket.socket, unanswered: set[int]) -> None:
        for reply, _ in received(sock):
            nonce, number = reply[-_NONCE_SIZE - _NUMBER.size : -_NUMBER.size], reply[-_NUMBER.size :]
            # An answer to an earlier observation has another nonce.
            if nonce == self._nonce:
                (answered,) = _NUMBER.unpack(number)
                self.answered[answered] = True
                unanswered.discard(answered)
        if not unanswered:
            self._stop_waiting(sock)

    def _send_sctp(self, attempts: NumberedAttempts) -> None:
        sock = self._socket(attempts[0][1], socket.SOCK_RAW, sctp.PROTOCOL)
        # RFC 9260, 3.3.2: a tag of 0 is not allowed.
        first_tag = 1 + secrets.randbelow((1 << 31) - _CHUNK_SIZE)
        number_of_tag: dict[int, int] = {}
        self._wait_for(sock, READABLE, partial(self._handle_sctp, sock, number_of_tag))
        for tag, (number, attempt) in enumerate(attempts, first_tag):
            number_of_tag[tag] = number
            source_port = self._sctp_source_port(attempt)
            send(sock, sctp.init(source_port, attempt.port.number, tag), (str(attempt.destination), 0))

    def _sctp_source_port(self, attempt: Attempt) -> int:
        """The same port for all attempts, except for equal ones: pods on the host network share an address.

        Of two INITs of one association the kernel tracks the tag of the second, and drops the answer to the first.
        """
        place = self._first_sctp_port + self._sctp_attempts[attempt]
        self._sctp_attempts[attempt] += 1
        return _EPHEMERAL_PORTS[place % len(_EPHEMERAL_PORTS)]

    def _handle_sctp(self, sock: socket.socket, number_of_tag: dict[int, int]) -> None:
        for data, _ in received(sock):
            packet = sctp.parse(payload(sock, data))
            if packet and packet.verification_tag in number_of_tag:
                self.answered[number_of_tag.pop(packet.verification_tag)] = True
        if not number_of_tag:
            self._stop_waiting(sock)

    def _socket(self, attempt: Attempt, kind: int, protocol: int = 0) -> socket.socket:
        sock = socket.socket(FAMILY[attempt.destination.version], kind | NON_BLOCKING, protocol)
        if attempt.source:
            if kind == socket.SOCK_STREAM:
                # Choose the port at connect: by then it only has to be unused towards this destination, and the 28,000
                # ports of an address are enough for any number of attempts (ip(7), IP_BIND_ADDRESS_NO_PORT).
                sock.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((str(attempt.source), 0))
        return sock

    def _wait_for(self, sock: socket.socket, events: int, callback: Callable[[], None]) -> None:
        self._waiting.add(sock)
        self._loop.watch(sock, events, callback)

    def _stop_waiting(self, sock: socket.socket) -> None:
        self._waiting.discard(sock)
        self._loop.unwatch(sock)
        sock.close()


def _chunks(attempts: list[tuple[int, Attempt]]) -> Iterator[NumberedAttempts]:
    for start in range(0, len(attempts), _CHUNK_SIZE):
        yield attempts[start : start + _CHUNK_SIZE]


def _spare_descriptors() -> int:
    """The number of files that this process may still open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit - len(list(Path("/proc/self/fd").iterdir()))
