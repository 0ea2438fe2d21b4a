"""Which workload owns which pods.

A Deployment or a Rollout owns ReplicaSets, a CronJob Jobs, a DeploymentConfig ReplicationControllers; these own pods.
Users mean the top of that chain when they say "the workload". The Deployment of a ReplicaSet that is not in the
input is guessed from its name: the Deployment controller names a ReplicaSet after its Deployment, followed by the pods'
`pod-template-hash`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from ringfence.engine.population.pods import Member, Reference, owner_of
from ringfence.model.added_labels import TEMPLATE_HASH
from ringfence.model.objects import HorizontalPodAutoscaler, PodLimit, Workload

_OWNING_KINDS: Final = {
    "ReplicaSet": ("Deployment", "Rollout"),
    "Job": ("CronJob",),
    "ReplicationController": ("DeploymentConfig",),
}
"""The kinds that may own workloads. Any other owner reference is ignored, so a chain of owners always ends."""


class Workloads:
    """Workloads as objects, and the chains of ownership from pods up to them."""

    def __init__(self) -> None:
        self._objects: dict[Reference, Workload] = {}
        self._pods: defaultdict[Reference, Counter[str]] = defaultdict(Counter)
        """How many pods each workload owns directly, by the hash of their template; empty for pods without one."""
        self._owners: dict[Reference, Reference] = {}
        self._owned: defaultdict[Reference, set[Reference]] = defaultdict(set)
        self._scaled: dict[Reference, Reference] = {}
        self._scaling: defaultdict[Reference, dict[Reference, HorizontalPodAutoscaler]] = defaultdict(dict)
        self._template_users: defaultdict[Reference, set[Reference]] = defaultdict(set)
        self._names: set[tuple[str, str]] = set()

    def upsert(self, reference: Reference, workload: Workload) -> None:
        """Add the workload that `reference` names, or replace it."""
        self.remove(reference)
        self._objects[reference] = workload
        if owner := _template_owner(reference, workload):
            self._template_users[owner].add(reference)
        self._names.add((reference.namespace, reference.name))
        self._relink(reference)

    def remove(self, reference: Reference) -> None:
        """Remove a workload, if there is one."""
        former = self._objects.pop(reference, None)
        if former and (owner := _template_owner(reference, former)):
            self._template_users[owner].discard(reference)
        self._relink(reference)

    def get(self, reference: Reference) -> Workload | None:
        """The workload object with this name, if the input has one."""
        return self._objects.get(reference)

    def template_users(self, reference: Reference) -> Iterator[Reference]:
        """The workloads that make pods of the template of this one."""
        return iter(self._template_users.get(reference, ()))

    def with_template(self, workload: Workload, reference: Reference) -> Workload | None:
        """The workload with the template of which it makes pods; None if that is not in the input."""
        owner = _template_owner(reference, workload)
        if owner is None:
            return workload
        owning = self._objects.get(owner)
        return msgspec.structs.replace(workload, template=owning.template) if owning else None

    def upsert_autoscaler(self, reference: Reference, autoscaler: HorizontalPodAutoscaler) -> None:
        """Add the autoscaler that `reference` names, or replace it."""
        self.remove_autoscaler(reference)
        target = autoscaler.spec.scale_target_ref
        scaled = self._scaled[reference] = Reference(reference.namespace, target.kind, target.name)
        self._scaling[scaled][reference] = autoscaler

    def remove_autoscaler(self, reference: Reference) -> None:
        """Remove an autoscaler, if there is one."""
        if scaled := self._scaled.pop(reference, None):
            del self._scaling[scaled][reference]

    def scaled_by(self, reference: Reference) -> Reference | None:
        """The workload that an autoscaler of the input scales; None if there is no autoscaler with this name."""
        return self._scaled.get(reference)

    def limit(self, workload: Workload, reference: Reference) -> PodLimit:
        """How many pods a workload may have at the same time: as it says itself, or an autoscaler that scales it.

        An autoscaler does not scale a workload with zero replicas, unless its own minimum is zero. Source: Kubernetes
        documentation, "Horizontal Pod Autoscaling", "Implicit maintenance-mode deactivation".
        """
        limit = workload.limit
        for name, autoscaler in self._scaling.get(reference, {}).items():
            most = autoscaler.spec.max_replicas
            is_left_alone = workload.limit.is_zero and autoscaler.spec.min_replicas != 0
            if not is_left_alone and limit.most is not None and most > limit.most:
                limit = PodLimit(most, f"HorizontalPodAutoscaler {name.name} scales it up to {most}")
        return limit

    def may_have_named(self, namespace: str, name: str) -> bool:
        """Whether some workload has, or once had, this name: as an object, or as the owner of a pod."""
        return (namespace, name) in self._names

    def references(self) -> Iterator[Reference]:
        """The references to all workloads that are objects of the input."""
        return iter(self._objects)

    def add_pod_of_known_owner(self, member: Member) -> bool:
        """Count a pod if a pod with the same owner is already counted; return whether it was counted.

        Then no chain of owners changes, so the caller need not look at the templates above it. Most pods of a large
        cluster take this path.
        """
        if member.owner is None:
            return True
        counts, template_hash = self._pods.get(member.owner), member.labels.get(TEMPLATE_HASH, "")
        if not counts or template_hash not in counts:
            return False
        counts[template_hash] += 1
        return True

    def add_pod(self, member: Member) -> None:
        """Count a pod."""
        self._count_pod(member, 1)

    def discard_pod(self, member: Member) -> None:
        """Stop counting a pod."""
        self._count_pod(member, -1)

    def top(self, member: Member) -> Reference:
        """The top of the chain of owners of a pod; the pod itself if it has no owner."""
        reference = member.owner or member.reference
        while owner := self._owners.get(reference):
            reference = owner
        return reference

    def stands_for_pods(self, reference: Reference) -> bool:
        """Whether a workload's template stands for its pods.

        It does if the workload has no owner, is not scaled to zero, and the input has none of its pods.
        """
        workload = self._objects.get(reference)
        if workload is None or reference in self._owners or self._has_pods(reference):
            return False
        return not self.limit(workload, reference).is_zero

    def chain(self, reference: Reference) -> Iterator[Reference]:
        """A workload and all its owners, from the bottom up."""
        current: Reference | None = reference
        while current:
            yield current
            current = self._owners.get(current)

    def _has_pods(self, reference: Reference) -> bool:
        return reference in self._pods or any(map(self._has_pods, self._owned.get(reference, ())))

    def _count_pod(self, member: Member, change: int) -> None:
        owner, template_hash = member.owner, member.labels.get(TEMPLATE_HASH, "")
        if owner is None:
            return
        counts = self._pods[owner]
        counts[template_hash] += change
        if not counts[template_hash]:
            del counts[template_hash]
        if not counts:
            del self._pods[owner]
        self._names.add((owner.namespace, owner.name))
        # Only the first and the last pod with a hash can change the link.
        if owner.kind == "ReplicaSet" and counts[template_hash] <= 1:
            self._relink(owner)

    def _relink(self, reference: Reference) -> None:
        """Link a workload to the owner that its object names; without an object, to the one guessed from its pods."""
        workload = self._objects.get(reference)
        owner = owner_of(workload.metadata) if workload else self._guessed_owner(reference)
        if former := self._owners.pop(reference, None):
            self._owned[former].discard(reference)
        if owner and owner.kind in _OWNING_KINDS.get(reference.kind, ()):
            self._owners[reference] = owner
            self._names.add((owner.namespace, owner.name))
            self._owned[owner].add(reference)

    def _guessed_owner(self, reference: Reference) -> Reference | None:
        if reference.kind != "ReplicaSet":
            return None
        guesses = (_deployment(reference, template_hash) for template_hash in self._pods.get(reference, ()))
        # `min` makes the guess independent of the order of pods.
        return min((guess for guess in guesses if guess), default=None)


def _template_owner(reference: Reference, workload: Workload) -> Reference | None:
    """The workload whose template a workload uses, if that is not its own."""
    named = workload.workload_ref
    return Reference(reference.namespace, named.kind, named.name) if named else None


def _deployment(replica_set: Reference, template_hash: str) -> Reference | None:
    """The Deployment that made a ReplicaSet, if the name of the ReplicaSet ends in the hash."""
    suffix = f"-{template_hash}"
    if not template_hash or not replica_set.name.endswith(suffix):
        return None
    return Reference(replica_set.namespace, "Deployment", replica_set.name.removesuffix(suffix))
