"""Labels that the control plane adds to the pods of a workload.

The values of a few follow from the workload's name. Others are set when a pod is created, like the hash of a template:
`Exists` matches them, but their value is not known before.

Source: Kubernetes documentation, "Well-Known Labels, Annotations and Taints"; for Jobs also the API server's
`generateSelector` (`pkg/registry/batch/job/strategy.go`), which leaves labels alone that the template has.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from ringfence.model.metadata import NO_LABELS, Labels, ObjectMeta
from ringfence.model.objects import Workload

UNKNOWN_VALUE: Final = "(unknown)"
"""The value of a label whose value is not known: no selector can name it, because it is not a valid one."""

TEMPLATE_HASH: Final = "pod-template-hash"

_GENERATED: Final = frozenset(
    (
        TEMPLATE_HASH,
        "rollouts-pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "controller-uid",
        "job-name",
    )
)
_GENERATED_PREFIXES: Final = ("batch.kubernetes.io/", "topology.kubernetes.io/")

_JOBS: Final = ("Job", "CronJob")
_JOB_NAMES: Final = ("batch.kubernetes.io/job-name", "job-name")
_JOB_UIDS: Final = ("batch.kubernetes.io/controller-uid", "controller-uid")

_HASH: Final = "[a-z0-9]+"
_NUMBER: Final = "[0-9]+"
_UID: Final = "[0-9a-f-]{36}"


class UnknownLabel(msgspec.Struct, frozen=True, cache_hash=True):
    """A label that pods will have with a value that is not known before; `values` is a regular expression for it.

    If it `differs_by_pod`, each pod of the workload has another value.
    """

    key: str
    values: str
    differs_by_pod: bool = False

    def may_be(self, value: str) -> bool:
        """Whether it can have this value."""
        return _compiled(self.values).fullmatch(value) is not None


class PodLabels(msgspec.Struct, frozen=True):
    """The labels of the pods of a workload. Those in `unknown` are in `labels` with `UNKNOWN_VALUE`."""

    labels: Labels
    unknown: tuple[UnknownLabel, ...] = ()


def is_generated(key: str, labels: Labels = NO_LABELS) -> bool:
    """Whether a label of a pod with these labels belongs to one run, one revision or one replica.

    No policy should select by it.
    """
    # Users write a label `deployment`, too. On a pod of a DeploymentConfig it is the name of one revision.
    is_revision = key == "deployment" and "deploymentconfig" in labels
    return is_revision or key in _GENERATED or key.startswith(_GENERATED_PREFIXES)


def pod_labels(workload: Workload) -> PodLabels:
    """The labels that the pods of a workload will have: those of its template, and those that are added to them."""
    written = (workload.template.metadata or ObjectMeta()).labels or NO_LABELS
    added = _known(workload)
    unknown = tuple(_unknown(workload))
    if workload.kind in _JOBS:
        # What a Job's template has already stays as it is. A Job that was stored has all of them.
        added = {key: value for key, value in added.items() if key not in written}
        unknown = tuple(label for label in unknown if label.key not in {**written, **added})
    if not added and not unknown:
        return PodLabels(written)
    return PodLabels({**written, **added, **{label.key: UNKNOWN_VALUE for label in unknown}}, unknown)


def _unknown(workload: Workload) -> Iterator[UnknownLabel]:
    """The labels whose value is not known before a pod is created."""
    name = re.escape(workload.metadata.name)
    match workload.kind:
        case "Deployment":
            yield UnknownLabel(TEMPLATE_HASH, _HASH)
        case "Rollout":
            yield UnknownLabel("rollouts-pod-template-hash", _HASH)
        case "DeploymentConfig":
            yield UnknownLabel("deployment", f"{name}-{_NUMBER}")
        case "StatefulSet":
            yield UnknownLabel("controller-revision-hash", f"{name}-{_HASH}")
            yield UnknownLabel("statefulset.kubernetes.io/pod-name", f"{name}-{_NUMBER}", differs_by_pod=True)
            yield UnknownLabel("apps.kubernetes.io/pod-index", _NUMBER, differs_by_pod=True)
        case "DaemonSet":
            yield UnknownLabel("controller-revision-hash", _HASH)
            yield UnknownLabel("pod-template-generation", _NUMBER)
        case "Job" | "CronJob":
            yield from _unknown_of_job(workload)


def _unknown_of_job(workload: Workload) -> Iterator[UnknownLabel]:
    metadata = workload.metadata
    # A CronJob names its Jobs after the minute for which a run is scheduled, counted from 1970.
    names = f"{re.escape(metadata.name)}-{_NUMBER}"
    if metadata.generate_name:
        names = f"{re.escape(metadata.generate_name)}{_HASH}"
    if not workload.has_manual_selector:
        for key in _JOB_NAMES:
            yield UnknownLabel(key, names)
        for key in _JOB_UIDS:
            yield UnknownLabel(key, _UID)
    if workload.is_indexed:
        yield UnknownLabel("batch.kubernetes.io/job-completion-index", _NUMBER, differs_by_pod=True)


def _known(workload: Workload) -> Labels:
    """The labels that have the name of the workload as value; a Job has them if its labels are generated."""
    name = workload.metadata.name
    match workload.kind:
        case "DeploymentConfig":
            return {"deploymentconfig": name}
        case "Job" if not workload.metadata.generate_name and not workload.has_manual_selector:
            return dict.fromkeys(_JOB_NAMES, name)
    return {}


@lru_cache(maxsize=1 << 10)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
