"""The keeper: the process that a laboratory lives in while nobody is looking, and the requests it serves.

It is process 1 of a process namespace of its own, so that whatever was started in the laboratory ends when it ends.
"""

import os
import signal
import socket
import struct
import traceback
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from ringfence.analysis.probe_report import ProbeReport
from ringfence.engine.population import Reference
from ringfence.errors import RingfenceError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.probing import READABLE
from ringfence.lab.session import protocol as wire

_BREATH: Final = 1.0
_SEND_TIMEOUT: Final = 10.0
_LONGEST: Final = 1 << 16
_CREDENTIALS: Final = struct.Struct("iII")


class ClientConnection:
    """A connection to the keeper: requests come in, replies go out."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""

    def tell(self, reply: wire.Reply, descriptors: Iterable[int] = ()) -> None:
        """Send a reply; to a client that has gone or does not listen, nothing."""
        self.connection.settimeout(_SEND_TIMEOUT)
        content = wire.encode(reply)
        try:
            sent = socket.send_fds(self.connection, [content], list(descriptors))
            self.connection.sendall(content[sent:])
        except OSError:
            self.connection.shutdown(socket.SHUT_RDWR)


class LaboratoryDaemon:
    """Keeps a laboratory and serves requests, one after the other."""

    def __init__(self, laboratory: Laboratory, listening: socket.socket) -> None:
        self._laboratory = laboratory
        self._listening = listening
        self._waiting: deque[tuple[ClientConnection, wire.Request]] = deque()
        self._ended = False

    def run(self) -> None:
        """Serve until somebody asks to end, or a signal does."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        self._listening.setblocking(False)
        self._laboratory.loop.watch(self._listening, READABLE, self._accept)
        while not self._ended:
            self._laboratory.loop.turn(_BREATH)
            self._laboratory.tend()
            _bury_orphans()
            while self._waiting and not self._ended:
                self._serve(*self._waiting.popleft())
        self._laboratory.close()

    def _end(self, *signal_and_frame: object) -> None:
        self._ended = True

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        if not is_same_user(connection):
            connection.close()
            return
        client = ClientConnection(connection)
        connection.setblocking(False)
        self._laboratory.loop.watch(connection, READABLE, partial(self._hear, client))

    def _hear(self, client: ClientConnection) -> None:
        try:
            more = client.connection.recv(_LONGEST)
            client.received += more
            request = wire.decode_request(client.received) if more else None
        except (OSError, ValueError):  # gone, or not one of ours
            more, request = b"", None
        if request is not None:
            client.received = b""
            self._waiting.append((client, request))
        if not more:
            self._laboratory.loop.forget(client.connection)
            client.connection.close()

    def _serve(self, client: ClientConnection, request: wire.Request) -> None:
        try:
            match request:
                case wire.ProbeRequest():
                    client.tell(wire.ProbeReply(self._probe(client, request)))
                case wire.ApplyRequest(objects):
                    self._laboratory.apply(wire.unpack(objects))
                    client.tell(wire.DoneReply())
                case wire.DeleteRequest(references):
                    self._laboratory.delete(Reference(*reference) for reference in references)
                    client.tell(wire.DoneReply())
                case wire.EnterRequest(pod):
                    self._let_in(client, pod)
                case wire.StatusRequest():
                    client.tell(wire.StatusReply(self._laboratory.status()))
                case wire.StopRequest():
                    self._ended = True
                    client.tell(wire.DoneReply())
        except RingfenceError as error:
            client.tell(wire.FailureReply(str(error)))
        except Exception:  # a defect, which must be seen where somebody is looking
            client.tell(wire.FailureReply(f"a defect of ringfence:\n{traceback.format_exc()}"))

    def _probe(self, client: ClientConnection, request: wire.ProbeRequest) -> ProbeReport:
        questions = self._laboratory.questions(request.source, request.destination, request.ports)
        total = len(questions)
        return self._laboratory.probe(questions, lambda sent: client.tell(wire.ProgressReply("probing", sent, total)))

    def _let_in(self, client: ClientConnection, name: str) -> None:
        pod = self._laboratory.pod(name)
        user, process = (os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("user", "pid"))
        entrance = wire.EnterReply(self._laboratory.resolver_configuration(pod))
        client.tell(entrance, (user, process, self._laboratory.network_of(pod)))
        os.close(user)
        os.close(process)


def is_same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end of a local connection belongs to the same user."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return bool(user == os.getuid())


def _bury_orphans() -> None:
    """Take note of the ends of processes that were started in the laboratory and lost their parents."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
