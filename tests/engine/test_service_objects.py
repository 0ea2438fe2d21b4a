"""Services and their EndpointSlices, as objects come and go."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.population import Namespaces, Reference
from ringfence.engine.service_objects import ServiceObjects
from ringfence.model.metadata import ObjectMeta, ServiceMeta
from ringfence.model.services import SERVICE_NAME_LABEL, EndpointSlice, Service

NAMESPACES = ["shop", "bank"]
NAMES = ["web", "db", "cache"]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(NAMESPACES),
        st.sampled_from(NAMES),
        st.sampled_from([*NAMES, "", None]),
        st.booleans(),
    ),
    max_size=20,
)
"""EndpointSlices that come and go: the namespace, the name, the Service in the label, and whether it is removed."""


@given(changes=CHANGES)
def test_the_slices_of_a_service_are_those_with_its_name_in_the_label(
    changes: list[tuple[str, str, str | None, bool]],
) -> None:
    objects = ServiceObjects(Namespaces())
    there: dict[tuple[str, str], EndpointSlice] = {}
    for namespace, name, of, is_removed in changes:
        if is_removed:
            objects.remove(Reference(namespace, "EndpointSlice", name))
            there.pop((namespace, name), None)
        else:
            there[namespace, name] = _slice(namespace, name, of)
            objects.upsert(there[namespace, name])
    for namespace in NAMESPACES:
        for name in NAMES:
            expected = [
                piece
                for (space, _), piece in there.items()
                if space == namespace and (piece.metadata.labels or {}).get(SERVICE_NAME_LABEL) == name
            ]
            found = objects.slices_of(_service(namespace, name))
            assert sorted(one.metadata.name for one in found) == sorted(one.metadata.name for one in expected)
            assert all(one in expected for one in found)
            assert objects.has(Reference(namespace, "EndpointSlice", name)) is ((namespace, name) in there)


def test_a_namespace_of_a_service_is_known() -> None:
    namespaces = Namespaces()
    ServiceObjects(namespaces).upsert(_service("shop", "web"))
    assert namespaces.exists("shop")


def _service(namespace: str, name: str) -> Service:
    return Service(metadata=ServiceMeta(name=name, namespace=namespace))


def _slice(namespace: str, name: str, of: str | None) -> EndpointSlice:
    labels = {} if of is None else {SERVICE_NAME_LABEL: of}
    return EndpointSlice(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels))
