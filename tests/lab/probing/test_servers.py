"""Servers: they say whose they are, and do not take a port from a program."""

import socket
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.lab.bench import Bench, cluster
from tests.lab.sandboxes import in_sandbox
from tests.waiting import PATIENCE, Patience

from ringfence.errors import LaboratoryError
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.topology import IPAddress, LabPod, LabPort
from ringfence.lab.probing.servers import PortTakenError, name_responder, open_server


@pytest.mark.parametrize(
    ("name", "request_", "answer"),
    [
        pytest.param("x/0", b"hello\n", b"x/0\nhello\n", id="the name and the request"),
        pytest.param("x/0", b"GET / HTTP/1.1\r\n", None, id="an incomplete HTTP request"),
        pytest.param(
            "x/0",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nx/0\n",
            id="an HTTP request",
        ),
        pytest.param(
            "x/0",
            b"HEAD / HTTP/1.1\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n",
            id="HEAD has no body",
        ),
        pytest.param(
            "x/ä",
            b"GET / HTTP/1.1\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nx/ä\n".encode(),
            id="the length is in bytes",
        ),
    ],
)
def test_the_answer(name: str, request_: bytes, answer: bytes | None) -> None:
    assert name_responder(name)(request_) == answer


@pytest.mark.parametrize(
    ("said", "response"),
    [
        pytest.param([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], b"x/0\n", id="HTTP"),
        pytest.param([b"GET / HTTP/1.1\r\n", b"Host: x\r\n\r\n"], b"x/0\n", id="HTTP in two pieces"),
        pytest.param([b"hello\n"], b"x/0\nhello\n", id="anything else"),
    ],
)
def test_a_server_says_whose_it_is_and_closes(said: list[bytes], response: bytes) -> None:
    def answer() -> bytes:
        bench = Bench(cluster(2, 1))
        first, second = bench.topology.pods
        with _connect(bench, second, first.addresses[0]) as connection:
            for piece in said:
                connection.sendall(piece)
                bench.loop.run_once(0.1)
                bench.loop.run_once(0.1)
            return _received(bench, connection)

    assert in_sandbox(answer).endswith(response)


def test_a_request_without_end_is_not_kept() -> None:
    def answer() -> bytes:
        bench = Bench(cluster(2, 1))
        first, second = bench.topology.pods
        with _connect(bench, second, first.addresses[0]) as connection:
            connection.setblocking(False)
            sent = 0
            for _ in range(1000):
                bench.loop.run_once(0.01)
                try:
                    sent += connection.send(b"GET " + b"x" * 4096)
                except BlockingIOError:
                    continue
                except OSError:
                    return b"closed"
            return b"still open"

    assert in_sandbox(answer) == b"closed"


@pytest.mark.parametrize("port", [LabPort(80), LabPort(53, "UDP")], ids=str)
def test_a_port_that_a_program_has_is_not_taken_from_it(port: LabPort) -> None:
    def message() -> tuple[str, int]:
        bench = Bench(cluster(1, 1))
        with in_network_namespace(bench.network.pod(bench.topology.pods[0])):
            before = len(list(Path("/proc/self/fd").iterdir()))
            with pytest.raises(PortTakenError) as caught:
                open_server(bench.loop, ip_address("10.0.0.1"), port, name_responder("x"))
            return str(caught.value), len(list(Path("/proc/self/fd").iterdir())) - before

    assert in_sandbox(message) == (f"port {port} of 10.0.0.1 is taken by a program in the pod's network", 0)


def test_an_address_of_another_pod_is_an_error_that_names_it() -> None:
    def message() -> str:
        bench = Bench(cluster(1, 1))
        with (
            in_network_namespace(bench.network.pod(bench.topology.pods[0])),
            pytest.raises(LaboratoryError) as caught,
        ):
            open_server(bench.loop, ip_address("10.9.9.9"), LabPort(80), name_responder("x"))
        return str(caught.value)

    assert in_sandbox(message) == "port 80/TCP of 10.9.9.9 cannot be opened: Cannot assign requested address"


def test_a_closed_server_does_not_answer() -> None:
    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        for server in bench.servers:
            server.close()
        attempts = [attempt for _, _, attempt in bench.all_attempts()]
        return bench.observe(attempts, [False] * len(attempts))

    assert not any(in_sandbox(reached))


def _connect(bench: Bench, source: LabPod, destination: IPAddress) -> socket.socket:
    with in_network_namespace(bench.network.pod(source)):
        return socket.create_connection((str(destination), 80), timeout=PATIENCE)


def _received(bench: Bench, connection: socket.socket) -> bytes:
    """All that the server sends until it closes its side."""
    received, patience = b"", Patience()
    connection.setblocking(False)
    while patience.is_left():
        bench.loop.run_once(0.1)
        try:
            more = connection.recv(4096)
        except BlockingIOError:
            continue
        if not more:
            return received
        received += more
    raise AssertionError("the server does not close its side")
