"""The subject of a policy, read without its rules, and compared with the labels of single pods.

`engine.policies.selection` evaluates a subject for all pods of a cluster together.
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
"""Terms of a selector, and values of a term, that are kept at most: 25,000 of them would take 12 MB."""


def subject_of(policy: Undecoded) -> PodSelection | None:
    """The pods that a policy selects; None if its subject cannot be read. Decoding the policy then says why."""
    try:
        read = policy.decode_subject()
        if isinstance(read, NetworkPolicy):
            return compile_policy(read).subject
        if isinstance(read, ClusterPolicy) and (read.spec.subject.namespaces or read.spec.subject.pods):
            return compile_cluster_policy(read, lambda nodes: NO_ADDRESSES).subject
    except (DecodingError, ValueError):
        # The caller treats the policy as active. Decoding it then reports the error.
        pass
    return None


def selects(subject: PodSelection, pod: Labels, namespace: Labels) -> bool:
    """Whether a subject selects a pod with labels `pod` in a namespace with labels `namespace`.

    If the subject names a namespace, the caller compares only pods of that namespace.
    """
    return subject.pods.matches(pod) and (subject.namespaces or EVERYTHING).matches(namespace)


def shortened(subject: PodSelection) -> PodSelection:
    """A subject with at most `_TERMS` terms that selects all pods that `subject` selects, and maybe more."""
    namespaces = None if subject.namespaces is None else _shortened(subject.namespaces)
    return PodSelection(_shortened(subject.pods), subject.namespace, namespaces)


def _shortened(selector: Selector) -> Selector:
    # The terms are ANDed, so without some of them a selector selects the same pods and maybe more.
    return Selector(tuple(islice((term for term in selector.terms if len(term.values) <= _TERMS), _TERMS)))
