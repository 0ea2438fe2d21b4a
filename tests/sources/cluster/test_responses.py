"""The meaning of every response of a server."""

import json
from collections.abc import Mapping

import httpx2
import pytest

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.responses import ApiStatusError, ListMetadata, get_page

URL = "http://api.invalid"


def client(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> httpx2.Client:
    """A client whose every request has this response."""
    response = httpx2.Response(status, content=body, headers=dict(headers or {}))
    return httpx2.Client(base_url=URL, transport=httpx2.MockTransport(lambda _: response))


def page_of(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> object:
    return get_page(client(status, body, headers), "/api/v1/pods", {})


def error_of(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ApiStatusError:
    with pytest.raises(ApiStatusError) as error:
        page_of(status, body, headers)
    return error.value


def test_a_page_says_where_the_list_goes_on() -> None:
    body = json.dumps({"metadata": {"resourceVersion": "7", "continue": "there"}, "items": [{"a": 1}]}).encode()
    page = get_page(client(200, body), "/api/v1/pods", {})
    assert page.metadata == ListMetadata("there", "7")
    assert [bytes(item) for item in page.items or ()] == [b'{"a": 1}']


def test_parameters_without_a_value_are_left_out() -> None:
    asked: list[httpx2.URL] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url)
        return httpx2.Response(200, content=b"{}")

    with httpx2.Client(base_url=URL, transport=httpx2.MockTransport(answer)) as client:
        get_page(client, "/api/v1/pods", {"limit": "500", "continue": ""})
    assert str(asked[0]) == f"{URL}/api/v1/pods?limit=500"


class TestErrors:
    def test_the_servers_own_message_is_kept(self) -> None:
        error = error_of(403, b'{"kind": "Status", "code": 403, "message": "pods is forbidden"}')
        assert (error.code, str(error), error.retry_after) == (403, "pods is forbidden", 0)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b"5"])
    def test_without_one_it_is_the_status(self, body: bytes) -> None:
        assert str(error_of(502, body)) == "502 Bad Gateway"

    def test_a_redirection_is_not_followed_and_named(self) -> None:
        error = error_of(302, b"", {"Location": "https://login.example.com/"})
        assert str(error) == "302 Found (to https://login.example.com/)"

    @pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("-7", 0), ("soon", 0), ("", 0)])
    def test_it_says_how_long_to_wait(self, header: str, seconds: float) -> None:
        assert error_of(429, b"", {"Retry-After": header}).retry_after == seconds

    @pytest.mark.parametrize("body", [b"hello", b"", b"[]", b'{"items": 5}', b"\xff", b"[" * 100_000])
    def test_what_is_not_a_list_is_named(self, body: bytes) -> None:
        message = rf"{URL}: /api/v1/pods is not a list of objects \(.+\): is this an API server\?"
        with pytest.raises(LiveClusterError, match=message):
            page_of(200, body)

    def test_a_server_that_cannot_be_reached_is_named(self) -> None:
        def fail(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectTimeout("")

        with (
            httpx2.Client(base_url=URL, transport=httpx2.MockTransport(fail)) as client,
            pytest.raises(LiveClusterError, match=f"{URL}: cannot be reached: ConnectTimeout: is the cluster running"),
        ):
            get_page(client, "/api/v1/pods", {})
