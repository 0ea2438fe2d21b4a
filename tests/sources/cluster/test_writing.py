"""Requests that change objects; tests/e2e/test_writing.py makes them to a real API server."""

import httpx2
import msgspec
import pytest

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.responses import ApiStatusError
from ringfence.sources.cluster.writing import create_object, delete_object, patch_object

PATH = "/api/v1/namespaces/prod/pods"


def client(answer: int, asked: list[httpx2.Request]) -> httpx2.Client:
    """A client whose every request is kept, and is answered with this status."""

    def answered(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(answer, content=b'{"message": "no"}')

    return httpx2.Client(base_url="http://api.invalid", transport=httpx2.MockTransport(answered))


def test_a_patch_is_sent_as_a_json_patch() -> None:
    asked: list[httpx2.Request] = []
    operations = [{"op": "remove", "path": "/spec/taints/0"}]
    patch_object(client(200, asked), f"{PATH}/db", operations)
    [request] = asked
    assert (request.method, request.url.path) == ("PATCH", f"{PATH}/db")
    assert request.headers["Content-Type"] == "application/json-patch+json"
    assert msgspec.json.decode(request.content) == operations


def test_a_refusal_has_the_words_of_the_server() -> None:
    with pytest.raises(ApiStatusError, match="no") as error:
        create_object(client(403, []), PATH, {})
    assert error.value.code == httpx2.codes.FORBIDDEN


def test_what_does_not_exist_need_not_be_deleted() -> None:
    delete_object(client(404, []), f"{PATH}/db")


def test_a_server_that_does_not_answer_is_named() -> None:
    with (
        httpx2.Client(base_url="http://127.0.0.1:1") as nobody,
        pytest.raises(LiveClusterError, match=r"http://127\.0\.0\.1:1: cannot be reached"),
    ):
        delete_object(nobody, PATH)
