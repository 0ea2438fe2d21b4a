"""Very many objects in a short time: they are written directly into etcd, as the API server would have stored them.

The API server then reports them to all watches. This is many times as fast as requests to the API server, and it can
write objects that the API server would refuse.
"""

import base64
import http.client
import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from http import HTTPStatus
from itertools import islice
from typing import Final

from tests.semantics.objects import Object, key_of

from .world import CONTROL_PLANE, World

_AT_ONCE: Final = 100
"""Writes in one transaction; etcd takes 128."""

_FOLDERS: Final = {"Namespace": "namespaces", "Node": "minions", "Pod": "pods", "NetworkPolicy": "networkpolicies"}


def write(world: World, objects: Iterable[Object]) -> None:
    """Write these objects into the cluster. Each object takes one write, and so one version of the cluster."""
    _ask_all(world, "/v3/kv/put", map(_put, objects))


def pour(world: World, objects: Iterable[Object]) -> None:
    """Do the same ten times as fast, with a hundred objects in one version.

    The API server creates no such versions: if it ends a watch in the middle of one, the watch misses the rest.
    """
    _ask_all(world, "/v3/kv/txn", transactions(objects))


def transactions(objects: Iterable[Object], at_once: int = _AT_ONCE) -> Iterator[Object]:
    """The requests that make etcd store these objects, with the given number of objects in one version."""
    puts = ({"requestPut": _put(obj)} for obj in objects)
    return ({"success": some} for some in iter(lambda: list(islice(puts, at_once)), []))


def erase(world: World, objects: Iterable[Object]) -> None:
    """Remove these objects from the cluster."""
    _ask_all(world, "/v3/kv/deleterange", ({"key": _key(obj)} for obj in objects))


def _ask_all(world: World, path: str, questions: Iterable[Object]) -> None:
    etcd = world.control_plane.etcd_address
    with world.inside(CONTROL_PLANE), closing(http.client.HTTPConnection(etcd)) as connection:
        connection.connect()
        for question in questions:
            connection.request("POST", path, json.dumps(question))
            answer = connection.getresponse()
            assert answer.status == HTTPStatus.OK, answer.read()
            answer.read()


def _put(obj: Object) -> Object:
    return {"key": _key(obj), "value": _encoded(json.dumps(_stored(obj)))}


def _stored(obj: Object) -> Object:
    identity = {"uid": str(uuid.uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
    return obj | {"metadata": identity | obj["metadata"]}


def _key(obj: Object) -> str:
    kind, owner, name = key_of(obj)
    return _encoded("/".join(["/registry", _FOLDERS[kind], *([owner] if owner else []), name]))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
