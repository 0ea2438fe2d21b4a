"""Very many objects in no time: written into etcd as the API server would have stored them, which then tells everybody.

It is many times as fast as asking the API server, and it can write what that would refuse.
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
    """Have these objects in the cluster: one write, and so one version of the cluster, for each."""
    _ask_all(world, "/v3/kv/put", map(_put, objects))


def pour(world: World, objects: Iterable[Object]) -> None:
    """The same, ten times as fast, by a hundred in one version.

    The API server makes none of those: a watch that it cuts off in the middle of one misses the rest.
    """
    _ask_all(world, "/v3/kv/txn", transactions(objects))


def transactions(objects: Iterable[Object], at_once: int = _AT_ONCE) -> Iterator[Object]:
    """What to ask etcd for, so that it has these objects; so many at once get one version."""
    puts = ({"requestPut": _put(obj)} for obj in objects)
    return ({"success": some} for some in iter(lambda: list(islice(puts, at_once)), []))


def erase(world: World, objects: Iterable[Object]) -> None:
    """Have them in it no longer."""
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
