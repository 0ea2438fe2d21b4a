"""Objects such as an Ingress that lead to other Services than before.

Clients outside the pod network then reach other pods, as far as policies allow the controller, or the API server, to
connect to them. Policies do not refer to these objects, so they change no connection between workloads.
"""

import msgspec

from ringfence.analysis.differences.object_places import ObjectPlaces
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.model.origin import Place
from ringfence.model.service_users import ServiceTarget, ServiceUser


class RoutedService(msgspec.Struct, frozen=True, order=True):
    """A Service to which an object leads, and its port by number or name; empty for any port."""

    service: Reference
    port: str = ""

    def __str__(self) -> str:
        return f"{self.service}:{self.port}" if self.port else str(self.service)


class ChangedRoute(msgspec.Struct, frozen=True):
    """An Ingress, a route or a webhook that leads to other Services.

    `before` and `after` are empty where it is missing. `place` is where it was read; for a removed object, its former
    place.
    """

    object: Reference
    before: tuple[RoutedService, ...]
    after: tuple[RoutedService, ...]
    place: Place | None = None


def changed_routes(before: State, after: State, places: ObjectPlaces) -> tuple[ChangedRoute, ...]:
    """The objects that lead to other Services, or to another port of one, by namespace, kind and name."""
    old, new = before.service_users, after.service_users
    found = (
        ChangedRoute(one, _targets(one, old.get(one)), _targets(one, new.get(one)), places.of(one))
        for one in sorted(old.keys() | new.keys())
    )
    return tuple(one for one in found if one.before != one.after)


def _targets(user: Reference, written: ServiceUser | None) -> tuple[RoutedService, ...]:
    return tuple(sorted({_target(user, one) for one in written.targets})) if written else ()


def _target(user: Reference, target: ServiceTarget) -> RoutedService:
    service = Reference(target.namespace or user.namespace, "Service", target.name)
    return RoutedService(service, "" if target.port is None else str(target.port))
