"""Labels that the control plane adds to the pods of a workload."""

import pytest
from tests.engine.population.test_pods import workload

from ringfence.model.added_labels import UNKNOWN_VALUE, UnknownLabel, is_generated, pod_labels
from ringfence.model.decoding import decode
from ringfence.model.names import label_value_errors
from ringfence.model.objects import Workload

TEMPLATE = {"metadata": {"labels": {"app": "web"}}}


def job(name: str = "migrate", labels: dict[str, str] | None = None, **spec: object) -> Workload:
    template = {"metadata": {"labels": labels or {}}}
    metadata = {"generateName": name} if name.endswith("-") else {"name": name}
    made = decode(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template, **spec}}
    )
    assert isinstance(made, Workload)
    return made


def unknown(made: Workload) -> dict[str, UnknownLabel]:
    return {label.key: label for label in pod_labels(made).unknown}


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("Deployment", {"pod-template-hash"}),
        (
            "StatefulSet",
            {"controller-revision-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"},
        ),
        ("DaemonSet", {"controller-revision-hash", "pod-template-generation"}),
        ("Rollout", {"rollouts-pod-template-hash"}),
        ("ReplicaSet", set()),
        ("ReplicationController", set()),
        (
            "CronJob",
            {"job-name", "batch.kubernetes.io/job-name", "controller-uid", "batch.kubernetes.io/controller-uid"},
        ),
    ],
)
def test_the_pods_of_a_workload_have_labels_whose_value_is_not_known(kind: str, keys: set[str]) -> None:
    made = workload(kind, "web", TEMPLATE)
    assert pod_labels(made).labels == {"app": "web"} | dict.fromkeys(keys, UNKNOWN_VALUE)
    assert set(unknown(made)) == keys


def test_the_pods_of_a_deployment_config_have_its_name_and_that_of_a_revision() -> None:
    labels = pod_labels(workload("DeploymentConfig", "web", {}))
    assert labels.labels == {"deploymentconfig": "web", "deployment": UNKNOWN_VALUE}
    (revision,) = labels.unknown
    assert revision.may_be("web-3")
    assert not revision.may_be("web")


def test_the_pods_of_a_job_have_its_name_as_label() -> None:
    labels = pod_labels(job())
    assert labels.labels["job-name"] == labels.labels["batch.kubernetes.io/job-name"] == "migrate"
    assert {label.key for label in labels.unknown} == {"controller-uid", "batch.kubernetes.io/controller-uid"}


def test_a_generated_name_of_a_job_is_not_known_but_how_it_begins() -> None:
    name = unknown(job("migrate-"))["job-name"]
    assert name.may_be("migrate-x7k2p")
    assert not name.may_be("other-x7k2p")


def test_what_the_template_of_a_job_has_is_not_replaced() -> None:
    uid = "0d3c1f2e-8a4b-4c5d-9e6f-7a8b9c0d1e2f"
    labels = pod_labels(job(labels={"controller-uid": uid, "job-name": "before"}))
    assert labels.labels["controller-uid"] == uid
    assert labels.labels["job-name"] == "before"
    assert {label.key for label in labels.unknown} == {"batch.kubernetes.io/controller-uid"}


def test_what_the_template_of_a_deployment_has_is_replaced() -> None:
    template = {"metadata": {"labels": {"pod-template-hash": "mine"}}}
    assert pod_labels(workload("Deployment", "web", template)).labels == {"pod-template-hash": UNKNOWN_VALUE}


def test_the_pods_of_an_indexed_job_are_numbered() -> None:
    index = unknown(job(completionMode="Indexed"))["batch.kubernetes.io/job-completion-index"]
    assert index.differs_by_pod
    assert index.may_be("3")


def test_a_job_that_brings_its_own_selector_gets_no_labels() -> None:
    assert pod_labels(job(labels={"app": "own"}, manualSelector=True)).labels == {"app": "own"}


@pytest.mark.parametrize(
    ("kind", "key", "possible", "impossible"),
    [
        ("StatefulSet", "statefulset.kubernetes.io/pod-name", "db.1-0", "dbx1-0"),
        ("StatefulSet", "apps.kubernetes.io/pod-index", "12", "one"),
        ("StatefulSet", "controller-revision-hash", "db.1-6b8f5c7d9", "other-6b8f5c7d9"),
        ("CronJob", "job-name", "db.1-29000123", "db.1"),
    ],
)
def test_not_every_value_is_possible(kind: str, key: str, possible: str, impossible: str) -> None:
    label = unknown(workload(kind, "db.1", TEMPLATE))[key]
    assert label.may_be(possible)
    assert not label.may_be(impossible)


def test_no_selector_can_name_the_value_of_an_unknown_label() -> None:
    assert label_value_errors(UNKNOWN_VALUE)


@pytest.mark.parametrize("key", ["pod-template-hash", "batch.kubernetes.io/job-name", "topology.kubernetes.io/zone"])
def test_generated_labels(key: str) -> None:
    assert is_generated(key)
    assert not is_generated(f"my-{key}")


def test_the_revision_of_a_deployment_config_is_generated_and_a_label_of_that_name_is_not() -> None:
    assert is_generated("deployment", {"deploymentconfig": "web", "deployment": "web-3"})
    assert not is_generated("deployment", {"deployment": "web"})
