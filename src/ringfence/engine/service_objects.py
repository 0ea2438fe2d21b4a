"""Services, the EndpointSlices and Endpoints of their pods, and what uses them. None of these changes a verdict."""

from collections import defaultdict

from ringfence.engine.population import Namespaces, Reference
from ringfence.model.kinds import namespace_of
from ringfence.model.mirrored_endpoints import mirrored
from ringfence.model.service_users import CONTROL_PLANE_KINDS, ROUTING_KINDS, ServiceUser
from ringfence.model.services import SERVICE_NAME_LABEL, Endpoints, EndpointSlice, Service

ServiceObject = Service | EndpointSlice | Endpoints | ServiceUser

SERVICE_KINDS = frozenset({"Service", "EndpointSlice", "Endpoints", *CONTROL_PLANE_KINDS, *ROUTING_KINDS})
"""The kinds of these objects."""

Key = tuple[str, str]
"""A namespace and a name."""


class ServiceObjects:
    """The Services of a cluster with their endpoints, and the webhooks, aggregated APIs and routes that use them."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
        self.services: dict[Key, Service] = {}
        self.users: dict[Reference, ServiceUser] = {}
        self._slices: dict[Key, EndpointSlice] = {}
        self._by_service: defaultdict[Key, dict[str, EndpointSlice]] = defaultdict(dict)
        self._mirrored: dict[Key, tuple[EndpointSlice, ...]] = {}

    def upsert(self, obj: ServiceObject) -> None:
        """Add an object, or replace the one with its kind and name."""
        key = namespace_of(obj), obj.metadata.name
        match obj:
            case Service():
                self._namespaces.mention(key[0])
                self.services[key] = obj
            case EndpointSlice():
                self._remove_slice(key)
                self._slices[key] = obj
                if service := _service_of(obj):
                    self._by_service[service][obj.metadata.name] = obj
            case Endpoints():
                self._mirrored[key] = mirrored(obj)
            case ServiceUser():
                self.users[Reference(key[0], obj.kind, key[1])] = obj

    def remove(self, reference: Reference) -> None:
        """Remove an object, if it is there."""
        key = reference.namespace, reference.name
        match reference.kind:
            case "Service":
                self.services.pop(key, None)
            case "EndpointSlice":
                self._remove_slice(key)
            case "Endpoints":
                self._mirrored.pop(key, None)
            case _:
                self.users.pop(reference, None)

    def _remove_slice(self, key: Key) -> None:
        removed = self._slices.pop(key, None)
        if removed and (service := _service_of(removed)):
            of_service = self._by_service[service]
            del of_service[removed.metadata.name]
            # `_by_service` is a defaultdict: an empty entry for each Service that ever existed would stay in a
            # long-running agent.
            if not of_service:
                del self._by_service[service]

    def has(self, reference: Reference) -> bool:
        """Whether there is an object of this kind and name."""
        key = reference.namespace, reference.name
        match reference.kind:
            case "Service":
                return key in self.services
            case "EndpointSlice":
                return key in self._slices
            case "Endpoints":
                return key in self._mirrored
            case _:
                return reference in self.users

    def slices_of(self, service: Service) -> list[EndpointSlice]:
        """The EndpointSlices of a Service; if there are none, those that the control plane makes of its Endpoints."""
        key = namespace_of(service), service.metadata.name
        # The EndpointSliceMirroring controller has made slices of custom Endpoints in a cluster; manifests have the
        # Endpoints only.
        return list(self._by_service.get(key, {}).values()) or list(self._mirrored.get(key, ()))


def _service_of(piece: EndpointSlice) -> Key | None:
    """The namespace and name of the Service that an EndpointSlice belongs to; None if it belongs to none."""
    name = (piece.metadata.labels or {}).get(SERVICE_NAME_LABEL)
    return (namespace_of(piece), name) if name else None
