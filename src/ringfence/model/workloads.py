"""How workloads are written: the kinds differ in the place of the pod template, and in the number of pods.

Source: Kubernetes API v1.36, `apps/v1`, `batch/v1`, `core/v1`; Argo Rollouts documentation, "Specification".
"""

import msgspec

from ringfence.model.metadata import Int32, Labels, LabelSelector, ObjectMeta
from ringfence.model.objects import PodLimit, PodTemplate, ScaleTarget, Workload


class WorkloadSpec(msgspec.Struct, frozen=True):
    """The fields of the spec of most workloads that are read."""

    template: PodTemplate = PodTemplate()
    selector: LabelSelector | None = None
    replicas: Int32 | None = None


class WorkloadFields(msgspec.Struct, frozen=True):
    """How most workloads are written."""

    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()


class ReplicationControllerSpec(msgspec.Struct, frozen=True):
    """The fields of the spec of a ReplicationController that are read; its selector is older than label selectors."""

    template: PodTemplate = PodTemplate()
    selector: Labels | None = None
    replicas: Int32 | None = None


class ReplicationControllerFields(msgspec.Struct, frozen=True):
    """How a ReplicationController is written."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ReplicationControllerSpec = ReplicationControllerSpec()


class JobSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of the spec of a Job that are read."""

    template: PodTemplate = PodTemplate()
    parallelism: Int32 | None = None
    completions: Int32 | None = None
    completion_mode: str | None = None
    manual_selector: bool | None = None


class JobCondition(msgspec.Struct, frozen=True):
    """One condition of a Job: `Complete` or `Failed` if it has ended."""

    type: str = ""
    status: str = ""


class JobStatus(msgspec.Struct, frozen=True):
    """The status of a Job."""

    conditions: tuple[JobCondition, ...] | None = None


class Job(msgspec.Struct, frozen=True):
    """How a Job is written."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class JobTemplateSpec(msgspec.Struct, frozen=True):
    """The Jobs that a CronJob makes."""

    spec: JobSpec = JobSpec()


class CronJobSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of the spec of a CronJob that are read."""

    job_template: JobTemplateSpec = JobTemplateSpec()
    concurrency_policy: str | None = None


class CronJob(msgspec.Struct, frozen=True):
    """How a CronJob is written: its pods are a level deeper."""

    metadata: ObjectMeta = ObjectMeta()
    spec: CronJobSpec = CronJobSpec()


class RolloutSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of the spec of an Argo Rollout that are read: its template, or the workload whose template it uses."""

    template: PodTemplate = PodTemplate()
    workload_ref: ScaleTarget | None = None
    replicas: Int32 | None = None


class Rollout(msgspec.Struct, frozen=True):
    """How a Rollout is written."""

    metadata: ObjectMeta = ObjectMeta()
    spec: RolloutSpec = RolloutSpec()


def workload(kind: str, written: WorkloadFields) -> Workload:
    """The workload of this kind that is written as most are."""
    spec = written.spec
    return Workload(kind, written.metadata, spec.template, _limit(kind, spec), selector=spec.selector)


def replication_controller(kind: str, written: ReplicationControllerFields) -> Workload:
    """The workload that a ReplicationController is."""
    spec = written.spec
    selector = LabelSelector(spec.selector) if spec.selector else None
    return with_default_selector(
        Workload(kind, written.metadata, spec.template, _replica_limit(spec.replicas), selector=selector)
    )


def with_default_selector(workload: Workload) -> Workload:
    """The workload, which selects by all labels of its template if it has no selector.

    So do ReplicationControllers, and did all workloads in their beta versions.
    """
    labels = workload.template.metadata.labels if workload.template.metadata else None
    if workload.selector is not None or not labels:
        return workload
    return msgspec.structs.replace(workload, selector=LabelSelector(labels))


def rollout(kind: str, written: Rollout) -> Workload:
    """The workload that a Rollout is."""
    spec = written.spec
    limit = _limit(kind, WorkloadSpec(replicas=spec.replicas))
    return Workload(kind, written.metadata, spec.template, limit, workload_ref=spec.workload_ref)


def job(kind: str, written: Job) -> Workload:
    """The workload that a Job is."""
    spec = written.spec
    # A Job that has ended stays in the cluster, often for long, and never makes another pod.
    limit = _ended(written.status) or _job_limit(spec.parallelism, spec.completions, "spec")
    return _running(kind, written.metadata, spec, limit)


def cron_job(kind: str, written: CronJob) -> Workload:
    """The workload that a CronJob is."""
    return _running(kind, written.metadata, written.spec.job_template.spec, _cron_job_limit(written.spec))


def _running(kind: str, metadata: ObjectMeta, spec: JobSpec, limit: PodLimit) -> Workload:
    return Workload(
        kind,
        metadata,
        spec.template,
        limit,
        is_indexed=spec.completion_mode == "Indexed",
        has_manual_selector=bool(spec.manual_selector),
    )


def _limit(kind: str, spec: WorkloadSpec) -> PodLimit:
    if kind == "DaemonSet":
        return _daemon_set_limit(spec)
    return _replica_limit(spec.replicas)


def _replica_limit(replicas: int | None) -> PodLimit:
    return PodLimit() if replicas is None else PodLimit(replicas, f"spec.replicas is {replicas}")


def _daemon_set_limit(spec: WorkloadSpec) -> PodLimit:
    """One pod on each node: manifests do not say how many nodes there are, but a template may name one."""
    if spec.template.spec and spec.template.spec.node_name:
        return PodLimit(1, f"spec.template.spec.nodeName is {spec.template.spec.node_name}")
    return PodLimit(None, "it runs one on each node")


def _job_limit(parallelism: int | None, completions: int | None, path: str) -> PodLimit:
    """As many pods run at the same time as `parallelism` says (1 if it is not set), and never more than are wanted."""
    if parallelism is None:
        limit = PodLimit(1, f"{path}.parallelism is not set, which means 1")
    else:
        limit = PodLimit(parallelism, f"{path}.parallelism is {parallelism}")
    if completions is not None and limit.most is not None and completions < limit.most:
        return PodLimit(completions, f"{path}.completions is {completions}")
    return limit


def _ended(status: JobStatus) -> PodLimit | None:
    """The limit of a Job that has ended: no pods are still to come."""
    for condition in status.conditions or ():
        if condition.type in ("Complete", "Failed") and condition.status == "True":
            return PodLimit(0, f"the Job has ended (condition {condition.type})")
    return None


def _cron_job_limit(spec: CronJobSpec) -> PodLimit:
    """A CronJob starts a Job although the one before still runs, unless its `concurrencyPolicy` says otherwise.

    One that is suspended can be resumed at any time, so its pods are still to come.
    """
    jobs = spec.job_template.spec
    limit = _job_limit(jobs.parallelism, jobs.completions, "spec.jobTemplate.spec")
    # Any number of Jobs without pods still has no pods.
    if limit.is_zero or spec.concurrency_policy in ("Forbid", "Replace"):
        return limit
    return PodLimit(None, "its concurrencyPolicy lets Jobs run at the same time")
