"""Who owns which pods.

A Deployment owns ReplicaSets, which own pods; a CronJob owns Jobs. What people mean by "the workload" is the top of
that chain. A ReplicaSet that is not in the input is known all the same: it is called like its Deployment, followed by
the pods' `pod-template-hash`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from ringfence.engine.pods import Member, Reference, owner_of
from ringfence.model.objects import DEFAULT_NAMESPACE, Workload

HASH_LABEL = "pod-template-hash"


class Workloads:
    """Workloads as objects, and the chains of ownership from pods up to them."""

    def __init__(self) -> None:
        self._objects: dict[Reference, Workload] = {}
        self._owners: dict[Reference, Reference] = {}
        self._owned: defaultdict[Reference, set[Reference]] = defaultdict(set)
        self._pods: Counter[Reference] = Counter()

    def upsert(self, workload: Workload) -> Reference:
        """Take a workload in; returns what names it."""
        reference = Reference(workload.metadata.namespace or DEFAULT_NAMESPACE, workload.kind, workload.metadata.name)
        self.remove(reference)
        self._objects[reference] = workload
        if owner := owner_of(workload.metadata):
            self._link(reference, owner)
        return reference

    def remove(self, reference: Reference) -> None:
        """Let a workload go, if it is in."""
        if self._objects.pop(reference, None) and (owner := self._owners.pop(reference, None)):
            self._owned[owner].discard(reference)

    def get(self, reference: Reference) -> Workload | None:
        """The workload of a name, if it is an object of the input."""
        return self._objects.get(reference)

    def references(self) -> Iterator[Reference]:
        """What names each workload that is an object of the input."""
        return iter(self._objects)

    def add_pod(self, member: Member) -> None:
        """Note that a pod has come."""
        if member.owner:
            self._pods[member.owner] += 1
            self._guess_owner(member.owner, member)

    def discard_pod(self, member: Member) -> None:
        """Note that a pod has gone."""
        if member.owner:
            self._pods[member.owner] -= 1

    def top(self, member: Member) -> Reference:
        """The workload that a pod belongs to in people's eyes; the pod itself if nothing owns it."""
        reference = member.owner or member.reference
        while owner := self._owners.get(reference):
            reference = owner
        return reference

    def stands_for_pods(self, reference: Reference) -> bool:
        """Whether a workload's template has to stand for its pods, because none of them is in the input."""
        return reference in self._objects and reference not in self._owners and not self._has_pods(reference)

    def chain(self, reference: Reference) -> Iterator[Reference]:
        """A workload and all that own it, from the bottom up."""
        current: Reference | None = reference
        while current:
            yield current
            current = self._owners.get(current)

    def _has_pods(self, reference: Reference) -> bool:
        return self._pods[reference] > 0 or any(map(self._has_pods, self._owned.get(reference, ())))

    def _guess_owner(self, reference: Reference, member: Member) -> None:
        suffix = "-" + member.labels.get(HASH_LABEL, "-")
        if reference.kind == "ReplicaSet" and reference not in self._owners and reference.name.endswith(suffix):
            name = reference.name.removesuffix(suffix)
            self._link(reference, Reference(reference.namespace, "Deployment", name))

    def _link(self, reference: Reference, owner: Reference) -> None:
        self._owners[reference] = owner
        self._owned[owner].add(reference)
