"""Invariants: no path, no connection across namespaces, default deny in every namespace."""

from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    namespace,
    policy,
)
from tests.testing.worlds import invariant, judged

from ringfence.cluster import Cluster
from ringfence.testing.outcomes import Status


def test_no_path(cluster: Cluster) -> None:
    assert invariant(cluster, "no-path: {from: internet, to: prod/db}") == "passed"
    assert invariant(cluster, "no-path: {from: 'prod/*', to: prod/db}") == "failed"
    assert invariant(cluster, "no-path: {from: internet, to: tier=data}") == "error"


def test_no_connection_crosses_namespaces() -> None:
    cluster = Cluster()
    for name in ("a", "b"):
        cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": name}})
    assert invariant(cluster, "no-cross-namespace") == "failed"
    assert invariant(cluster, "no-cross-namespace: {except: [a]}") == "passed"
    assert invariant(cluster, "no-cross-namespace: {except: [c]}") == "error"
    for name in ("a", "b"):
        cluster.upsert(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "own", "namespace": name},
                "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]},
            }
        )
    assert invariant(cluster, "no-cross-namespace") == "passed"


def test_every_namespace_denies_by_default() -> None:
    cluster = Cluster()
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": "a"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    cluster.upsert(policy)
    assert invariant(cluster, "every-namespace-default-deny: {direction: ingress}") == "passed"
    assert invariant(cluster, "every-namespace-default-deny") == "failed"
    cluster.upsert({**policy, "spec": {"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress"]}})
    assert invariant(cluster, "every-namespace-default-deny: {direction: ingress}") == "failed"
    assert invariant(cluster, "every-namespace-default-deny: {except: [a]}") == "passed"


def test_default_deny_is_judged_in_every_namespace_until_one_decides() -> None:
    closed = [policy(f"{name}/deny", {}, ingress=[]) for name in ("a", "c")]
    asked = "every-namespace-default-deny: {direction: ingress}"
    assert invariant(cluster_of(closed), asked) == "passed"
    with_an_open_one = cluster_of([*closed, namespace("b")])
    (found,) = judged(with_an_open_one, f"invariants: [{asked}]")
    assert found.message == "any-pod:b/* is not isolated for ingress: no policy selects it"
    assert invariant(with_an_open_one, f"{asked[:-1]}, except: [b]}}") == "passed"
    (found,) = judged(with_an_open_one, f"invariants: [{asked[:-1]}, except: [d]}}]")
    assert (found.status, "namespace d" in found.message) == (Status.ERROR, True)
    unread = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "guard", "namespace": "a"},
        "spec": {"endpointSelector": {}, "ingress": [{}]},
    }
    (found,) = judged(cluster_of([*closed, unread]), f"invariants: [{asked}]")
    assert found.is_undecided, "the answer about the first namespace depends on a policy that is not read"
