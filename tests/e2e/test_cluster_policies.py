"""Cluster policies on a real API server that has some of their kinds, for users who may list some of these.

The tests define the kinds themselves. The definitions share only names and scopes with those of the project.
"""

from collections.abc import Iterator

import pytest

from ringfence import Cluster

from .control_plane import ControlPlane, running
from .test_other_projects import CORE, apply, definition, policy, running_pod

GROUP = "policy.networking.k8s.io"
KINDS = {
    "ClusterNetworkPolicy": ("v1alpha2", "clusternetworkpolicies"),
    "BaselineAdminNetworkPolicy": ("v1alpha1", "baselineadminnetworkpolicies"),
}
DB = {"pods": {"podSelector": {"matchLabels": {"app": "db"}}}}
GUARD = policy(
    f"{GROUP}/v1alpha2",
    "ClusterNetworkPolicy",
    "guard",
    {"tier": "Admin", "priority": 1, "subject": DB, "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]},
)


@pytest.fixture(scope="module")
def server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with two pods, two of the kinds, and a policy of one of them."""
    with running(tmp_path_factory.mktemp("cluster-policies")) as one:
        one.kubectl("create", "namespace", "shop")
        pods = [running_pod("till", "10.0.0.1"), running_pod("db", "10.0.0.2")]
        apply(one, *(created for created, _ in pods))
        apply(one, *(reported for _, reported in pods), status=True)
        apply(one, *(definition(GROUP, version, kind, plural, "Cluster") for kind, (version, plural) in KINDS.items()))
        for _, plural in KINDS.values():
            one.kubectl("wait", "--for=condition=Established", f"crd/{plural}.{GROUP}")
        apply(one, GUARD)
        yield one


def test_cluster_policies_of_a_live_cluster_are_read_and_decide(server: ControlPlane) -> None:
    cluster = Cluster.live(kubeconfig=str(server.kubeconfig))
    assert cluster.problems == []
    answer = cluster.can("shop/till", "shop/db", port=443)
    assert (bool(answer), answer.assumptions) == (False, ())
    assert cluster.can("shop/db", "shop/till", port=443)


def test_kinds_that_the_user_may_not_list_put_all_pods_in_doubt(server: ControlPlane) -> None:
    kubeconfig = server.service_account("lister", CORE, verbs=["list"])
    cluster = Cluster.live(kubeconfig=str(kubeconfig))
    left_out = [f"policies of kind {kind}.{GROUP}" for kind in KINDS]
    assert [one.message.partition(" are left out")[0] for one in cluster.problems if GROUP in one.message] == left_out
    answer = cluster.can("shop/till", "shop/db", port=443)
    assert answer
    doubts = [one.partition(" (")[0] for one in answer.assumptions]
    assert sorted(set(doubts)) == sorted(left_out)


def test_a_later_version_is_read_with_a_warning(own_api_server: ControlPlane) -> None:
    own_api_server.kubectl("create", "namespace", "shop")
    apply(own_api_server, definition(GROUP, "v1beta1", "ClusterNetworkPolicy", "clusternetworkpolicies", "Cluster"))
    own_api_server.kubectl("wait", "--for=condition=Established", f"crd/clusternetworkpolicies.{GROUP}")
    apply(own_api_server, {**GUARD, "apiVersion": f"{GROUP}/v1beta1"})
    cluster = Cluster.live(kubeconfig=str(own_api_server.kubeconfig))
    (warning,) = cluster.problems
    assert warning.message == f"{GROUP}/v1beta1 ClusterNetworkPolicy is not known: it is read as {GROUP}/v1alpha2"
    (guard,) = cluster.policies_of(f"ClusterNetworkPolicy.{GROUP}")
    assert cluster.document(guard)["apiVersion"] == f"{GROUP}/v1beta1"
