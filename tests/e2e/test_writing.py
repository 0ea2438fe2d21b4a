"""Writes to a real API server: objects are created, patched and deleted."""

from collections.abc import Iterator

import httpx2
import pytest

from ringfence.sources.cluster import ApiServer
from ringfence.sources.cluster.responses import ApiStatusError
from ringfence.sources.cluster.writing import create_object, delete_object, patch_object

from .control_plane import ControlPlane


@pytest.fixture
def client(api_server: ControlPlane) -> Iterator[httpx2.Client]:
    with ApiServer(None, str(api_server.kubeconfig)).client() as client:
        yield client


@pytest.fixture
def config_map(namespace: str) -> str:
    """The path of a ConfigMap that does not exist yet."""
    return f"/api/v1/namespaces/{namespace}/configmaps/one"


def create(client: httpx2.Client, path: str, **data: str) -> None:
    collection, _, name = path.rpartition("/")
    create_object(
        client, collection, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    )


def data_of(client: httpx2.Client, path: str) -> object:
    return client.get(path).json()["data"]


def test_an_object_is_created_once(client: httpx2.Client, config_map: str) -> None:
    create(client, config_map, key="value")
    assert data_of(client, config_map) == {"key": "value"}
    with pytest.raises(ApiStatusError, match='configmaps "one" already exists') as error:
        create(client, config_map)
    assert error.value.code == httpx2.codes.CONFLICT


def test_a_patch_changes_an_object_only_if_its_tests_hold(client: httpx2.Client, config_map: str) -> None:
    create(client, config_map, key="old")
    replace = {"op": "replace", "path": "/data/key", "value": "new"}
    with pytest.raises(ApiStatusError) as error:
        patch_object(client, config_map, [{"op": "test", "path": "/data/key", "value": "other"}, replace])
    assert error.value.code == httpx2.codes.UNPROCESSABLE_CONTENT
    assert data_of(client, config_map) == {"key": "old"}
    patch_object(client, config_map, [{"op": "test", "path": "/data/key", "value": "old"}, replace])
    assert data_of(client, config_map) == {"key": "new"}


def test_to_delete_what_does_not_exist_is_no_error(client: httpx2.Client, config_map: str) -> None:
    create(client, config_map)
    delete_object(client, config_map)
    assert client.get(config_map).status_code == httpx2.codes.NOT_FOUND
    delete_object(client, config_map)
