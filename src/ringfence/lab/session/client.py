"""Requests to a laboratory in the background."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ringfence.errors import LaboratoryError
from ringfence.lab.session.local_socket import command_line, is_same_user, socket_address
from ringfence.lab.session.protocol import (
    FailureReply,
    ProgressReply,
    Reply,
    Request,
    StopRequest,
    encode,
    receive_reply,
)

ReplyProgress = Callable[[ProgressReply], None]
"""Called with each report of progress that comes before the reply."""


def send_request(name: str, request: Request, progress: ReplyProgress = lambda step: None) -> Reply:
    """The laboratory's reply to a request. Raises LaboratoryError if none is running, or if it refuses."""
    reply, descriptors = exchange(name, request, progress)
    for descriptor in descriptors:
        os.close(descriptor)
    return reply


def exchange(name: str, request: Request, progress: ReplyProgress = lambda step: None) -> tuple[Reply, list[int]]:
    """The laboratory's reply to a request, and the file descriptors that come with it, which the caller closes.

    Raises LaboratoryError if no laboratory of this name is running, or if it refuses.
    """
    with _connected(name) as connection:
        connection.sendall(encode(request))
        while True:
            reply, descriptors = receive_reply(connection)
            match reply:
                case ProgressReply():
                    progress(reply)
                case FailureReply(message):
                    raise LaboratoryError(message)
                case _:
                    return reply, descriptors


def stop_laboratory(name: str) -> None:
    """Stop a laboratory and wait until it has ended. Raises LaboratoryError if none is running."""
    with _connected(name) as connection:
        connection.sendall(encode(StopRequest()))
        receive_reply(connection)
        with suppress(ConnectionResetError):
            connection.recv(1)  # returns when the daemon's end closes


@contextmanager
def _connected(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(socket_address(name))
        except ConnectionRefusedError:
            start = command_line(name, "up -f FILE")
            raise LaboratoryError(f"no laboratory is running: start one ({start})") from None
        except OSError as error:
            raise LaboratoryError(f"the laboratory cannot be reached: {error.strerror or error}") from error
        if not is_same_user(connection):
            raise LaboratoryError("a process of another user answers under this name: choose another --name")
        try:
            yield connection
        except ConnectionError as error:
            # The daemon was killed. The kernel reports a broken pipe or a reset connection: that depends on what the
            # daemon had read.
            raise LaboratoryError("the laboratory has ended unexpectedly") from error
