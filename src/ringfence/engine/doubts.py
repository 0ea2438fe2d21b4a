"""Doubts: which pods are selected by a policy that is not read, so that answers about them may be wrong.

Selectors are compared with the labels of single pods, when a question is asked. They do not divide pods into
identities: a policy that is not read changes no verdict, and costs no time unless a question is asked.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import chain

from ringfence.engine.policies import End
from ringfence.engine.population import NAME_LABEL, Member, Namespaces
from ringfence.model.policies import Direction
from ringfence.model.selectors import Selector
from ringfence.model.unread_policies import Doubt, UnreadPolicy, UnreadSubjects

_Key = tuple[str, str, str]


class Doubts:
    """The policies that are not read, and the pods that they may affect."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
        self._by_scope: defaultdict[str, dict[_Key, UnreadPolicy]] = defaultdict(dict)

    def __bool__(self) -> bool:
        return any(self._by_scope.values())

    def __iter__(self) -> Iterator[UnreadPolicy]:
        return chain.from_iterable(policies.values() for policies in self._by_scope.values())

    def upsert(self, policy: UnreadPolicy) -> None:
        """Add a policy, or replace the one of its kind and name."""
        # Several objects may have one `generateName`. It ends with a hyphen, which no name does.
        name = f"{policy.name}{policy.place}" if policy.name.endswith("-") else policy.name
        key = (policy.kind, policy.namespace, name)
        # The new version may select in another scope than the old one.
        self.remove(*key)
        self._by_scope[_scope(policy)][key] = policy

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Remove a policy, if it is there."""
        for policies in self._by_scope.values():
            policies.pop((kind, namespace, name), None)

    def about(self, subject: Member, direction: Direction, peer: End) -> Iterator[UnreadPolicy]:
        """The policies that may change which connections `subject` may open to `peer`, or accept from it."""
        is_outside = not isinstance(peer, Member) or peer.host_network
        for policy in self.selecting(subject, direction):
            if is_outside or not policy.only_outside:
                yield policy

    def selecting(self, subject: Member, direction: Direction) -> Iterator[UnreadPolicy]:
        """The policies that may select a pod and affect a direction."""
        for scope in ("", subject.namespace):
            for policy in self._by_scope.get(scope, {}).values():
                if self._may_concern(policy, direction, subject):
                    yield policy

    def selecting_any(self, subjects: Collection[Member]) -> Iterator[tuple[UnreadPolicy, Direction]]:
        """The policies that may select any of some pods, with each direction that they affect."""
        for policy in self:
            for direction in policy.directions():
                if any(self._may_concern(policy, direction, subject) for subject in subjects):
                    yield policy, direction

    def _may_concern(self, policy: UnreadPolicy, direction: Direction, pod: Member) -> bool:
        return any(self._may_select(subjects, pod) for subjects in policy.bounds.subjects.get(direction, ()))

    def _may_select(self, subjects: UnreadSubjects, pod: Member) -> bool:
        return (
            subjects.namespace in (None, pod.namespace)
            and subjects.host_network in (None, pod.host_network)
            and pod.may_match(subjects.pods)
            and self._may_match(subjects.namespaces, pod.namespace)
        )

    def _may_match(self, selector: Selector, namespace: str) -> bool:
        """Whether a selector matches a namespace, or could: without a Namespace object only its name is known."""
        if self._namespaces.is_defined(namespace):
            return selector.matches(self._namespaces.labels(namespace))
        about_name = tuple(term for term in selector.terms if term.key == NAME_LABEL)
        return Selector(about_name).matches({NAME_LABEL: namespace})


def doubt_text(policy: UnreadPolicy, direction: Direction, *, with_place: bool = True) -> str:
    """The text of the assumption that an answer makes because the policy is not read, with the policy's place."""
    whom = "the pods that it selects"
    if policy.doubt is Doubt.SELECTION_UNKNOWN:
        whom = f"any pod in namespace {policy.namespace}" if policy.namespace else "any pod"
    if not policy.name:
        unlisted = f"policies of kind {policy.kind} ({policy.place}) cannot be listed"
        return f"{unlisted}: they may change the {direction.field} of {whom}"
    named = f"{policy} ({policy.place})" if with_place else str(policy)
    return f"{named} is not read: it may change the {direction.field} of {whom}"


def _scope(policy: UnreadPolicy) -> str:
    """The only namespace in which it selects pods; empty if it is not limited to one."""
    namespaces = {one.namespace for subjects in policy.bounds.subjects.values() for one in subjects}
    (only,) = namespaces if len(namespaces) == 1 else (None,)
    return only or ""
