"""The control plane on which the other end-to-end tests rely."""

import ssl
import urllib.error
import urllib.request
from http import HTTPStatus

import pytest

from .control_plane import ControlPlane


def test_the_server_and_kubectl_are_of_one_minor_release(api_server: ControlPlane) -> None:
    client, server = (api_server.kubectl("version").stdout.splitlines()[line].split()[-1] for line in (0, -1))
    assert client.split(".")[:2] == server.split(".")[:2]


def test_nobody_is_anonymous(api_server: ControlPlane) -> None:
    authority = ssl.create_default_context(cafile=api_server.folder / "authority.crt")
    with pytest.raises(urllib.error.HTTPError, match="Unauthorized") as refusal:
        urllib.request.urlopen(f"{api_server.url}/version", context=authority)
    refusal.value.close()


def test_a_service_account_may_do_what_it_was_given_and_nothing_else(api_server: ControlPlane) -> None:
    kubeconfig = api_server.service_account("reader", ["pods"], verbs=["list"])
    assert api_server.kubectl("get", "pods", "-A", kubeconfig=kubeconfig).returncode == 0
    refused = api_server.kubectl("get", "nodes", kubeconfig=kubeconfig, check=False)
    assert 'User "system:serviceaccount:default:reader" cannot list resource "nodes"' in refused.stderr


def test_objects_outlive_a_crash_of_either_server(own_api_server: ControlPlane) -> None:
    own_api_server.kubectl("create", "namespace", "kept")
    for server in (own_api_server.apiserver, own_api_server.etcd):
        server.kill()
        assert server.pid is None
        own_api_server.start()
        assert own_api_server.kubectl("get", "namespace", "kept", "-o", "name").stdout == "namespace/kept\n"


def test_a_watch_from_a_compacted_revision_is_told_to_list_again(own_api_server: ControlPlane) -> None:
    old = own_api_server.request("GET", "/api/v1/namespaces").body["metadata"]["resourceVersion"]
    for name in ("one", "two"):
        own_api_server.kubectl("create", "namespace", name)
    own_api_server.compact()
    own_api_server.apiserver.stop()
    own_api_server.start()
    watch = f"/api/v1/namespaces?watch=1&timeoutSeconds=1&resourceVersion={old}"
    assert own_api_server.request("GET", watch).body["object"]["code"] == HTTPStatus.GONE
