"""EndpointSlices that the control plane makes of v1 Endpoints."""

from typing import Any

from ringfence.model.decoding import decode
from ringfence.model.mirrored_endpoints import mirrored
from ringfence.model.services import (
    SERVICE_NAME_LABEL,
    EndpointConditions,
    Endpoints,
    EndpointSlice,
    SliceEndpoint,
    SlicePort,
)


def slices(subsets: list[Any] | None, **labels: str) -> tuple[EndpointSlice, ...]:
    metadata = {"name": "db", "namespace": "shop", "labels": labels}
    made = decode({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets})
    assert isinstance(made, Endpoints)
    return mirrored(made)


def test_each_subset_is_a_slice_of_the_service_of_its_name() -> None:
    first, second = slices([{"ports": [{"name": "a", "port": 80}]}, {"ports": [{"port": 53, "protocol": "UDP"}]}])
    assert first.metadata.labels == second.metadata.labels == {SERVICE_NAME_LABEL: "db"}
    assert {first.metadata.namespace, second.metadata.namespace} == {"shop"}
    assert first.ports == (SlicePort("a", None, 80),)
    assert second.ports == (SlicePort(None, "UDP", 53),)


def test_addresses_that_are_not_ready_take_no_traffic() -> None:
    (piece,) = slices([{"addresses": [{"ip": "192.0.2.7"}], "notReadyAddresses": [{"ip": "192.0.2.8"}]}])
    assert piece.endpoints == (
        SliceEndpoint(("192.0.2.7",), EndpointConditions(True)),
        SliceEndpoint(("192.0.2.8",), EndpointConditions(False)),
    )


def test_a_label_asks_for_no_mirroring() -> None:
    assert slices([{"addresses": [{"ip": "192.0.2.7"}]}], **{"endpointslice.kubernetes.io/skip-mirror": "true"}) == ()


def test_endpoints_may_have_no_subsets() -> None:
    assert slices(None) == slices([]) == ()
