"""The subject of a policy, read without its rules, and compared with the labels of single pods.

`engine.policies.selection` evaluates a subject for all pods of a cluster together.
"""

from itertools import islice
from typing import Final

from ringfence.engine.policies import PodSelection, compile_subject
from ringfence.errors import DecodingError
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.kinds import namespace_of
from ringfence.model.metadata import Labels
from ringfence.model.objects import NetworkPolicy
from ringfence.model.selectors import EVERYTHING, Selector, compile_selector_in_steps
from ringfence.sources.cluster import Undecoded
from ringfence.steps import Pace, Steps

_TERMS: Final = 16
"""Terms of a selector, and values of a term, that are kept at most: 25,000 of them would take 12 MB."""


def subject_of(policy: Undecoded) -> Steps[PodSelection | None]:
    """The pods that a policy selects, read in steps; None if its subject cannot be read. Decoding it then says why."""
    try:
        read = policy.decode_subject()
        yield
        if isinstance(read, NetworkPolicy):
            pods = yield from compile_selector_in_steps(read.spec.pod_selector, Pace())
            return PodSelection(pods, namespace=namespace_of(read))
        if isinstance(read, ClusterPolicy) and (read.spec.subject.namespaces or read.spec.subject.pods):
            return (yield from compile_subject(read, Pace()))
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
