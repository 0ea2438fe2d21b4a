"""Whom a policy selects, by labels: read without its rules, and compared with the pods of a node one by one.

`engine.policies.selection` answers the same for all pods of a cluster at once.
"""

from itertools import islice
from typing import Final

from ringfence.engine.policies import PodSelection, compile_cluster_policy, compile_policy
from ringfence.errors import DecodingError
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.metadata import Labels
from ringfence.model.objects import NetworkPolicy
from ringfence.model.selectors import EVERYTHING, Selector
from ringfence.sets.addresses import NO_ADDRESSES
from ringfence.sources.cluster import Undecoded

_TERMS: Final = 16
"""So many terms of a selector, and so many values of a term, are kept at most: 25,000 of them would take 12 MB."""


def subject_of(policy: Undecoded) -> PodSelection | None:
    """The pods that a policy selects; None if that cannot be read."""
    try:
        read = policy.decode_subject()
        if isinstance(read, NetworkPolicy):
            return compile_policy(read).subject
        if isinstance(read, ClusterPolicy) and (read.spec.subject.namespaces or read.spec.subject.pods):
            return compile_cluster_policy(read, lambda nodes: NO_ADDRESSES).subject
    except (DecodingError, ValueError):
        pass
    return None


def selects(subject: PodSelection, pod: Labels, namespace: Labels) -> bool:
    """Whether a subject selects a pod with these labels in a namespace with these.

    A namespace that the subject names has to be that of the pod.
    """
    return subject.pods.matches(pod) and (subject.namespaces or EVERYTHING).matches(namespace)


def shortened(subject: PodSelection) -> PodSelection:
    """A subject of few terms that selects all pods that `subject` selects."""
    namespaces = None if subject.namespaces is None else _shortened(subject.namespaces)
    return PodSelection(_shortened(subject.pods), subject.namespace, namespaces)


def _shortened(selector: Selector) -> Selector:
    return Selector(tuple(islice((term for term in selector.terms if len(term.values) <= _TERMS), _TERMS)))
