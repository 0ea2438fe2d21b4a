"""Requests that change objects in an API server: the few that an agent and its clean-up make.

Source: kubernetes.io, "Kubernetes API Concepts"; RFC 6902 (JSON Patch).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import httpx2
import msgspec

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.responses import ApiStatusError

_JSON: Final = "application/json"
_JSON_PATCH: Final = "application/json-patch+json"


def create_object(client: httpx2.Client, path: str, document: Mapping[str, object]) -> None:
    """Create an object in the collection at `path`.

    Raises LiveClusterError if the server cannot be reached, and ApiStatusError if it refuses: 409 if the object exists.
    """
    _send(client, "POST", path, document, _JSON)


def patch_object(client: httpx2.Client, path: str, operations: Sequence[Mapping[str, object]]) -> None:
    """Apply the operations of a JSON Patch to the object at `path`, all of them or none.

    Raises as `create_object`: 422 if an operation of the kind `test` fails.
    """
    _send(client, "PATCH", path, operations, _JSON_PATCH)


def create_or_patch(
    client: httpx2.Client, collection: str, document: Mapping[str, Any], fields: Iterable[str], *, exists: bool
) -> None:
    """Create an object or, if it exists, set `fields` of it to their values in `document`.

    `exists` says which of the two to try first. Raises as `create_object`.
    """
    path = f"{collection}/{document['metadata']['name']}"
    # `add` also replaces a value that is there (RFC 6902, 4.1).
    changes = [{"op": "add", "path": f"/{field}", "value": document[field]} for field in fields]
    if not exists:
        try:
            create_object(client, collection, document)
            return
        except ApiStatusError as error:
            if error.code != httpx2.codes.CONFLICT:
                raise
    try:
        patch_object(client, path, changes)
    except ApiStatusError as error:
        if error.code != httpx2.codes.NOT_FOUND or not exists:
            raise
        create_object(client, collection, document)


def delete_object(client: httpx2.Client, path: str) -> None:
    """Delete the object at `path`; one that does not exist is not an error. Raises as `create_object`."""
    try:
        _send(client, "DELETE", path, {"propagationPolicy": "Background"}, _JSON)
    except ApiStatusError as error:
        if error.code != httpx2.codes.NOT_FOUND:
            raise


def _send(client: httpx2.Client, method: str, path: str, body: object, content_type: str) -> None:
    try:
        response = client.request(
            method, path, content=msgspec.json.encode(body), headers={"Content-Type": content_type}
        )
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise LiveClusterError(f"{client.base_url}: cannot be reached: {error or type(error).__name__}") from None
    if not response.is_success:
        raise ApiStatusError.of(response)
