"""The pods behind the Services that webhooks, aggregated APIs and routes name."""

from collections.abc import Collection, Iterator

import msgspec

from ringfence.analysis.endpoints import selected_members, target_port
from ringfence.engine.population import Member, Reference
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Premise, doubtful
from ringfence.lint.rule import Unknown
from ringfence.model.policies import Direction
from ringfence.model.service_users import ServiceTarget
from ringfence.model.services import Service


class NamedTarget(msgspec.Struct, frozen=True):
    """A port of a pod behind a Service, and the object that names the Service."""

    user: Reference
    service: Reference
    pod: Member
    protocol: str
    port: int

    def behind(self, linted: Linted) -> list[Member]:
        """All pods behind the Service."""
        service = linted.state.services.get((self.service.namespace, self.service.name))
        return selected_members(linted.state, service) if service else []

    @property
    def objects(self) -> tuple[tuple[Reference, str], ...]:
        """The object that names the Service, and the Service, each with what it is."""
        return (self.user, "what names the Service"), (self.service, "the Service")


def unlisted_users(linted: Linted, kinds: Collection[str]) -> Iterator[Unknown]:
    """An `Unknown` if objects of some kinds could not be listed in a running cluster."""
    if missing := [kind for kind in kinds if kind in linted.state.unlisted_users]:
        yield Unknown(
            f"objects of kind {', '.join(missing)} were not listed: it needs the right to list them; or lint their "
            "manifests with -f"
        )


def named_targets(linted: Linted, kinds: Collection[str]) -> Iterator[NamedTarget]:
    """The targets behind the Services that objects of some kinds name, one pod of each identity."""
    for user, obj in sorted(linted.state.service_users.items()):
        for target in obj.targets if user.kind in kinds else ():
            namespace = target.namespace or user.namespace
            service = linted.state.services.get((namespace, target.name))
            if service:
                yield from _behind(linted, user, Reference(namespace, "Service", target.name), service, target)


def _behind(
    linted: Linted, user: Reference, name: Reference, service: Service, target: ServiceTarget
) -> Iterator[NamedTarget]:
    seen: set[tuple[int, str, int]] = set()
    pods = sorted(selected_members(linted.state, service), key=lambda one: one.reference)
    # The first of equal pods stands for all. Pods whose traffic is known come first.
    for pod in sorted(pods, key=lambda pod: _is_doubtful(linted, pod)):
        for port in service.spec.ports or ():
            number = target_port(pod, port) if target.port in (None, port.port, port.name) else None
            # No policy selects a pod in the host network, so none can cut it off.
            if number is None or pod.host_network:
                continue
            key = (linted.state.identity(pod).bit, port.protocol, number)
            if key not in seen:
                seen.add(key)
                yield NamedTarget(user, name, pod, port.protocol, number)


def _is_doubtful(linted: Linted, pod: Member) -> bool:
    return doubtful(linted, [Premise((pod,), Direction.INGRESS, is_refusal=True)]) is not None
