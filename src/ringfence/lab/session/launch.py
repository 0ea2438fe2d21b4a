"""Starting a laboratory in the background."""

import errno
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ringfence.cluster import Cluster
from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import NamespaceKind, PlacementOptions, unshare
from ringfence.lab.session.daemon import LaboratoryDaemon
from ringfence.lab.session.local_socket import command_line, socket_address
from ringfence.lab.session.protocol import DoneReply, FailureReply, encode, receive_reply
from ringfence.lab.session.sandbox import enter_sandbox


def start_laboratory(name: str, cluster: Cluster, options: PlacementOptions, *, serve: bool) -> None:
    """Start a laboratory in the background and wait until it is ready.

    Raises LaboratoryError if one of this name is running already, or if it cannot be built, with the reason.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The name is taken before anything is built: of two commands at the same time only one builds.
    try:
        listening.bind(socket_address(name))
    except OSError as error:
        listening.close()
        if error.errno != errno.EADDRINUSE:
            raise LaboratoryError(f"a laboratory cannot be started: {error.strerror or error}") from error
        stop = command_line(name, "down")
        raise LaboratoryError(f"a laboratory is running already: stop it first ({stop})") from None
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        _become_daemon(listening, theirs, lambda: Laboratory(cluster, options, serve=serve))
    theirs.close()
    listening.close()
    # The child ends at once. Its own child is the daemon, whose report is awaited next.
    os.waitpid(child, 0)
    with ours:
        reply, _ = receive_reply(ours)
    if isinstance(reply, FailureReply):
        raise LaboratoryError(reply.message)


def _become_daemon(listening: socket.socket, report: socket.socket, build: Callable[[], Laboratory]) -> NoReturn:
    """Leave the terminal, enter the sandbox and, as its process 1, run a laboratory until it ends.

    An error before the laboratory is ready is reported to the process that waits for it.
    """
    try:
        os.setsid()
        _release_files({listening.fileno(), report.fileno()})
        enter_sandbox()
        # Only children enter a new process namespace. The first one is process 1 of it: when that ends, the kernel ends
        # every other process in the namespace (pid_namespaces(7)), among them those of `lab exec`.
        unshare(NamespaceKind.PROCESS)
        if os.fork() == 0:
            listening.listen()
            daemon = LaboratoryDaemon(build(), listening)
            report.sendall(encode(DoneReply()))
            report.close()
            daemon.run()
    except RingfenceError as error:
        _report_failure(str(error), listening, report)
    except Exception:
        _report_failure(f"a defect of ringfence:\n{traceback.format_exc()}", listening, report)
    finally:
        # Not `sys.exit`: the exit handlers and buffers are those of the command that was forked.
        os._exit(0)


def _report_failure(message: str, listening: socket.socket, report: socket.socket) -> None:
    # The name must be free before the command that waits for the report ends: the user may try again at once.
    listening.close()
    report.sendall(encode(FailureReply(message)))


def _release_files(kept: set[int]) -> None:
    """Close what was inherited: a terminal, or a pipe whose reader waits until the last writer has closed it."""
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for standard_stream in (0, 1, 2):
        os.dup2(null, standard_stream)
    inherited = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    for descriptor in inherited:
        if descriptor > 2 and descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError as error:
                if error.errno != errno.EBADF:  # the descriptor by which the folder was read is closed already
                    raise
