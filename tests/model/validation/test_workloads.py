"""Which workloads the API server refuses: where, and in which words."""

import pytest
from tests.model.validation.written import errors_of

from ringfence.model.server_versions import OLDEST

TEMPLATE = "template: {metadata: {labels: {app: a}}}"
MISMATCH = 'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'


def errors_of_spec(spec: str, kind: str = "Deployment") -> list[str]:
    return errors_of(f"{{apiVersion: apps/v1, kind: {kind}, spec: {{{spec}}}}}")


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"])
def test_the_selector_matches_the_template(kind: str) -> None:
    assert errors_of_spec(f"selector: {{matchLabels: {{app: a}}}}, {TEMPLATE}", kind) == []
    assert errors_of_spec(f"selector: {{matchLabels: {{app: b}}}}, {TEMPLATE}", kind) == [MISMATCH]


def test_the_selector_is_required() -> None:
    assert errors_of_spec(TEMPLATE) == ["spec.selector: Required value", MISMATCH]
    assert errors_of_spec(f"selector: {{}}, {TEMPLATE}") == [
        "spec.selector: Invalid value: {}: empty selector is invalid for deployment"
    ]


def test_beta_versions_select_by_the_labels_of_the_template() -> None:
    assert errors_of(f"{{apiVersion: extensions/v1beta1, kind: Deployment, spec: {{{TEMPLATE}}}}}") == []


def test_a_replication_controller_still_does() -> None:
    assert errors_of(f"{{apiVersion: v1, kind: ReplicationController, spec: {{{TEMPLATE}}}}}") == []
    written = f"{{apiVersion: v1, kind: ReplicationController, spec: {{selector: {{app: b}}, {TEMPLATE}}}}}"
    assert errors_of(written) == [MISMATCH]


def test_a_selector_that_cannot_be_compiled_hides_the_template() -> None:
    spec = "selector: {matchExpressions: [{key: a, operator: In}]}, template: {metadata: {labels: {a/: b}}}"
    assert errors_of_spec(spec) == [
        "spec.selector.matchExpressions[0].values: Required value: "
        "must be specified when `operator` is 'In' or 'NotIn'",
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"In"}]}: invalid label selector',
    ]


def test_replicas_are_not_negative() -> None:
    assert errors_of_spec(f"replicas: -1, selector: {{matchLabels: {{app: a}}}}, {TEMPLATE}") == [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    ]


def test_the_template_of_a_cron_job_is_deeper() -> None:
    written = """{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec:
        {containers: [{ports: [{containerPort: 0}]}]}}}}}}"""
    path = "spec.jobTemplate.spec.template.spec.containers[0].ports[0].containerPort"
    assert errors_of(written) == [f"{path}: Required value"]


def test_names_leave_room_for_those_of_the_pods() -> None:
    assert errors_of("{apiVersion: batch/v1, kind: CronJob}", metadata={"name": "a" * 53}) == [
        f'metadata.name: Invalid value: "{"a" * 53}": must be no more than 52 characters'
    ]
    written = f"{{apiVersion: apps/v1, kind: StatefulSet, spec: {{selector: {{matchLabels: {{app: a}}}}, {TEMPLATE}}}}}"
    assert errors_of(written, metadata={"name": "a.b"}) == [
        'metadata.name: Invalid value: "a.b": must not contain dots'
    ]
    assert errors_of(written, OLDEST, metadata={"name": "a.b"}) == []


def test_labels_are_printed_by_key() -> None:
    spec = "selector: {matchLabels: {app: b}}, template: {metadata: {labels: {b: c, a: d}}}"
    assert errors_of_spec(spec) == [
        'spec.template.metadata.labels: Invalid value: {"a":"d","b":"c"}: `selector` does not match template `labels`'
    ]
