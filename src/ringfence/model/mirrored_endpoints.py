"""EndpointSlices for v1 Endpoints, as the control plane makes them for a Service without a selector.

Source: Kubernetes documentation, "EndpointSlices", "EndpointSlice mirroring".
"""

from collections.abc import Iterator
from typing import Final

from ringfence.model.metadata import ObjectMeta
from ringfence.model.services import (
    SERVICE_NAME_LABEL,
    EndpointAddress,
    EndpointConditions,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    SliceEndpoint,
)

_SKIP_LABEL: Final = "endpointslice.kubernetes.io/skip-mirror"


def mirrored(endpoints: Endpoints) -> tuple[EndpointSlice, ...]:
    """One slice for each subset, with the name of the Service as a label; none if a label turns mirroring off."""
    metadata = endpoints.metadata
    if (metadata.labels or {}).get(_SKIP_LABEL) == "true":
        return ()
    labels = {SERVICE_NAME_LABEL: metadata.name}
    return tuple(
        EndpointSlice(
            ObjectMeta(f"{metadata.name}-{number}", metadata.namespace, labels=labels),
            tuple(_slice_endpoints(subset)),
            subset.ports,
        )
        for number, subset in enumerate(endpoints.subsets or ())
    )


def _slice_endpoints(subset: EndpointSubset) -> Iterator[SliceEndpoint]:
    yield from (_slice_endpoint(address, is_ready=True) for address in subset.addresses or ())
    yield from (_slice_endpoint(address, is_ready=False) for address in subset.not_ready_addresses or ())


def _slice_endpoint(address: EndpointAddress, *, is_ready: bool) -> SliceEndpoint:
    return SliceEndpoint((address.ip,), EndpointConditions(is_ready), address.target_ref)
