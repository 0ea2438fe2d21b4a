"""Who may use the local page: its own browser tab, and no other web site, program or machine."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.web.local_pages import ServedPage, served

from ringfence.cluster import Cluster

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
EDIT = {"kind": "NetworkPolicy", "namespace": "prod", "name": "db-policy", "text": ""}


@pytest.fixture(scope="module")
def page() -> Iterator[ServedPage]:
    with served(lambda: Cluster.load(EXAMPLE)) as found:
        yield found


def test_the_address_with_the_token_sets_a_cookie_that_scripts_and_other_sites_do_not_get(page: ServedPage) -> None:
    status, headers, _ = page.ask(f"/?token={page.token}", cookie="")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].lower()
    assert f"ringfence={page.token.lower()}" in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("path", ["/", "/report.json", "/page/main.js", "/explain?source=a&destination=b", "/events"])
@pytest.mark.parametrize("cookie", ["", "ringfence=", "ringfence=guess", "other=x"])
def test_without_the_token_nothing_is_shown(page: ServedPage, path: str, cookie: str) -> None:
    status, _, body = page.ask(path, cookie=cookie)
    assert status == 401
    assert "prod" not in body


@pytest.mark.parametrize("query", ["token=guess", "token="])
def test_a_wrong_token_opens_nothing(page: ServedPage, query: str) -> None:
    status, headers, _ = page.ask(f"/?{query}", cookie="")
    assert status == 401
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"]
)
def test_a_name_that_leads_here_is_refused_even_with_the_cookie(page: ServedPage, host: str) -> None:
    status, _, _ = page.ask("/report.json", host=host.format(port=page.port))
    assert status in (400, 421)


def test_localhost_is_this_host(page: ServedPage) -> None:
    assert page.ask("/", host=f"localhost:{page.port}")[0] == 200


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://127.0.0.1", "https://127.0.0.1:{port}"])
def test_only_the_page_itself_changes_something(page: ServedPage, origin: str) -> None:
    status, _, _ = page.ask("/edit", EDIT, origin=origin.format(port=page.port))
    assert status == 403
    assert page.ask_json("/report.json")["simulation"]["edits"] == []


@pytest.mark.parametrize("path", ["/", "/report.json", "/page/matrix.js", "/nothing"])
def test_every_answer_forbids_what_the_page_does_not_need(page: ServedPage, path: str) -> None:
    _, headers, _ = page.ask(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "page.html", "/etc/passwd", "missing.js"])
def test_only_the_files_of_the_page_are_served(page: ServedPage, name: str) -> None:
    assert page.ask(f"/page/{name}")[0] == 404


@pytest.mark.parametrize(("name", "media_type"), [("page.css", "text/css"), ("main.js", "text/javascript")])
def test_each_file_of_the_page_has_its_type(page: ServedPage, name: str, media_type: str) -> None:
    """Browsers run no script of another type."""
    status, headers, _ = page.ask(f"/page/{name}")
    assert (status, headers["content-type"]) == (200, f"{media_type}; charset=utf-8")


def test_the_methods_are_those_of_the_routes(page: ServedPage) -> None:
    assert page.ask("/edit")[0] == 405
    assert page.ask("/report.json", EDIT)[0] == 405
    assert page.ask("/report.json", method="OPTIONS", origin="https://evil.example")[0] == 403


def test_what_a_stranger_sends_is_not_read(page: ServedPage) -> None:
    """The refusal comes before the body, of which nothing was sent."""
    with socket.create_connection(("127.0.0.1", page.port), 30) as stranger:
        head = f"POST /edit HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nOrigin: https://evil.example\r\n"
        stranger.sendall(f"{head}Content-Length: 1000000000000\r\n\r\n".encode())
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")


def test_those_who_send_slowly_hold_nobody_up(page: ServedPage) -> None:
    with ExitStack() as stack:
        for started in range(60):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 30))
            slow.sendall(b"POST /edit HTTP/1.1\r\n" if started % 2 else b"G")
        known = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 30))
        head = f"POST /edit HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nOrigin: {page.origin}\r\n"
        known.sendall(f"{head}Cookie: ringfence={page.token}\r\nContent-Length: 1000\r\n\r\n{{".encode())
        assert page.ask("/report.json")[0] == 200
