"""Which policies select pods of this node. All others are kept as text, and nothing but their selector is decoded.

A cluster has many policies and a node has few pods. A policy that selects none of them changes nothing on the node, so
it must not cost the node what its rules would cost: every tenant who may create policies can create large ones.
"""

from collections import Counter, defaultdict
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from ringfence.errors import DecodingError
from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import NO_LABELS, Labels
from ringfence.model.objects import NetworkPolicy, Pod
from ringfence.model.selectors import Selector, compile_selector
from ringfence.sources.cluster import Undecoded

_TERMS: Final = 16
"""So many terms of a selector, and so many values of a term, are kept at most: 25,000 of them would take 12 MB."""


Kept = TypeVar("Kept")


MOST_BYTES: Final = 8 << 20
"""Bytes of policies, as text, that are taken in of one namespace. They take ten times as much memory then.

A namespace has usually some kilobytes of policies. Without a limit, a tenant could have the agent end for lack of
memory each time that it starts.
"""

MOST_BYTES_OF_ALL: Final = 16 << 20
"""Bytes of policies that are taken in of all namespaces: 100 policies of 16,000 blocks would take 900 MB."""

ALWAYS: Final = 256 << 10
"""Bytes of policies that are taken in of a namespace whatever others have: large policies keep out large ones only."""


class PolicyUse(Enum):
    """What is done with a policy."""

    ACTIVE = "active"
    """It is taken in: it selects pods of the node."""
    IDLE = "idle"
    """It selects none."""
    EXCESSIVE = "excessive"
    """Too much is taken in of its namespace: all pods of the namespace are closed on this node."""


class _Idle(NamedTuple):
    """A policy that selects no pod of this node. It selects at most the pods that `selector` matches."""

    selector: Selector
    policy: Undecoded


class LocalPolicies:
    """The labels of a node's pods, and the policies that are kept as text.

    Those are idle, since they select none of these pods, or excessive, since too much is taken in of their namespace.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._labels: defaultdict[str, dict[str, Labels]] = defaultdict(dict)
        self._idle: defaultdict[str, dict[str, _Idle]] = defaultdict(dict)
        self._excessive: defaultdict[str, dict[str, Undecoded]] = defaultdict(dict)
        self._sizes: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """The sizes of the policies that are not kept as text."""
        self._taken_in: Counter[str] = Counter()
        """Their sum for each namespace."""
        self._total = 0
        self._total_when_full = 0
        """What was taken in when excessive policies of all namespaces were last found not to fit."""

    @property
    def excessive(self) -> frozenset[str]:
        """The namespaces of which policies are excessive."""
        return frozenset(self._excessive)

    def has_pods(self, namespace: str) -> bool:
        """Whether pods of the node are in a namespace."""
        return namespace in self._labels

    def place(self, policy: Undecoded) -> PolicyUse:
        """Whether a policy is to be taken in; otherwise its text is kept.

        A policy whose selector cannot be read is taken in: decoding it says what is wrong.
        """
        namespace, name = policy.namespace, policy.name
        self.discard_policy(namespace, name)
        selector = _selector(policy)
        labels = self._labels.get(namespace, {}).values()
        if selector is not None and not any(map(selector.matches, labels)):
            self._idle[namespace][name] = _Idle(_shortened(selector), policy)
            return PolicyUse.IDLE
        if not self._fits(policy):
            self._excessive[namespace][name] = policy
            return PolicyUse.EXCESSIVE
        self._sizes[namespace][name] = policy.size
        self._taken_in[namespace] += policy.size
        self._total += policy.size
        return PolicyUse.ACTIVE

    def discard_policy(self, namespace: str, name: str) -> None:
        """Forget a policy."""
        _discard(self._idle, namespace, name)
        _discard(self._excessive, namespace, name)
        size = self._sizes.get(namespace, {}).get(name, 0)
        _discard(self._sizes, namespace, name)
        self._total -= size
        self._taken_in[namespace] -= size
        if not self._taken_in[namespace]:
            del self._taken_in[namespace]

    def fitting(self, namespace: str) -> list[Undecoded]:
        """Excessive policies that are not excessive any more, and not kept as text any more, after a change there.

        If less is taken in than before, policies of other namespaces may fit, too.
        """
        has_more_room = self._total < self._total_when_full
        namespaces = list(self._excessive) if has_more_room else [namespace]
        policies = [
            policy for one in namespaces for policy in self._excessive.get(one, {}).values() if self._fits(policy)
        ]
        if has_more_room or self._total > self._total_when_full:
            self._total_when_full = self._total
        for policy in policies:
            self.discard_policy(policy.namespace, policy.name)
        return policies

    def upsert_pod(self, pod: Pod) -> list[Undecoded]:
        """Note a pod; returns the policies that were idle and may select it, which are not kept as text any more."""
        namespace, name = namespace_of(pod), pod.metadata.name
        labels = pod.metadata.labels or NO_LABELS
        if pod.spec.node_name != self._node or pod.spec.host_network:
            return []
        if self._labels[namespace].get(name) == labels:
            return []  # most updates of a pod do not change its labels
        self._labels[namespace][name] = labels
        selecting = [one.policy for one in self._idle.get(namespace, {}).values() if one.selector.matches(labels)]
        for policy in selecting:
            self.discard_policy(namespace, policy.name)
        return selecting

    def discard_pod(self, namespace: str, name: str) -> None:
        """Forget a pod, if it is one of this node."""
        _discard(self._labels, namespace, name)

    def _fits(self, policy: Undecoded) -> bool:
        taken_in = self._taken_in.get(policy.namespace, 0)
        if taken_in + policy.size <= min(ALWAYS, MOST_BYTES):
            return True
        if taken_in and taken_in + policy.size > MOST_BYTES:
            return False
        return not self._total or self._total + policy.size <= MOST_BYTES_OF_ALL


def _selector(policy: Undecoded) -> Selector | None:
    try:
        subject = policy.decode_subject()
        # A policy of another kind may select pods in other ways.
        return compile_selector(subject.spec.pod_selector) if isinstance(subject, NetworkPolicy) else None
    except (DecodingError, ValueError):
        return None


def _shortened(selector: Selector) -> Selector:
    """A selector of few terms that matches all pods that `selector` matches."""
    return Selector(tuple(islice((term for term in selector.terms if len(term.values) <= _TERMS), _TERMS)))


def _discard(by_namespace: dict[str, dict[str, Kept]], namespace: str, name: str) -> None:
    names = by_namespace.get(namespace, {})
    if names.pop(name, None) is not None and not names:
        del by_namespace[namespace]
