"""Paths that lead from one pod to the next: `no-path` with `through-pods`."""

from tests.testing.worlds import invariant, judged, three_tier

from ringfence.cluster import Cluster
from ringfence.testing.outcomes import Status


def test_a_path_may_lead_through_other_pods(cluster: Cluster) -> None:
    direct = "no-path: {from: prod/web, to: prod/db, port: 3306}"
    assert invariant(cluster, direct) == "passed"
    through = direct.replace("}", ", through-pods: true}, accept: assumptions")
    (one,) = judged(cluster, f"invariants: [{{{through}}}]")
    assert (one.status, one.message) == (Status.FAILED, "there is a path: prod/web -> prod/api -> prod/db")
    assert (
        invariant(cluster, f"{{{through.replace('3306', '22').replace('accept: ', 'accept: [unserved-ports, ')}]}}")
        == "passed"
    )
    outside = through.replace("prod/web", "internet")
    (one,) = judged(cluster, f"invariants: [{{{outside}}}]")
    assert one.message == "there is a path: internet -> prod/api -> prod/db"
    names = through.replace("3306", "mysql").replace("}", "}", 1)
    assert invariant(cluster, f"{{{names}}}") == "error"


def test_no_path_leads_through_pods_that_are_all_closed() -> None:
    cluster = three_tier()
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in ("prod", "staging"):
        metadata = {"name": "closed", "namespace": name}
        cluster.upsert(
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": closed}
        )
    path = "{no-path: {from: internet, to: prod/db, through-pods: true}, accept: assumptions}"
    assert invariant(cluster, path) == "passed"
    assert invariant(cluster, path.replace("internet", "prod/web")) == "passed"
