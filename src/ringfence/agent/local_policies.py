"""Which policies select pods of this node. All others are kept as text, and nothing but their selector is decoded.

A cluster has many policies and a node has few pods. A policy that selects none of them changes nothing on the node, so
it must not cost the node what its rules would cost: whoever may create policies can create large ones.
"""

from collections import defaultdict
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from ringfence.errors import DecodingError
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import NO_LABELS, Labels, NetworkPolicy, Pod
from ringfence.model.selectors import Selector, compile_selector
from ringfence.sources.cluster import Undecoded

_TERMS: Final = 16
"""So many terms of a selector, and so many values of a term, are kept at most: 25,000 of them would take 12 MB."""


Kept = TypeVar("Kept")


class _Idle(NamedTuple):
    """A policy that selects no pod of this node. It selects at most the pods that `selector` matches."""

    selector: Selector
    policy: Undecoded


class LocalPolicies:
    """The labels of a node's pods, and the policies that select none of these pods."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._labels: defaultdict[str, dict[str, Labels]] = defaultdict(dict)
        self._idle: defaultdict[str, dict[str, _Idle]] = defaultdict(dict)

    def keep_if_idle(self, policy: Undecoded) -> bool:
        """Whether a policy selects no pod of this node; then its text is kept.

        One of which the selector cannot be read is not idle: whoever decodes it says what is wrong.
        """
        self.discard_policy(policy.namespace, policy.name)
        selector = _selector(policy)
        if selector is None or any(map(selector.matches, self._labels.get(policy.namespace, {}).values())):
            return False
        self._idle[policy.namespace][policy.name] = _Idle(_shortened(selector), policy)
        return True

    def discard_policy(self, namespace: str, name: str) -> None:
        """Forget a policy, if it is kept."""
        _discard(self._idle, namespace, name)

    def upsert_pod(self, pod: Pod) -> list[Undecoded]:
        """Note a pod; returns the policies that were kept and may select it, which are not kept any more."""
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
