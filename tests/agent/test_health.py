"""The HTTP server for health probes and metrics."""

import io
import socket
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest
from tests.waiting import eventually

from ringfence.agent.health import MOST_OF_A_CLIENT, MOST_OF_ALL, HealthServer, HealthSources, serving
from ringfence.agent.log import logging_to
from ringfence.errors import AgentError, InputError

NOTHING = HealthSources(bytes, str, str)


def answer_to(path: str, *, liveness_error: str = "", readiness_error: str = "") -> tuple[int, str]:
    sources = HealthSources(lambda: b"ringfence_synced 1.0\n", lambda: liveness_error, lambda: readiness_error)
    with serving(("127.0.0.1", 0), sources) as address:
        return ask(address, path)


def ask(address: tuple[str, int], path: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address[0]}:{address[1]}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_text() -> None:
    assert answer_to("/metrics") == (200, "ringfence_synced 1.0\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz?verbose"])
def test_without_an_error_the_answer_is_ok(path: str) -> None:
    assert answer_to(path) == (200, "ok\n")


def test_an_error_is_the_answer() -> None:
    assert answer_to("/healthz", liveness_error="the loop hangs") == (503, "the loop hangs\n")
    assert answer_to("/readyz", readiness_error="not listed yet: Pod") == (503, "not listed yet: Pod\n")


def test_readiness_and_liveness_are_apart() -> None:
    assert answer_to("/healthz", readiness_error="not listed yet: Pod") == (200, "ok\n")
    assert answer_to("/readyz", liveness_error="the loop hangs") == (200, "ok\n")


def status(pod: str) -> bytes:
    if pod == "x/unknown":
        raise InputError("there is no pod x/unknown")
    return f"about {pod}".encode()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/status", (200, "about ")),
        ("/status?pod=x/p", (200, "about x/p")),
        ("/status?pod=x%2Fp&pod=y", (200, "about x/p")),
        ("/status?pod=x/unknown", (422, "there is no pod x/unknown\n")),
    ],
)
def test_the_status_is_given_of_one_pod_or_of_all(path: str, answer: tuple[int, str]) -> None:
    with serving(("127.0.0.1", 0), HealthSources(bytes, str, str, status)) as address:
        assert ask(address, path) == answer


def test_only_the_node_itself_may_ask_for_the_status() -> None:
    """A client whose address differs from the server's address is on another machine."""
    with (
        serving(("127.0.0.1", 0), HealthSources(bytes, str, str, status)) as address,
        socket.create_connection(address, source_address=("127.0.0.2", 0)) as client,
    ):
        client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.0 403 ")
        assert b"about" not in answer


def connected(address: tuple[str, int], source: str) -> socket.socket:
    return socket.create_connection(address, timeout=10, source_address=(source, 0))


def is_answered(client: socket.socket) -> bool:
    with client:
        try:
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return client.recv(1024).startswith(b"HTTP/1.0 200 ")
        except ConnectionError:
            return False


def test_one_client_has_few_connections_and_others_are_answered() -> None:
    with serving(("127.0.0.1", 0), NOTHING) as address, ExitStack() as held:
        for _ in range(MOST_OF_A_CLIENT):
            held.enter_context(connected(address, "127.0.0.2"))
        assert not is_answered(connected(address, "127.0.0.2"))
        assert is_answered(connected(address, "127.0.0.3"))
        held.close()
        assert eventually(lambda: is_answered(connected(address, "127.0.0.2")), 10)


def test_all_clients_together_have_a_limit_and_the_node_itself_has_none() -> None:
    with serving(("127.0.0.1", 0), NOTHING) as address, ExitStack() as held:
        for number in range(MOST_OF_ALL):
            held.enter_context(connected(address, f"127.0.1.{number}"))
        assert not is_answered(connected(address, "127.0.0.2"))
        for _ in range(MOST_OF_ALL):
            held.enter_context(connected(address, "127.0.0.1"))
        assert is_answered(connected(address, "127.0.0.1"))
        held.close()
        assert eventually(lambda: is_answered(connected(address, "127.0.0.2")), 10)


def test_addresses_without_connections_are_forgotten() -> None:
    with logging_to(io.StringIO(), as_json=False):
        server = HealthServer(("127.0.0.1", 0), NOTHING)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        for number in range(5):
            assert is_answered(connected(("127.0.0.1", server.server_port), f"127.0.1.{number}"))
        assert eventually(lambda: not server._connections, 10)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_other_paths_are_not_found() -> None:
    status, text = answer_to("/")
    assert status == 404
    assert "/metrics" in text


def test_the_server_listens_on_ipv6_addresses() -> None:
    try:
        with serving(("::1", 0), NOTHING) as (host, _):
            assert host == "::1"
    except AgentError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_an_address_that_is_taken_is_named() -> None:
    with (
        serving(("127.0.0.1", 0), NOTHING) as address,
        pytest.raises(AgentError, match=f"cannot listen on 127.0.0.1:{address[1]} for metrics and health: .* in use"),
        serving(address, NOTHING),
    ):
        pass


def test_a_defect_is_logged_and_the_next_request_is_answered() -> None:
    def broken() -> str:
        raise KeyError("a defect")

    stream = io.StringIO()
    with logging_to(stream, as_json=False), serving(("127.0.0.1", 0), HealthSources(bytes, str, broken)) as address:
        with pytest.raises(OSError, match="closed connection without response"):
            ask(address, "/readyz")
        assert ask(address, "/healthz") == (200, "ok\n")
    assert "a defect of ringfence: a health request failed trace=" in stream.getvalue()


def test_a_client_that_goes_away_is_not_logged() -> None:
    stream = io.StringIO()
    with logging_to(stream, as_json=False), serving(("127.0.0.1", 0), NOTHING) as address:
        for _ in range(3):
            with socket.create_connection(address) as client:
                client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                # Closing a socket with a linger time of zero resets the connection.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert ask(address, "/healthz")[0] == 200
    assert stream.getvalue() == ""
