"""The daemon: it serves requests until one of them, or a signal, ends it. No command can end it by accident."""

import os
import select
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from tests.lab.clusters import HTTP, laboratory
from tests.lab.processes import User, user
from tests.lab.sandboxes import NOBODY, in_sandbox
from tests.lab.shop import SHOP
from tests.semantics.objects import pod
from tests.waiting import PATIENCE, eventually

from ringfence.lab.session.daemon import ClientConnection, LaboratoryDaemon
from ringfence.lab.session.protocol import (
    DoneReply,
    FailureReply,
    ProbeRequest,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    StopRequest,
    encode,
    receive_reply,
)


def serving(*requests: Request, break_once: bool = False) -> list[Reply]:
    """The replies of a daemon to requests that arrive one after the other."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"\0ringfence-test-{os.getpid()}")
    listening.listen()
    child = os.fork()
    if child == 0:
        lab = laboratory(pod("x/a", ports=HTTP), pod("x/b"))
        if break_once:
            _break_once(lab)
        LaboratoryDaemon(lab, listening).run()
        os._exit(0)
    replies = []
    for request in requests:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(listening.getsockname())
            connection.sendall(encode(request))
            replies.append(receive_reply(connection)[0])
    os.waitpid(child, 0)
    return replies


def _break_once(lab: object) -> None:
    """Have the laboratory's maintenance fail once, as a defect would."""
    maintain = lab.maintain  # type: ignore[attr-defined]

    def fail() -> None:
        lab.maintain = maintain  # type: ignore[attr-defined]
        raise ZeroDivisionError("a defect in the test")

    lab.maintain = fail  # type: ignore[attr-defined]


def test_a_request_to_stop_ends_it() -> None:
    assert in_sandbox(lambda: serving(StopRequest())) == [DoneReply()]


def test_an_error_is_a_reply_and_the_next_request_is_served() -> None:
    failure, status, _ = in_sandbox(lambda: serving(ProbeRequest("x/none", "x/a"), StatusRequest(), StopRequest()))
    assert isinstance(failure, FailureReply)
    assert "x/none" in failure.message
    assert "Traceback" not in failure.message
    assert isinstance(status, StatusReply)


def test_a_defect_between_requests_is_reported_by_the_next_one() -> None:
    failure, status, _ = in_sandbox(lambda: serving(StatusRequest(), StatusRequest(), StopRequest(), break_once=True))
    assert isinstance(failure, FailureReply)
    assert "a defect in the test" in failure.message
    assert isinstance(status, StatusReply)


def test_a_request_to_stop_is_obeyed_although_there_was_a_defect() -> None:
    (reply,) = in_sandbox(lambda: serving(StopRequest(), break_once=True))
    assert isinstance(reply, FailureReply)


def test_a_reply_to_a_command_that_has_ended_is_lost_and_nothing_else() -> None:
    ours, theirs = socket.socketpair()
    client = ClientConnection(ours)
    theirs.close()
    client.send(DoneReply())
    ours.close()
    client.send(DoneReply())


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'\0\0\0\5{"x":', id="half a message"),
        pytest.param(b"\0\0\0\2{}", id="no request"),
        pytest.param(struct.pack("!I", 1 << 31), id="an impossible length"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
    ],
)
def test_a_connection_that_is_not_a_command_is_closed(shop: User, message: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0ringfence/{os.getuid()}/{shop.mark}")
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(PATIENCE)
        assert connection.recv(100) == b""
    assert shop.run("lab", "status").returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be two users")
def test_another_users_request_is_not_served(shop: User) -> None:
    address = f"\0ringfence/{os.getuid()}/{shop.mark}"
    child = os.fork()
    if child == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
            connection.settimeout(PATIENCE)
            try:
                connection.sendall(encode(StatusRequest()))
                received = connection.recv(100)
            except ConnectionError:
                received = b""
            except BaseException:
                os._exit(255)
        os._exit(len(received))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it has received nothing"


def test_a_connection_may_bring_several_requests(shop: User) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0ringfence/{os.getuid()}/{shop.mark}")
        connection.sendall(encode(StatusRequest()))
        assert isinstance(receive_reply(connection)[0], StatusReply)
        connection.sendall(encode(ProbeRequest("shop/none", "shop/web")))
        assert isinstance(receive_reply(connection)[0], FailureReply)


def test_a_probe_that_is_interrupted_does_not_end_the_laboratory() -> None:
    with user(rootless=False) as owner:
        many = "".join(
            f"---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{number}, namespace: shop}}}}\n"
            for number in range(30)
        )
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP + many).returncode == 0
        daemon = owner.only_process()
        ports = [word for number in range(1, 9) for word in ("-p", str(number))]
        assert any(has_killed_a_probe(owner, daemon, *ports) for _ in range(20))
        status = owner.run("lab", "status")
        assert (status.returncode, status.stderr) == (0, "")
        assert owner.only_process() == daemon


def has_killed_a_probe(owner: User, daemon: int, *arguments: str) -> bool:
    """Start a probe and kill it while the daemon is probing; whether the probe was not over before."""
    probing = owner.start("lab", "probe", *arguments)
    seen: list[bool] = []

    def is_busy_or_over() -> bool:
        seen.append(busy(daemon))
        return seen[-1] or bool(select.select([probing._ended], [], [], 0)[0])

    assert eventually(is_busy_or_over)
    os.killpg(probing.pid, signal.SIGKILL)
    probing.wait(timeout=60)
    return seen[-1]


def busy(process: int) -> bool:
    """Whether a process has many files open: it is probing."""
    return len(list(Path(f"/proc/{process}/fd").iterdir())) > 300


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    with user(rootless=False) as owner:
        assert owner.run("lab", "up", "-f", "-", manifests=SHOP).returncode == 0
        daemon = owner.only_process()
        os.kill(daemon, number)
        assert owner.survivors() == []


def test_programs_that_lost_their_parents_do_not_stay_as_zombies(shop: User) -> None:
    daemon = shop.only_process()

    def children() -> list[str]:
        """The processes whose parent the daemon is, those that have ended and were not waited for among them."""
        return subprocess.run(
            ["ps", "--ppid", str(daemon), "-o", "stat="], capture_output=True, text=True
        ).stdout.split()

    client = shop.start("lab", "exec", "shop/web", "--", "sh", "-c", "exec 3<&0; (read line <&3) &")
    assert eventually(lambda: len(children()) == 1), "and the shell that started it has ended"
    client.communicate("\n", timeout=60)
    assert eventually(lambda: children() == [])
