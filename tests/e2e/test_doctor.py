"""`doctor` on a real API server that contains the objects of each plugin."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.test_inputs import run
from tests.doctor.clusters import CLUSTERS, Object, SampleCluster, node
from tests.semantics.objects import block, pod, policy, sends

from .control_plane import ControlPlane, running
from .server import wait_until
from .test_other_projects import definition

_COLLECTIONS: Final = {
    "Node": "/api/v1/nodes",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Pod": "/api/v1/namespaces/{}/pods",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
INSTALLATION: Final = ("operator.tigera.io", "v1", "Installation", "installations", "Cluster")
INSTALLATIONS: Final = "/apis/operator.tigera.io/v1/installations"
_EXIT_CODES: Final = {"enforced": 0, "not enforced": 1, "inconclusive": 3}


@pytest.fixture(scope="module")
def server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without nodes."""
    with running(tmp_path_factory.mktemp("doctor")) as plane:
        namespaced = [one["metadata"].get("namespace", "") for sample in CLUSTERS for one in sample.objects]
        for name in sorted(set(namespaced) - {"", "default", "kube-system"}):
            plane.kubectl("create", "namespace", name)
        yield plane


@contextmanager
def holding(server: ControlPlane, cluster: SampleCluster) -> Iterator[None]:
    """While the context is open, the server contains the objects of a cluster."""
    created = []
    try:
        for one in cluster.objects:
            collection = _COLLECTIONS[one["kind"]].format(one["metadata"].get("namespace"))
            answer = server.request("POST", collection, one)
            assert answer.status == 201, answer.body
            created.append(f"{collection}/{one['metadata']['name']}")
            if one["kind"] == "Pod":
                _report(server, created[-1], one)
        yield
    finally:
        for path in reversed(created):
            server.request("DELETE", f"{path}?gracePeriodSeconds=0")


def _report(server: ControlPlane, path: str, pod: Object) -> None:
    patch = {"status": pod["status"]}
    assert server.request("PATCH", f"{path}/status", patch, "application/merge-patch+json").status == 200


def doctor(kubeconfig: Path, *options: str) -> tuple[int, Any]:
    """The exit code and the report of `doctor`."""
    result = run("doctor", "--kubeconfig", str(kubeconfig), "-o", "json", *options)
    assert result.stdout, result.stderr
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda one: one.name)
def test_each_plugin_is_recognised_by_its_objects(server: ControlPlane, cluster: SampleCluster) -> None:
    with holding(server, cluster):
        code, found = doctor(server.kubeconfig)
    assert {one["node"]: one["answer"] for one in found["nodes"]} == cluster.answers
    assert not found["unseen"]
    assert code == _EXIT_CODES[found["answer"]]


def test_somebody_without_rights_learns_which_are_missing(server: ControlPlane) -> None:
    nobody = server.service_account("looks-at-nodes", ["nodes"])
    with holding(server, SampleCluster("one node", [node("a")], {})):
        code, found = doctor(nobody)
    missing = {one["what"]: one["reason"] for one in found["unseen"]}
    assert {"daemonsets", "clusterroles", "clusterrolebindings"} <= set(missing)
    assert 'cannot list resource "daemonsets"' in missing["daemonsets"]
    assert (code, found["answer"]) == (3, "inconclusive")


def test_calico_of_an_operator_is_recognised_without_the_right_to_list_roles(server: ControlPlane) -> None:
    """The Installation is the evidence: a user who may read it sees what an administrator has installed."""
    [sample] = (one for one in CLUSTERS if one.name == "Calico by the operator of Tigera")
    server.kubectl("apply", "-f", "-", stdin=json.dumps(definition(*INSTALLATION)))
    server.kubectl("wait", "--for=condition=Established", "crd/installations.operator.tigera.io")
    installation = {"apiVersion": "operator.tigera.io/v1", "kind": "Installation", "metadata": {"name": "default"}}
    wait_until(lambda: server.request("GET", INSTALLATIONS).status == 200, "the definition is served")
    few = server.service_account("looks-at-workloads", ["nodes", "pods", "daemonsets.apps"])
    rights = ["nodes", "pods", "daemonsets.apps", "installations.operator.tigera.io"]
    more = server.service_account("looks-at-installations", rights, ["get", "list"])
    with holding(server, sample):
        assert doctor(few)[0] == 3
        assert doctor(more)[0] == 3
        assert server.request("POST", INSTALLATIONS, installation).status == 201
        code, found = doctor(few)
        assert (code, found["answer"]) == (3, "inconclusive")
        assert 'cannot get resource "installations"' in " ".join(one["reason"] for one in found["unseen"])
        code, found = doctor(more)
        assert (code, found["answer"]) == (0, "enforced")


def test_differences_of_the_plugin_that_affect_the_policies_are_listed(server: ControlPlane, tmp_path: Path) -> None:
    """The policy has an ipBlock with the address of a pod, which Cilium does not match.

    The traits are saved for other commands.
    """
    [cilium] = (one for one in CLUSTERS if one.name == "Cilium")
    pods = [pod("default/web", addresses=["10.0.0.1"]), pod("default/db", addresses=["10.0.0.2"])]
    egress = policy("default/to-db", egress=[sends(block("10.0.0.2/32"))])
    with holding(server, cilium._replace(objects=[*cilium.objects, *pods, egress])):
        saved = tmp_path / "traits.yaml"
        code, found = doctor(server.kubeconfig, "--save", str(saved))
    [deviations] = found["deviations"]
    assert (code, found["answer"]) == (1, "enforced")
    assert [one["trait"]["topic"] for one in deviations["traits"] if one["changesAnswers"]] == ["ipBlock-pods"]
    assert "plugin: cilium" in saved.read_text()
