"""What the API server refuses in a HorizontalPodAutoscaler, as far as its fields are read.

Source: `pkg/apis/autoscaling/validation/validation.go`.
"""

from collections.abc import Iterator
from itertools import chain

from ringfence.model.field_errors import FieldError, each_once, invalid, required
from ringfence.model.names import subdomain_errors
from ringfence.model.objects import HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec
from ringfence.model.server_versions import ServerVersion
from ringfence.model.validation.metadata import metadata_errors


def autoscaler_errors(autoscaler: HorizontalPodAutoscaler, server: ServerVersion) -> list[FieldError]:
    """Everything for which the API server would refuse to create `autoscaler`."""
    names = metadata_errors(autoscaler.metadata, subdomain_errors)
    return each_once(chain(names, _spec_errors(autoscaler.spec)))


def _spec_errors(spec: HorizontalPodAutoscalerSpec) -> Iterator[FieldError]:
    least = 1 if spec.min_replicas is None else spec.min_replicas
    if 0 < spec.max_replicas < least:
        yield invalid("spec.maxReplicas", spec.max_replicas, "must be greater than or equal to `minReplicas`")
    if not spec.scale_target_ref.kind:
        yield required("spec.scaleTargetRef.kind")
    if not spec.scale_target_ref.name:
        yield required("spec.scaleTargetRef.name")
