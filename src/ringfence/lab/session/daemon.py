"""The daemon: the process of a laboratory in the background, and the requests that it serves.

It is process 1 of a process namespace of its own, so that all programs in the laboratory end when it ends.
"""

import os
import signal
import socket
import traceback
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Final

from ringfence.analysis.probes import ProbeReport
from ringfence.engine.population import Reference
from ringfence.errors import RingfenceError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.probing import READABLE
from ringfence.lab.session.local_socket import is_same_user
from ringfence.lab.session.protocol import (
    ApplyRequest,
    DeleteRequest,
    DoneReply,
    EnterReply,
    EnterRequest,
    FailureReply,
    ProbeReply,
    ProbeRequest,
    ProgressReply,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    StopRequest,
    decode_request,
    encode,
    unpack,
)

_MAINTENANCE_INTERVAL: Final = 1.0
"""Seconds after which the kernel rules are checked again if nothing happens."""

_SEND_TIMEOUT: Final = 10.0
_RECEIVE_SIZE: Final = 1 << 16


class ClientConnection:
    """A connection from a command: requests arrive, replies are sent."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""

    def send(self, reply: Reply, descriptors: Iterable[int] = ()) -> None:
        """Send a reply. It is lost if the command has ended or does not read: the laboratory does not depend on it."""
        content = encode(reply)
        try:
            self.connection.settimeout(_SEND_TIMEOUT)
            sent = socket.send_fds(self.connection, [content], list(descriptors))
            self.connection.sendall(content[sent:])
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Wake the event loop, which closes the connection, unless it is closed already."""
        if self.connection.fileno() >= 0:
            self.connection.shutdown(socket.SHUT_RDWR)


class LaboratoryDaemon:
    """Runs a laboratory and serves requests, one after the other."""

    def __init__(self, laboratory: Laboratory, listening: socket.socket) -> None:
        self._laboratory = laboratory
        self._listening = listening
        self._waiting: deque[tuple[ClientConnection, Request]] = deque()
        self._defect = ""
        """A defect that occurred between two requests; the next one reports it."""
        self._ended = False

    def run(self) -> None:
        """Serve until a request or a signal ends the laboratory."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        self._listening.setblocking(False)
        self._laboratory.loop.watch(self._listening, READABLE, self._accept)
        while not self._ended:
            self._wait()
            while self._waiting and not self._ended:
                self._serve(*self._waiting.popleft())
        self._laboratory.close()

    def _wait(self) -> None:
        """Handle events for up to a second, keep the kernel rules in sync, and reap processes that have ended."""
        try:
            self._laboratory.loop.run_once(_MAINTENANCE_INTERVAL)
            self._laboratory.maintain()
            _reap_orphans()
        except Exception:
            self._defect = traceback.format_exc()

    def _end(self, *signal_and_frame: object) -> None:
        self._ended = True

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, ConnectionError):  # the command has ended already
            return
        if not is_same_user(connection):
            connection.close()
            return
        client = ClientConnection(connection)
        connection.setblocking(False)
        self._laboratory.loop.watch(connection, READABLE, partial(self._receive, client))

    def _receive(self, client: ClientConnection) -> None:
        try:
            more = client.connection.recv(_RECEIVE_SIZE)
            client.received += more
            request = decode_request(client.received) if more else None
        except (OSError, ValueError):  # the command has ended, or it is of another version of ringfence
            more, request = b"", None
        if request is not None:
            client.received = b""
            self._waiting.append((client, request))
        if not more:
            self._laboratory.loop.unwatch(client.connection)
            client.connection.close()

    def _serve(self, client: ClientConnection, request: Request) -> None:
        if self._defect:
            client.send(FailureReply(f"a defect of ringfence since the last command:\n{self._defect}"))
            self._defect = ""
            # A laboratory with a defect can be stopped, too.
            self._ended = self._ended or isinstance(request, StopRequest)
            return
        try:
            self._carry_out(client, request)
        except RingfenceError as error:
            client.send(FailureReply(str(error)))
        except Exception:
            client.send(FailureReply(f"a defect of ringfence:\n{traceback.format_exc()}"))

    def _carry_out(self, client: ClientConnection, request: Request) -> None:
        match request:
            case ProbeRequest():
                report = self._probe(client, request)
                client.send(ProbeReply(report, tuple(self._laboratory.cluster.problems)))
            case ApplyRequest(objects, problems):
                self._laboratory.apply(unpack(objects), problems)
                client.send(DoneReply(self._laboratory.refused))
            case DeleteRequest(references):
                self._laboratory.delete(Reference(*reference) for reference in references)
                client.send(DoneReply(self._laboratory.refused))
            case EnterRequest(pod):
                self._send_namespaces(client, pod)
            case StatusRequest():
                client.send(StatusReply(self._laboratory.status()))
            case StopRequest():
                self._ended = True
                client.send(DoneReply())

    def _probe(self, client: ClientConnection, request: ProbeRequest) -> ProbeReport:
        probes = self._laboratory.probes(request.source, request.destination, request.ports)
        total = len(probes)
        return self._laboratory.probe(probes, lambda sent: client.send(ProgressReply("probing", sent, total)))

    def _send_namespaces(self, client: ClientConnection, name: str) -> None:
        pod = self._laboratory.pod(name)
        reply = EnterReply(self._laboratory.resolver_configuration(pod))
        user, process = (os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("user", "pid"))
        # The last descriptor belongs to the laboratory, which keeps it open.
        client.send(reply, (user, process, self._laboratory.network_of(pod)))
        os.close(user)
        os.close(process)


def _reap_orphans() -> None:
    """Collect the processes that were started in the laboratory, lost their parents and have ended.

    Orphans become children of process 1 of their namespace; until it waits for them they stay as zombies.
    """
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:  # there are no children
        return
