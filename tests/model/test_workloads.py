"""How many pods a workload may have at the same time, and which field says so."""

import pytest
from tests.semantics.objects import Object, pod, workload

from ringfence.model.decoding import decode
from ringfence.model.objects import PodLimit, Workload

REPLICAS = {"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"}


def limit(written: Object) -> PodLimit:
    decoded = decode(written)
    assert isinstance(decoded, Workload)
    return decoded.limit


def made(kind: str, **spec: object) -> Object:
    written = workload("x/w", kind, pod("x/any"))
    inner = written["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else written["spec"]
    inner |= spec
    return written if kind != "ReplicationController" else {**written, "apiVersion": "v1"}


@pytest.mark.parametrize("kind", sorted(REPLICAS))
@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        (None, PodLimit(1, "spec.replicas is not set, which means 1")),
        (0, PodLimit(0, "spec.replicas is 0")),
        (1, PodLimit(1, "spec.replicas is 1")),
        (3, PodLimit(3, "spec.replicas is 3")),
    ],
)
def test_replicas(kind: str, replicas: int | None, expected: PodLimit) -> None:
    assert limit(made(kind, replicas=replicas)) == expected


@pytest.mark.parametrize(
    ("spec", "most", "reason"),
    [
        ({}, 1, "spec.parallelism is not set, which means 1"),
        ({"completions": 5}, 1, "spec.parallelism is not set, which means 1"),
        ({"parallelism": 3}, 3, "spec.parallelism is 3"),
        ({"parallelism": 3, "completions": 5}, 3, "spec.parallelism is 3"),
        ({"parallelism": 3, "completions": 1}, 1, "spec.completions is 1"),
        ({"parallelism": 0, "completions": 5}, 0, "spec.parallelism is 0"),
        ({"completions": 0}, 0, "spec.completions is 0"),
        ({"suspend": True}, 1, "spec.parallelism is not set, which means 1"),
    ],
)
def test_a_job_runs_as_many_pods_as_its_parallelism_and_never_more_than_its_completions(
    spec: Object, most: int, reason: str
) -> None:
    assert limit(made("Job", **spec)) == PodLimit(most, reason)


def test_a_daemon_set_has_a_pod_on_each_node_unless_its_template_names_the_node() -> None:
    assert limit(made("DaemonSet")).is_several
    pinned = workload("x/w", "DaemonSet", pod("x/any", nodeName="n"))
    assert limit(pinned) == PodLimit(1, "spec.template.spec.nodeName is n")


@pytest.mark.parametrize(
    ("policy", "jobs", "most"),
    [
        (None, {}, None),
        ("Allow", {}, None),
        ("Forbid", {}, 1),
        ("Replace", {}, 1),
        ("Forbid", {"parallelism": 3}, 3),
        ("Allow", {"parallelism": 0}, 0),
    ],
)
def test_the_jobs_of_a_cron_job_may_run_at_the_same_time_unless_it_forbids_it(
    policy: str | None, jobs: Object, most: int | None
) -> None:
    written = made("CronJob", **jobs)
    written["spec"] |= {"suspend": True} if policy is None else {"concurrencyPolicy": policy}
    assert limit(written).most == most


@pytest.mark.parametrize(
    ("conditions", "most"),
    [
        ([{"type": "Complete", "status": "True"}], 0),
        ([{"type": "Suspended", "status": "False"}, {"type": "Failed", "status": "True"}], 0),
        ([{"type": "Complete", "status": "False"}], 1),
        ([{"type": "Suspended", "status": "True"}], 1),
        (None, 1),
    ],
)
def test_a_job_that_has_ended_makes_no_more_pods(conditions: list[Object] | None, most: int) -> None:
    assert limit(made("Job") | {"status": {"conditions": conditions}}).most == most
