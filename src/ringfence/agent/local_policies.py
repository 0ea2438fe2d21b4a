"""Which policies select pods of this node. All others are kept as text; only their subject is decoded.

A cluster has many policies, and a node has few pods. A policy that selects no pod of the node has no effect there, so
the node must not spend time and memory on its rules: every tenant who may create policies can create large ones.

A cluster policy also selects pods by the labels of their namespaces. It belongs to the administrator, so it does not
count towards the limits for the policies of tenants.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple, TypeVar

from ringfence.agent.policy_subjects import selects, shortened, subject_of
from ringfence.agent.shares import CLUSTER
from ringfence.engine.policies import PodSelection
from ringfence.engine.population import NAME_LABEL
from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import NO_LABELS, Labels
from ringfence.model.objects import Pod
from ringfence.sources.cluster import Undecoded
from ringfence.steps import Steps

Key = TypeVar("Key")
Kept = TypeVar("Kept")

PolicyName = tuple[str, str]
"""Kind and name: policies of two kinds may have the same name."""


MOST_BYTES: Final = 8 << 20
"""Bytes, as text, of the active policies of one namespace at most. In the state they take ten times as much memory.

A namespace usually has some kilobytes of policies. Without a limit, a tenant could make the agent run out of memory
each time that it starts.
"""

MOST_BYTES_OF_ALL: Final = 16 << 20
"""Bytes of the active policies of all namespaces at most: 100 policies of 16,000 blocks would take 900 MB of memory."""

ALWAYS: Final = 256 << 10
"""Bytes of policies that always fit for each namespace: large policies of others can only keep out large policies."""


class PolicyUse(Enum):
    """How a policy is treated on this node."""

    ACTIVE = "active"
    """It selects pods of the node, and is applied to the state."""
    IDLE = "idle"
    """It selects no pod of the node, and is kept as text."""
    EXCESSIVE = "excessive"
    """It is kept as text because of its size: all pods of its namespace are closed on this node."""


class _Idle(NamedTuple):
    """A policy that selects no pod of this node. `subject` selects all pods that it selects, and maybe more."""

    subject: PodSelection
    policy: Undecoded


class LocalPolicies:
    """The labels of a node's pods and of all namespaces, and the policies that are kept as text.

    A policy is kept as text if it is idle (it selects none of these pods) or excessive (active policies are too large).
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._labels: defaultdict[str, dict[str, Labels]] = defaultdict(dict)
        self._namespaces: dict[str, Labels] = {}
        self._idle: defaultdict[str, dict[PolicyName, _Idle]] = defaultdict(dict)
        self._excessive: defaultdict[str, dict[PolicyName, Undecoded]] = defaultdict(dict)
        self._sizes: defaultdict[str, dict[PolicyName, int]] = defaultdict(dict)
        """The sizes of the active policies."""
        self._active_bytes: Counter[str] = Counter()
        """Their sum for each namespace."""
        self._total = 0
        self._total_when_full = 0
        """The total when the excessive policies of all namespaces were last found not to fit."""

    @property
    def excessive(self) -> frozenset[str]:
        """The namespaces that have excessive policies."""
        return frozenset(self._excessive)

    def has_pods(self, namespace: str) -> bool:
        """Whether the namespace has pods on this node."""
        return namespace in self._labels

    def noted(self, kind: str) -> set[tuple[str, str]]:
        """The namespaces and names of the node's pods, or of the policies of a kind, that are known here.

        An object is noted here when it is prepared, before it is in the state.
        """
        if kind == "Pod":
            return {(namespace, name) for namespace, pods in self._labels.items() for name in pods}
        found: set[tuple[str, str]] = set()
        for noted in (self._idle, self._excessive, self._sizes):
            for namespace, policies in noted.items():
                found.update((namespace, name) for of_kind, name in policies if of_kind == kind)
        return found

    def place(self, policy: Undecoded) -> Steps[PolicyUse]:
        """Read the subject of a policy in steps, and decide how it is treated. Its text is kept unless it is active.

        A policy whose subject cannot be read is active, so that decoding it reports what is wrong. The last step
        decides, and forgets earlier versions of the policy: until then they are activated by pods.
        """
        subject = yield from subject_of(policy)
        kind, namespace, name = policy.kind.key, policy.namespace, policy.name
        self.discard_policy(kind, namespace, name)
        if subject is not None and not self._selects_any(subject, self._reach_of(policy)):
            # The shortened subject may select more pods. Then the policy is placed again, by its whole subject.
            self._idle[namespace][kind, name] = _Idle(shortened(subject), policy)
            return PolicyUse.IDLE
        if not policy.kind.is_namespaced:
            return PolicyUse.ACTIVE
        if not self._fits(policy):
            self._excessive[namespace][kind, name] = policy
            return PolicyUse.EXCESSIVE
        self._sizes[namespace][kind, name] = policy.size
        self._active_bytes[namespace] += policy.size
        self._total += policy.size
        return PolicyUse.ACTIVE

    def _reach_of(self, policy: Undecoded) -> Iterable[str]:
        """The namespaces in which a policy can select pods of this node."""
        return (policy.namespace,) if policy.kind.is_namespaced else self._labels

    def _selects_any(self, subject: PodSelection, namespaces: Iterable[str]) -> bool:
        """Whether a subject selects a pod of this node in one of the namespaces."""
        return any(
            selects(subject, pod, self._namespace_labels(namespace))
            for namespace in namespaces
            for pod in self._labels.get(namespace, {}).values()
        )

    def _namespace_labels(self, namespace: str) -> Labels:
        return {**self._namespaces.get(namespace, NO_LABELS), NAME_LABEL: namespace}

    def discard_policy(self, kind: str, namespace: str, name: str) -> None:
        """Forget a policy."""
        key = kind, name
        _discard(self._idle, namespace, key)
        _discard(self._excessive, namespace, key)
        size = self._sizes.get(namespace, {}).get(key, 0)
        _discard(self._sizes, namespace, key)
        self._total -= size
        self._active_bytes[namespace] -= size
        if not self._active_bytes[namespace]:
            del self._active_bytes[namespace]

    def fitting(self, namespace: str) -> list[Undecoded]:
        """The excessive policies that fit now, after a change in `namespace`; their texts are no longer kept.

        If the active policies have become smaller in total, policies of other namespaces may fit, too.
        """
        # Only a smaller total can have made room for other namespaces, so a search through all of them is rare.
        has_more_room = self._total < self._total_when_full
        namespaces = list(self._excessive) if has_more_room else [namespace]
        policies = [
            policy for one in namespaces for policy in self._excessive.get(one, {}).values() if self._fits(policy)
        ]
        if has_more_room or self._total > self._total_when_full:
            self._total_when_full = self._total
        for policy in policies:
            self._discard(policy)
        return policies

    def upsert_pod(self, pod: Pod) -> list[Undecoded]:
        """Note a pod. Returns the idle policies that may select it; their texts are no longer kept."""
        namespace, name = namespace_of(pod), pod.metadata.name
        labels = pod.metadata.labels or NO_LABELS
        # No policy isolates a pod in the host network.
        if pod.spec.node_name != self._node or pod.spec.host_network:
            return []
        if self._labels[namespace].get(name) == labels:
            return []  # most updates of a pod do not change its labels
        self._labels[namespace][name] = labels
        within = self._namespace_labels(namespace)
        idle = [*self._idle.get(CLUSTER, {}).values(), *self._idle.get(namespace, {}).values()]
        return self._activate([one.policy for one in idle if selects(one.subject, labels, within)])

    def discard_pod(self, namespace: str, name: str) -> None:
        """Forget a pod, if it is one of this node."""
        _discard(self._labels, namespace, name)

    def upsert_namespace(self, namespace: str, labels: Labels) -> list[Undecoded]:
        """Note the labels of a namespace. Returns the idle policies that may select pods in it, like `upsert_pod`."""
        if self._namespaces.get(namespace, NO_LABELS) == labels:
            return []
        self._namespaces[namespace] = labels
        return self._activated_in(namespace)

    def discard_namespace(self, namespace: str) -> list[Undecoded]:
        """Forget the labels of a namespace. Returns the idle policies that may select pods in it without them."""
        return self._activated_in(namespace) if self._namespaces.pop(namespace, NO_LABELS) else []

    def _activated_in(self, namespace: str) -> list[Undecoded]:
        if namespace not in self._labels:
            return []
        idle = self._idle.get(CLUSTER, {}).values()
        return self._activate([one.policy for one in idle if self._selects_any(one.subject, (namespace,))])

    def _activate(self, policies: list[Undecoded]) -> list[Undecoded]:
        for policy in policies:
            self._discard(policy)
        return policies

    def _discard(self, policy: Undecoded) -> None:
        self.discard_policy(policy.kind.key, policy.namespace, policy.name)

    def _fits(self, policy: Undecoded) -> bool:
        active = self._active_bytes.get(policy.namespace, 0)
        if active + policy.size <= min(ALWAYS, MOST_BYTES):
            return True
        # No policy is too large by itself: the first one of the namespace, and the first one of the node, always fit.
        if active and active + policy.size > MOST_BYTES:
            return False
        return not self._total or self._total + policy.size <= MOST_BYTES_OF_ALL


def _discard(by_namespace: dict[str, dict[Key, Kept]], namespace: str, name: Key) -> None:
    names = by_namespace.get(namespace, {})
    if names.pop(name, None) is not None and not names:
        del by_namespace[namespace]
