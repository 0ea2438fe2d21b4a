"""Sessions: a laboratory in the background, and how other commands reach it.

The keeper listens on an abstract unix socket: it has no file, so nothing is left when it ends, however it ends. The
name carries the user's number, and both ends check that the other one belongs to the same user.
"""

import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

from ringfence.cluster import Cluster
from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import MountFlag, NamespaceKind, PlacementOptions, linux
from ringfence.lab.session import protocol as wire
from ringfence.lab.session import sandbox
from ringfence.lab.session.daemon import LaboratoryDaemon, is_same_user

DEFAULT_NAME: Final = "default"
"""The name of the laboratory that commands mean if none is given."""

_RESOLVER: Final = "/etc/resolv.conf"
_HOST_RESOLVERS: Final = ("/run/systemd/resolve", "/run/nscd")
"""Where the C library would ask the machine's own resolvers instead of the pod's."""


def start_laboratory(name: str, cluster: Cluster, wishes: PlacementOptions, *, serve: bool) -> None:
    """Start a laboratory in the background and wait until it is ready.

    Raises LaboratoryError if one of this name is running already, or what keeps it from being built.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(_address(name))
    except OSError:
        raise LaboratoryError(f"a laboratory is running already: end it first ({_command(name, 'down')})") from None
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        _become_keeper(listening, theirs, lambda: Laboratory(cluster, wishes, serve=serve))
    theirs.close()
    listening.close()
    os.waitpid(child, 0)
    with ours:
        reply, _ = wire.receive_reply(ours)
    if isinstance(reply, wire.FailureReply):
        raise LaboratoryError(reply.message)


def send_request(
    name: str, request: wire.Request, progress: Callable[[wire.ProgressReply], None] = lambda step: None
) -> wire.Reply:
    """The laboratory's answer to a request. Raises LaboratoryError if there is none, or it refuses."""
    reply, descriptors = _exchange(name, request, progress)
    for descriptor in descriptors:
        os.close(descriptor)
    return reply


def stop_laboratory(name: str) -> None:
    """End a laboratory and wait until it is gone. Raises LaboratoryError if none is running."""
    with _connected(name) as connection:
        connection.sendall(wire.encode(wire.StopRequest()))
        wire.receive_reply(connection)
        connection.recv(1)


def execute_in_pod(name: str, pod: str, command: list[str]) -> int:
    """Run a command in a pod's network and wait for it; the exit status, as a shell tells it.

    The command is an ordinary child of this process: it has its terminal, files and environment. It sees the pod's
    network and asks the laboratory's DNS, and it ends with the laboratory.
    """
    entrance, (user, process, network) = _exchange(name, wire.EnterRequest(pod), lambda step: None)
    assert isinstance(entrance, wire.EnterReply)
    if not Path("/proc/self/ns/user").samefile(f"/proc/self/fd/{user}"):
        linux.enter_namespace(user, NamespaceKind.USER)
    linux.enter_namespace(process, NamespaceKind.PROCESS)
    linux.enter_namespace(network, NamespaceKind.NETWORK)
    child = os.fork()
    if child == 0:
        _run(command, entrance.resolver_configuration)
    for number in (signal.SIGINT, signal.SIGQUIT):  # they are meant for the command, which gets them too
        signal.signal(number, signal.SIG_IGN)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def _exchange(
    name: str, request: wire.Request, progress: Callable[[wire.ProgressReply], None]
) -> tuple[wire.Reply, list[int]]:
    with _connected(name) as connection:
        connection.sendall(wire.encode(request))
        while True:
            reply, descriptors = wire.receive_reply(connection)
            match reply:
                case wire.ProgressReply():
                    progress(reply)
                case wire.FailureReply(message):
                    raise LaboratoryError(message)
                case _:
                    return reply, descriptors


@contextmanager
def _connected(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(_address(name))
        except OSError:
            raise LaboratoryError(f"no laboratory is running: start one ({_command(name, 'up -f FILE')})") from None
        if not is_same_user(connection):
            raise LaboratoryError("somebody else answers in the laboratory's place: choose another --name")
        yield connection


def _become_keeper(listening: socket.socket, report: socket.socket, build: Callable[[], Laboratory]) -> NoReturn:
    """Leave the terminal, enter the sandbox and, as process 1 of it, keep a laboratory until it ends.

    Whatever goes wrong before the laboratory is ready is reported to the process that waits for it.
    """
    try:
        os.setsid()
        _let_go_of_files({listening.fileno(), report.fileno()})
        sandbox.enter_sandbox()
        linux.unshare(NamespaceKind.PROCESS)
        if os.fork() == 0:
            listening.listen()
            keeper = LaboratoryDaemon(build(), listening)
            report.sendall(wire.encode(wire.DoneReply()))
            report.close()
            keeper.run()
    except RingfenceError as error:
        report.sendall(wire.encode(wire.FailureReply(str(error))))
    except Exception:
        report.sendall(wire.encode(wire.FailureReply(f"a defect of ringfence:\n{traceback.format_exc()}")))
    finally:
        os._exit(0)


def _let_go_of_files(kept: set[int]) -> None:
    """Hold nothing that belongs to whoever started us: neither a terminal nor a pipe that somebody waits for."""
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor not in kept:
            with suppress(OSError):  # the one by which the folder was read
                os.close(descriptor)


def _run(command: list[str], resolver_configuration: str) -> NoReturn:
    """Become `command`, with the names of the cluster."""
    try:
        linux.unshare(NamespaceKind.MOUNT)
        linux.mount("none", "/", None, MountFlag.PRIVATE | MountFlag.RECURSIVE)
        _replace_resolver(resolver_configuration)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"error: {command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _replace_resolver(configuration: str) -> None:
    """Lay another `/etc/resolv.conf` over the machine's, in this process's mount namespace only."""
    for folder in filter(os.path.isdir, _HOST_RESOLVERS):
        linux.mount("none", folder, "tmpfs", MountFlag(0))
    target = Path(_RESOLVER).resolve()
    linux.mount("none", "/tmp", "tmpfs", MountFlag(0))
    source = Path("/tmp/resolv.conf")
    source.write_text(configuration)
    if str(target.parent) in _HOST_RESOLVERS:
        target.touch()
    linux.mount(str(source), str(target), None, MountFlag.BIND)
    linux.unmount("/tmp")


def _address(name: str) -> str:
    return f"\0ringfence/{os.getuid()}/{name}"


def _command(name: str, words: str) -> str:
    option = "" if name == DEFAULT_NAME else f"--name {name} "
    return f"ringfence lab {option}{words}"
