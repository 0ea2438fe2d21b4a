"""Objects such as an Ingress that lead to other Services than before: what is outside of the pod network then reaches
other pods, as far as policies let the controller, or the API server, connect to them.

Policies do not see these objects, so no connection between workloads is different because of them.
"""

import msgspec

from ringfence.analysis.differences.object_places import ObjectPlaces
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.model.origin import Place
from ringfence.model.service_users import ServiceTarget, ServiceUser


class RoutedService(msgspec.Struct, frozen=True, order=True):
    """A Service that an object leads to, and its port: by number or name, empty for any."""

    service: Reference
    port: str = ""

    def __str__(self) -> str:
        return f"{self.service}:{self.port}" if self.port else str(self.service)


class ChangedRoute(msgspec.Struct, frozen=True):
    """An Ingress, a route or a webhook that leads to other Services.

    `before` and `after` are empty where it is missing. `place` is where it is read, or was if it was removed.
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
