"""Policies of other projects on a real API server: ringfence detects their kinds, and they put answers in doubt.

The tests define the kinds themselves. The definitions share only names with those of the projects: their policies may
have any field.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ringfence import Cluster

from .control_plane import ControlPlane, running

KINDS = [
    ("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", "Namespaced"),
    ("crd.antrea.io", "v1beta1", "ClusterNetworkPolicy", "clusternetworkpolicies", "Cluster"),
    ("crd.antrea.io", "v1beta2", "ClusterGroup", "clustergroups", "Cluster"),
    ("projectcalico.org", "v3", "NetworkPolicy", "networkpolicies", "Namespaced"),
    ("crd.projectcalico.org", "v1", "NetworkPolicy", "networkpolicies", "Namespaced"),
]
"""Group, version, kind, plural and scope. Of one group, each version has another kind."""

CONTAINERS = [{"name": "server", "image": "example.org/server:1"}]
CORE = ["namespaces", "pods", "networkpolicies.networking.k8s.io"]


def definition(group: str, version: str, kind: str, plural: str, scope: str) -> dict[str, Any]:
    """A CustomResourceDefinition of a kind whose objects may have any field."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}],
        },
    }


def policy(api_version: str, kind: str, name: str, spec: dict[str, Any], namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def running_pod(name: str, address: str) -> list[dict[str, Any]]:
    """The pod as it is created, and the status that a kubelet writes."""
    identity = {"apiVersion": "v1", "kind": "Pod"}
    metadata = {"name": name, "namespace": "shop"}
    created = {"metadata": {**metadata, "labels": {"app": name}}, "spec": {"containers": CONTAINERS}}
    reported = {"metadata": metadata, "status": {"podIPs": [{"ip": address}], "podIP": address}}
    return [identity | created, identity | reported]


def apply(server: ControlPlane, *objects: dict[str, Any], status: bool = False) -> None:
    subresource = ["--subresource=status"] if status else []
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    server.kubectl("apply", "--server-side", *subresource, "--filename=-", stdin=json.dumps(listed))


@pytest.fixture(scope="module")
def server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with two pods, and with kinds and policies of other projects."""
    with running(tmp_path_factory.mktemp("other-projects")) as one:
        one.kubectl("create", "namespace", "shop")
        pods = [running_pod("till", "10.0.0.1"), running_pod("db", "10.0.0.2")]
        apply(one, *(created for created, _ in pods))
        apply(one, *(reported for _, reported in pods), status=True)
        apply(one, *(definition(*kind) for kind in KINDS))
        for group, _, _, plural, _ in KINDS:
            one.kubectl("wait", "--for=condition=Established", f"crd/{plural}.{group}")
        till, db = ({"matchLabels": {"app": name}} for name in ("till", "db"))
        calico = {"selector": "app == 'db'", "types": ["Egress"]}
        apply(
            one,
            policy("cilium.io/v2", "CiliumNetworkPolicy", "c", {"endpointSelector": till, "egress": [{}]}, "shop"),
            policy(
                "crd.antrea.io/v1beta1",
                "ClusterNetworkPolicy",
                "a",
                {"priority": 1, "appliedTo": [{"namespaceSelector": {}, "podSelector": db}], "ingress": [{}]},
            ),
            policy("projectcalico.org/v3", "NetworkPolicy", "n", calico, "shop"),
            policy("crd.projectcalico.org/v1", "NetworkPolicy", "default.n", calico, "shop"),
        )
        yield one


def assumed(cluster: Cluster, source: str, destination: str) -> list[str]:
    """The assumptions of an answer about policies that are not read, without their place."""
    found = cluster.can(source, destination, port=443).assumptions
    return [one.partition(" (")[0] + one.rpartition(")")[2] for one in found]


def test_policies_of_other_projects_put_the_pods_that_they_select_in_doubt(server: ControlPlane) -> None:
    cluster = Cluster.live(kubeconfig=str(server.kubeconfig))
    assert cluster.problems == []
    assert assumed(cluster, "shop/till", "203.0.113.7") == [
        "CiliumNetworkPolicy.cilium.io shop/c is not read: it may change the egress of the pods that it selects"
    ]
    (about_db,) = assumed(cluster, "203.0.113.7", "shop/db")
    assert about_db.startswith("ClusterNetworkPolicy.crd.antrea.io a is not read: it may change the ingress")
    assert assumed(cluster, "203.0.113.7", "shop/till") == []


def test_a_policy_that_is_served_in_two_groups_is_named_once(server: ControlPlane) -> None:
    cluster = Cluster.live(kubeconfig=str(server.kubeconfig))
    assert assumed(cluster, "shop/db", "203.0.113.7") == [
        "NetworkPolicy.projectcalico.org shop/n is not read: it may change the egress of the pods that it selects"
    ]


def test_a_kind_that_the_user_may_not_list_puts_all_pods_in_doubt(server: ControlPlane) -> None:
    others = [f"{plural}.{group}" for group, _, _, plural, _ in KINDS if group != "cilium.io"]
    kubeconfig = server.service_account("lister", [*CORE, *others], verbs=["list"])
    cluster = Cluster.live(kubeconfig=str(kubeconfig))
    (message,) = [one.message for one in cluster.problems if "cilium" in one.message]
    assert message.startswith("policies of kind CiliumNetworkPolicy.cilium.io are left out: ")
    assert assumed(cluster, "203.0.113.7", "shop/till") == [
        "policies of kind CiliumNetworkPolicy.cilium.io cannot be listed: they may change the ingress of any pod"
    ]
