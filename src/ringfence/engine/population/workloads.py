"""Which workload owns which pods.

A Deployment owns ReplicaSets, which own pods; a CronJob owns Jobs, which own pods. Users mean the top of that chain
when they say "the workload". The Deployment of a ReplicaSet that is not in the input is guessed from its name: the
Deployment controller names a ReplicaSet after its Deployment, followed by the pods' `pod-template-hash`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from ringfence.engine.population.pods import Member, Reference, owner_of
from ringfence.model.objects import Workload

HASH_LABEL = "pod-template-hash"
_OWNING_KIND: Final = {"ReplicaSet": "Deployment", "Job": "CronJob"}
"""The kinds that may own workloads. Any other owner reference is ignored, so a chain of owners always ends."""


class Workloads:
    """Workloads as objects, and the chains of ownership from pods up to them."""

    def __init__(self) -> None:
        self._objects: dict[Reference, Workload] = {}
        self._pods: Counter[Reference] = Counter()
        self._guesses: defaultdict[Reference, Counter[Reference]] = defaultdict(Counter)
        self._owners: dict[Reference, Reference] = {}
        self._owned: defaultdict[Reference, set[Reference]] = defaultdict(set)

    def upsert(self, reference: Reference, workload: Workload) -> None:
        """Add the workload that `reference` names, or replace it."""
        self._objects[reference] = workload
        self._relink(reference)

    def remove(self, reference: Reference) -> None:
        """Remove a workload, if there is one."""
        self._objects.pop(reference, None)
        self._relink(reference)

    def get(self, reference: Reference) -> Workload | None:
        """The workload object with this name, if the input has one."""
        return self._objects.get(reference)

    def references(self) -> Iterator[Reference]:
        """What names each workload that is an object of the input."""
        return iter(self._objects)

    def add_pod_of_known_owner(self, member: Member) -> bool:
        """Count a pod if a pod with the same owner is already counted; return whether it was counted.

        Then no chain of owners changes, so the caller need not look at the templates above it. Most pods of a large
        cluster take this path.
        """
        owner = member.owner
        if owner is not None:
            if not self._pods.get(owner):
                return False
            if guess := _guessed_owner(owner, member):
                if not self._guesses[owner].get(guess):
                    return False
                self._guesses[owner][guess] += 1
            self._pods[owner] += 1
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
        """Whether a workload's template stands for its pods: it has no owner, and the input has none of its pods."""
        return reference in self._objects and reference not in self._owners and not self._has_pods(reference)

    def chain(self, reference: Reference) -> Iterator[Reference]:
        """A workload and all its owners, from the bottom up."""
        current: Reference | None = reference
        while current:
            yield current
            current = self._owners.get(current)

    def _has_pods(self, reference: Reference) -> bool:
        return self._pods[reference] > 0 or any(map(self._has_pods, self._owned.get(reference, ())))

    def _count_pod(self, member: Member, change: int) -> None:
        if member.owner is None:
            return
        self._pods[member.owner] += change
        if guess := _guessed_owner(member.owner, member):
            guesses = self._guesses[member.owner]
            guesses[guess] += change
            if guesses[guess] <= 1:
                self._relink(member.owner)

    def _relink(self, reference: Reference) -> None:
        """Link a workload to the owner that its object names; without an object, to the one guessed from its pods."""
        workload = self._objects.get(reference)
        owner = owner_of(workload.metadata) if workload else min(+self._guesses[reference], default=None)
        if former := self._owners.pop(reference, None):
            self._owned[former].discard(reference)
        if owner and owner.kind == _OWNING_KIND.get(reference.kind):
            self._owners[reference] = owner
            self._owned[owner].add(reference)


def _guessed_owner(reference: Reference, member: Member) -> Reference | None:
    if reference.kind != "ReplicaSet":
        return None
    return _deployment(reference, member.labels.get(HASH_LABEL, "-"))


@lru_cache(maxsize=1 << 14)
def _deployment(replica_set: Reference, template_hash: str) -> Reference | None:
    """The Deployment that made a ReplicaSet, if the name of the ReplicaSet ends in the hash."""
    suffix = f"-{template_hash}"
    if not replica_set.name.endswith(suffix):
        return None
    return Reference(replica_set.namespace, "Deployment", replica_set.name.removesuffix(suffix))
