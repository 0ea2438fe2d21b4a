"""What an API server answers: pages of a list, and the reasons for which it refuses.

Answers are decoded straight into the model: msgspec reads a list seven times as fast as a client library's own objects
(measured with lightkube). Source: kubernetes.io, "Kubernetes API Concepts".
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, TypeVar

import httpx2
import msgspec

from ringfence.errors import LiveClusterError, UnexpectedAnswerError

PAGE: Final = 500
"""Objects in one response, as kubectl asks for them."""

FIRST_PAGE: Final = 50
"""Policies in the first page of a list, whose size is not known yet: at most 75 MB."""

_PAGE_BYTES: Final = 1 << 23
"""The intended size of pages. A hundred policies of 1.5 MB in one page would take 150 MB twice."""

Document = TypeVar("Document")

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for text that is not JSON, not UTF-8, or nested too deeply."""


class ListMetadata(msgspec.Struct, frozen=True):
    """The token for the next page of a list, and the resource version of the list."""

    continue_: str = msgspec.field(name="continue", default="")
    resource_version: str = msgspec.field(name="resourceVersion", default="")


class ListPage(msgspec.Struct, frozen=True):
    """One page of a list; its items are not decoded yet."""

    metadata: ListMetadata = ListMetadata()
    items: list[msgspec.Raw] | None = None


class ApiStatus(msgspec.Struct, frozen=True):
    """An error as the API server describes it (`Status` of meta/v1)."""

    code: int = 0
    message: str = ""
    reason: str = ""


_PREPARED: Final = (msgspec.json.Decoder(ListPage), msgspec.json.Decoder(ApiStatus))
"""Decoders, made before threads use these types (`model.decoding.prepare` says why)."""


class ApiStatusError(Exception):
    """The API server refuses a request, or answers something else; the message is the server's, where it sends one.

    `retry_after` is how many seconds the server asks the client to wait, 0 if it does not.
    """

    def __init__(self, code: int, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after

    @classmethod
    def of(cls, response: httpx2.Response) -> "ApiStatusError":
        """The error that a response describes; its body must have been read."""
        # RFC 9110, 10.2.3, also allows a date. API servers send seconds.
        retry_after = response.headers.get("Retry-After", "")
        return cls(response.status_code, _message(response), float(retry_after) if retry_after.isdecimal() else 0)


def list_items(
    client: httpx2.Client, path: str, limit: int = PAGE, parameters: Mapping[str, str] | None = None
) -> Iterator[msgspec.Raw]:
    """The items of a list, read in pages of at most `limit` objects; 0 means one page. Raises as `get_document`.

    `parameters` are those of the request, such as `labelSelector`.
    """
    position = ""
    while True:
        page = get_page(client, path, {**(parameters or {}), "limit": str(limit), "continue": position})
        yield from page.items or ()
        position = page.metadata.continue_
        if not position:
            return


def get_page(
    client: httpx2.Client, path: str, parameters: dict[str, str], headers: Mapping[str, str] | None = None
) -> ListPage:
    """One page of a list. Raises as `get_document`."""
    given = {name: value for name, value in parameters.items() if value}
    answer = _answer(client, path, given, headers)
    return _document(answer, ListPage, f"{client.base_url}: {path} is not a list of objects")


def next_limit(items: Collection[msgspec.Raw]) -> int:
    """How many objects the next page of a list should have, if they are as large as those of the last page."""
    size = size_of(items) // max(1, len(items))
    return max(1, min(PAGE, _PAGE_BYTES // max(1, size)))


def size_of(items: Iterable[msgspec.Raw]) -> int:
    """The bytes of some items of a list."""
    return sum(memoryview(item).nbytes for item in items)


def get_document(client: httpx2.Client, path: str, shape: type[Document], what: str = "a valid answer") -> Document:
    """The answer to one request, as a `shape`; `what` names the expected answer in an error message.

    Raises LiveClusterError if the server cannot be reached, UnexpectedAnswerError if its answer is not a `shape`, and
    ApiStatusError if it refuses.
    """
    return _document(_answer(client, path, {}, None), shape, f"{client.base_url}: {path} is not {what}")


def _answer(
    client: httpx2.Client, path: str, parameters: Mapping[str, str], headers: Mapping[str, str] | None
) -> httpx2.Response:
    try:
        response = client.get(path, params=parameters, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        reason = str(error) or type(error).__name__
        message = f"{client.base_url}: cannot be reached: {reason}: is the cluster running, and is the context right?"
        raise LiveClusterError(message) from None
    if not response.is_success:
        raise ApiStatusError.of(response)
    return response


def _document(response: httpx2.Response, shape: type[Document], message: str) -> Document:
    """The body of an answer as a `shape`; `message` is the message if it is none."""
    try:
        return msgspec.json.decode(response.content, type=shape)
    except UNREADABLE as error:
        raise UnexpectedAnswerError(f"{message} ({error}): is this an API server?") from None


def _message(response: httpx2.Response) -> str:
    try:
        status = msgspec.json.decode(response.content, type=ApiStatus)
    except UNREADABLE:
        status = ApiStatus()
    elsewhere = f" (to {response.headers['Location']})" if response.has_redirect_location else ""
    return status.message or f"{response.status_code} {response.reason_phrase}{elsewhere}"
