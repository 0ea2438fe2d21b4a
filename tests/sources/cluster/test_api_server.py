"""Connections that outlive their credentials, to a server that checks the credentials of each request."""

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster import api_server as module
from ringfence.sources.cluster import kubeconfig as kubeconfigs
from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.events import Alive, Upserted, WatchInterrupted
from ringfence.sources.cluster.responses import ApiStatusError, get_page

from .fake_api_server import (
    FakeApiServer,
    Then,
    bookmark,
    connections_to,
    event,
    kubeconfig,
    list_of,
    pod,
    refuse,
    serving,
    watch,
)
from .following import following

VERSION = "client.authentication.k8s.io/v1"


def plugin(folder: Path, **status: str) -> dict[str, Any]:
    """A user whose plugin gives a new token, `token-1`, `token-2` and so on, whenever it is run."""
    program, runs = folder / "login", folder / "runs"
    credential = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": "token-N", **status}})
    program.write_text(f"#!/bin/sh\necho >> {runs}\necho '{credential}' | sed s/token-N/token-$(wc -l < {runs})/\n")
    program.chmod(0o755)
    return {"exec": {"apiVersion": VERSION, "command": str(program), "interactiveMode": "Never"}}


def tokens(server: FakeApiServer) -> list[str]:
    """The token of each request."""
    return [asked.headers.get("Authorization", "").removeprefix("Bearer ") for asked in server.asked]


def ask(connections: ApiServer, meanwhile: Callable[[], object] = lambda: None) -> None:
    with connections.client() as client:
        meanwhile()
        get_page(client, "/api/v1/pods", {})


def after(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def test_a_token_that_is_replaced(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    with serving(*[list_of()] * 2) as server:
        connections = connections_to(server.url, tmp_path, {"tokenFile": str(token)})
        ask(connections)
        token.write_text("second\n")
        ask(connections)
    assert tokens(server) == ["first", "second"]


def test_a_token_that_is_replaced_while_a_list_is_read(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    with serving(list_of(), refuse(HTTPStatus.UNAUTHORIZED, "expired"), list_of()) as server:
        connections = connections_to(server.url, tmp_path, {"tokenFile": str(token)})
        with connections.client() as client:
            get_page(client, "/api/v1/pods", {})
            token.write_text("second")
            get_page(client, "/api/v1/pods", {"continue": "there"})
    assert tokens(server) == ["first", "first", "second"]


def test_a_kubeconfig_that_is_replaced_keeps_its_context(tmp_path: Path) -> None:
    with serving(*[list_of()] * 2) as server, serving() as other:
        connections = connections_to(server.url, tmp_path, {"token": "first"})
        ask(connections)
        file = kubeconfig(server.url, tmp_path, {"token": "second"})
        changed = json.loads(file.read_text())
        changed["clusters"].append({"name": "other", "cluster": {"server": other.url}})
        changed["contexts"].append({"name": "other", "context": {"cluster": "other", "user": "u"}})
        file.write_text(json.dumps({**changed, "current-context": "other"}))
        ask(connections)
    assert tokens(server) == ["first", "second"]
    assert tokens(other) == []


def test_a_plugin_is_asked_once_for_all(tmp_path: Path) -> None:
    with serving(*[list_of()] * 4) as server:
        connections = connections_to(server.url, tmp_path, plugin(tmp_path))
        threads = [threading.Thread(target=ask, args=(connections,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert tokens(server) == ["token-1"] * 4


@pytest.mark.parametrize(("lasts", "expected"), [(3600, ["token-1", "token-1"]), (-1, ["token-1", "token-2"])])
def test_a_plugin_is_asked_again_when_what_it_gave_has_expired(
    tmp_path: Path, lasts: float, expected: list[str]
) -> None:
    with serving(*[list_of()] * 2) as server:
        connections = connections_to(server.url, tmp_path, plugin(tmp_path, expirationTimestamp=after(lasts)))
        ask(connections)
        ask(connections)
    assert tokens(server) == expected


def test_a_plugin_is_asked_again_when_what_it_gave_is_refused(tmp_path: Path) -> None:
    with serving(list_of(), refuse(HTTPStatus.UNAUTHORIZED, "expired"), list_of()) as server:
        connections = connections_to(server.url, tmp_path, plugin(tmp_path, expirationTimestamp=after(3600)))
        ask(connections)
        with pytest.raises(ApiStatusError):
            ask(connections)
        ask(connections)
    assert tokens(server) == ["token-1", "token-1", "token-2"]


def test_a_plugin_is_asked_again_when_the_kubeconfig_calls_it_otherwise(tmp_path: Path) -> None:
    user = plugin(tmp_path)
    with serving(*[list_of()] * 2) as server:
        connections = connections_to(server.url, tmp_path, user)
        ask(connections)
        user["exec"]["args"] = ["--as", "another"]
        kubeconfig(server.url, tmp_path, user)
        ask(connections)
    assert tokens(server) == ["token-1", "token-2"]


def test_a_connection_that_breaks_silently_is_noticed_by_the_kernel(tmp_path: Path) -> None:
    with serving(watch(bookmark("1"))) as server:
        connections = connections_to(server.url, tmp_path)
        with (
            connections.client() as client,
            client.stream("GET", "/api/v1/pods?watch=true") as response,
            connections.streaming(response),
        ):
            connection = response.extensions["network_stream"].get_extra_info("socket")
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3


def test_a_refusal_that_comes_late_does_not_take_away_what_is_new(tmp_path: Path) -> None:
    late, early = refuse(HTTPStatus.UNAUTHORIZED, "late"), refuse(HTTPStatus.UNAUTHORIZED, "early")
    with serving(early, list_of(), late, list_of()) as server:
        connections = connections_to(server.url, tmp_path, plugin(tmp_path))

        def log_in_again() -> None:
            with pytest.raises(ApiStatusError, match="early"):
                ask(connections)
            ask(connections)

        with pytest.raises(ApiStatusError, match="late"):
            ask(connections, meanwhile=log_in_again)
        ask(connections)
    assert tokens(server) == ["token-1", "token-2", "token-1", "token-2"]


def test_a_refusal_for_missing_rights_does_not_renew_the_credential(tmp_path: Path) -> None:
    with serving(refuse(HTTPStatus.FORBIDDEN, "no"), list_of()) as server:
        connections = connections_to(server.url, tmp_path, plugin(tmp_path))
        with pytest.raises(ApiStatusError):
            ask(connections)
        ask(connections)
    assert tokens(server) == ["token-1", "token-1"]


def test_a_plugin_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PLUGIN_TIMEOUT", 0.1)
    user = plugin(tmp_path)
    (tmp_path / "login").write_text("#!/bin/sh\nexec sleep 600\n")
    with serving() as server, pytest.raises(LiveClusterError, match=r"login did not end within 0\.1 s"):
        ask(connections_to(server.url, tmp_path, user))


def test_inside_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service account of the pod is still used, whatever is read again."""
    monkeypatch.setattr(kubeconfigs, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    (tmp_path / "token").write_text("secret")
    connections = ApiServer()
    assert connections.server == "https://127.0.0.1:1"
    with pytest.raises(LiveClusterError, match=r'context "in-cluster" cannot be used: .*No such file'):
        ask(connections)


# --- while something is followed --------------------------------------------------------------------------------------


def test_credentials_that_are_missing_for_a_while(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    with serving(list_of(version="7"), watch(bookmark("8"), then=Then.CUT), watch(event("ADDED", pod("db")))) as server:
        connections = connections_to(server.url, tmp_path, {"tokenFile": str(token)})
        token.unlink()
        with following("Pod", connections) as followed:
            assert "tokenFile" in followed.until(WatchInterrupted).reason
            token.write_text("second")
            followed.until(Alive, 2)
            token.write_text("third")
            followed.until(Upserted)
    assert tokens(server) == ["second", "second", "third"]


def test_a_token_that_no_header_can_hold(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_bytes(b"\xff\xfe")
    with serving(list_of()) as server:
        connections = connections_to(server.url, tmp_path, {"tokenFile": str(token)})
        with following("Pod", connections) as followed:
            followed.until(WatchInterrupted)
            token.write_text("fi\nve")
            followed.until(WatchInterrupted)
            token.write_text("five")
            followed.until(Alive)


def test_closing_ends_a_silent_watch_and_all_later_ones(tmp_path: Path) -> None:
    with serving(list_of(), watch(), list_of()) as server:
        connections = connections_to(server.url, tmp_path)
        with following("Pod", connections) as followed:
            followed.until(Alive)
            connections.close()
            assert "without sending complete message body" in followed.until(WatchInterrupted).reason
            assert "the connection is closed" in followed.until(WatchInterrupted).reason
