"""`future: true`: the others include pods that do not exist yet."""

import pytest
from tests.testing.worlds import message, status

from ringfence.cluster import Cluster


def policy_admitting(peer: dict[str, object]) -> Cluster:
    """`prod/db`, which admits what a peer selects on TCP 3306, and pods in two namespaces of one team."""
    cluster = Cluster()
    for name in ("prod", "dev"):
        cluster.upsert(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": "shop"}}}
        )
    for path, app in (("prod/db", "db"), ("prod/api", "api"), ("dev/api", "api")):
        namespace, name = path.split("/")
        metadata = {"name": name, "namespace": namespace, "labels": {"app": app}}
        cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
    cluster.upsert(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "db", "namespace": "prod"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "db"}},
                "ingress": [{"from": [peer], "ports": [{"port": 3306}]}],
            },
        }
    )
    return cluster


BY_LABEL: dict[str, object] = {"podSelector": {"matchLabels": {"app": "api"}}}
BY_TEAM: dict[str, object] = {"namespaceSelector": {"matchLabels": {"team": "shop"}}, **BY_LABEL}


@pytest.mark.parametrize(
    ("peer", "listed", "now", "later"),
    [
        pytest.param(BY_LABEL, "prod/app=api", "passed", "passed", id="the labels that the policy admits"),
        pytest.param(BY_LABEL, "prod/api", "passed", "passed", id="the pod that has these labels only"),
        pytest.param(BY_LABEL, "any-pod:prod/app=api", "error", "passed", id="all pods that could have them"),
        pytest.param(BY_TEAM, "prod/app=api, dev/app=api", "passed", "failed", id="a namespace to come"),
        pytest.param(BY_TEAM, "'any-pod:team=shop/app=api'", "error", "passed", id="all namespaces of a team"),
        pytest.param({"podSelector": {}}, "prod/app=api", "passed", "failed", id="a policy that admits all"),
    ],
)
def test_the_others_may_include_future_pods(peer: dict[str, object], listed: str, now: str, later: str) -> None:
    cluster = policy_admitting(peer)
    test = "to: prod/db, port: 3306, accept: unserved-ports"
    assert status(cluster, f"{test}, expect: {{only-from: [{listed}]}}") == now
    assert status(cluster, f"{test}, expect: {{only-from: [{listed}], future: true}}") == later


def test_a_failure_about_future_pods_names_them() -> None:
    cluster = policy_admitting(BY_TEAM)
    test = "to: prod/db, port: 3306, expect: {only-from: [prod/app=api, dev/app=api], future: true}"
    assert message(cluster, f"{test}, accept: unserved-ports") == (
        "any-pod:kubernetes.io/metadata.name notin (dev,prod),team=shop/app=api, which does not exist yet, "
        "may reach prod/db on TCP 3306, and is not listed"
    )
    names = "from: prod/db, port: mysql, expect: {only-to: [prod/app=api], future: true}, accept: unserved-ports"
    assert status(cluster, names) == "error"
