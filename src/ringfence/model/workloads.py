"""How workloads are written: the kinds differ in where they keep the template of their pods.

Source: Kubernetes API v1.36, `apps/v1`, `batch/v1`, `core/v1`.
"""

import msgspec

from ringfence.model.objects import ObjectMeta, PodTemplate, Workload


class WorkloadSpec(msgspec.Struct, frozen=True):
    """What matters of the spec of most workloads."""

    template: PodTemplate = PodTemplate()


class WorkloadFields(msgspec.Struct, frozen=True):
    """How most workloads are written."""

    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()


class JobSpec(msgspec.Struct, frozen=True):
    """The spec of the Jobs that a CronJob makes."""

    template: PodTemplate = PodTemplate()


class JobTemplateSpec(msgspec.Struct, frozen=True):
    """The Jobs that a CronJob makes."""

    spec: JobSpec = JobSpec()


class CronJobSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What matters of the spec of a CronJob."""

    job_template: JobTemplateSpec = JobTemplateSpec()


class CronJob(msgspec.Struct, frozen=True):
    """How a CronJob is written: its pods are a level deeper."""

    metadata: ObjectMeta = ObjectMeta()
    spec: CronJobSpec = CronJobSpec()


def workload(kind: str, written: WorkloadFields) -> Workload:
    """The workload of this kind that is written as most are."""
    return Workload(kind, written.metadata, written.spec.template)


def cron_job(kind: str, written: CronJob) -> Workload:
    """The workload that a CronJob is."""
    return Workload(kind, written.metadata, written.spec.job_template.spec.template)
