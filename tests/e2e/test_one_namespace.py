"""Users who may read one namespace of a real API server: ringfence reads it and claims nothing about the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ringfence import Cluster
from ringfence.errors import EndpointError, LiveClusterError
from ringfence.sources.cluster.listing import RESOURCES
from tests.cli.test_inputs import run

from .control_plane import ControlPlane, running

READABLE = [
    *(f"{one.plural}.{one.row.group}" if one.row.group else one.plural for one in RESOURCES if one.row.is_namespaced),
    "namespaces",
]
CONTAINERS = [{"name": "server", "image": "example.org/server:1"}]
CLOSED: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress"]}


def objects(namespace: str, address: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A namespace with a pod and a policy, and the status of the pod."""
    labels = {"team": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": namespace}}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": CLOSED}
    created = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        pod | {"spec": {"containers": CONTAINERS}},
        policy | {"metadata": {"name": "closed", "namespace": namespace}},
    ]
    return created, pod | {"status": {"podIP": address, "podIPs": [{"ip": address}]}}


@pytest.fixture(scope="module")
def server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running(tmp_path_factory.mktemp("one-namespace")) as one:
        for namespace, address in (("shop", "10.0.0.1"), ("bank", "10.0.0.2")):
            created, reported = objects(namespace, address)
            listed = {"apiVersion": "v1", "kind": "List", "items": created}
            one.kubectl("create", "--filename=-", stdin=json.dumps(listed))
            arguments = ("apply", "--server-side", "--subresource=status", "--filename=-")
            one.kubectl(*arguments, stdin=json.dumps(reported))
        yield one


@pytest.fixture(scope="module")
def kubeconfig(server: ControlPlane) -> Path:
    """The kubeconfig of a service account that may read the namespace `shop`, and nothing of the whole cluster."""
    return server.service_account("clerk", READABLE, verbs=["get", "list"], namespace="shop")


def ringfence(kubeconfig: Path, *arguments: str) -> Result:
    return run(*arguments, "--kubeconfig", str(kubeconfig))


def test_policies_of_the_namespace_are_printed(kubeconfig: Path) -> None:
    found = ringfence(kubeconfig, "get", "netpol", "-n", "shop", "--no-headers")
    assert (found.exit_code, found.stdout.split()[0]) == (0, "closed")
    assert "warning: only namespace shop is read: " in found.stderr
    assert ringfence(kubeconfig, "describe", "netpol", "closed", "-n", "shop").exit_code == 0


def test_all_namespaces_are_refused(kubeconfig: Path) -> None:
    found = ringfence(kubeconfig, "get", "netpol", "-n", "shop", "-A")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "only namespace shop could be read" in found.stderr


def test_a_question_about_pods_of_the_namespace_is_answered(kubeconfig: Path) -> None:
    cluster = Cluster.live(kubeconfig=str(kubeconfig), namespace="shop")
    assert {str(pod) for pod in cluster.state.members()} == {"shop/web"}
    assert cluster.state.namespaces.labels("shop")["team"] == "shop"
    verdict = cluster.can("203.0.113.7", "web", port=80)
    assert verdict.none
    assert verdict.assumptions == (
        "only namespace shop could be read: addresses are assumed to belong to no pod of another namespace",
    )


@pytest.mark.parametrize("text", ["bank/web", "bank/*", "*/*", "pod:bank/app=x", "bank/svc/x"])
def test_a_question_about_another_namespace_is_refused(kubeconfig: Path, text: str) -> None:
    cluster = Cluster.live(kubeconfig=str(kubeconfig), namespace="shop")
    with pytest.raises(EndpointError, match="only namespace shop could be read"):
        cluster.can("web", text, port=80)


def test_lists_say_that_they_lack_the_other_namespaces(kubeconfig: Path) -> None:
    cluster = Cluster.live(kubeconfig=str(kubeconfig), namespace="shop")
    assert any("only namespace shop" in one for one in cluster.assumptions())


def test_a_namespace_that_the_user_may_not_read_is_an_error(kubeconfig: Path) -> None:
    with pytest.raises(LiveClusterError, match=r'in the namespace "bank": the verb list on pods is needed'):
        Cluster.live(kubeconfig=str(kubeconfig), namespace="bank")


def test_without_the_right_to_read_the_namespace_object_its_labels_are_unknown(server: ControlPlane) -> None:
    without = [resource for resource in READABLE if resource != "namespaces"]
    kubeconfig = server.service_account("temp", without, verbs=["list"], namespace="shop")
    cluster = Cluster.live(kubeconfig=str(kubeconfig), namespace="shop")
    assert not cluster.state.namespaces.is_defined("shop")
    assert [one.message for one in cluster.problems if one.message.startswith("namespaces are left out: ")]
