"""A name that fits a pod and a workload, or two workloads: refused only if the answers differ."""

import pytest
from tests.engine.population.test_workloads import made
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, labelled, pod, policy, workload

from ringfence import RingfenceError
from ringfence.engine.population.pods import Reference

WEB = [pod("x/web", {"app": "a"}), workload("x/web", "Deployment", pod("x/any", {"app": "b"})), pod("x/client")]


def closed(**labels: str) -> Object:
    return policy("x/p", labelled(**labels), ingress=[])


def test_a_name_of_a_pod_and_a_deployment_is_answered_if_both_have_the_same_answer() -> None:
    assert cluster_of(WEB).can("x/client", "x/web", port=80)
    assert cluster_of([*WEB, policy("x/p", ingress=[])]).can("x/client", "x/web", port=80).none
    assert cluster_of([*WEB, closed(app="a")]).can("x/web", "x/client", port=80), "both may, whatever reaches them"


def test_it_is_refused_if_the_answers_differ() -> None:
    cluster = cluster_of([*WEB, closed(app="a")])
    with pytest.raises(RingfenceError) as refusal:
        cluster.can("x/client", "x/web", port=80)
    assert str(refusal.value) == (
        "x/web is ambiguous, because a Pod and a Deployment have this name: use x/pod/web or x/deployment/web"
    )
    assert cluster.can("x/client", "x/pod/web", port=80).none
    assert cluster.can("x/client", "x/deployment/web", port=80).all


def test_two_workloads_of_one_name_are_refused_if_the_answers_differ() -> None:
    twins = [made(Reference("x", "Deployment", "twin")), workload("x/twin", "Job", pod("x/any", {"app": "b"}))]
    assert cluster_of([*WEB, *twins]).can("x/client", "x/twin", port=80)
    with pytest.raises(RingfenceError, match="use x/deployment/twin or x/job/twin"):
        cluster_of([*WEB, *twins, closed(app="b")]).can("x/twin", "x/twin", port=80)
