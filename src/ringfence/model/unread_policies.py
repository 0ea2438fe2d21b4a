"""Policies of other projects, which ringfence recognises and does not read: what bounds the doubt about their effect.

Such a policy may allow or deny what NetworkPolicies do not, so an answer about a pod that it selects is in doubt, in
the directions that it is about. Its selectors and directions are read, and nothing else; answers about other pods stay
certain. What is read here selects at least the pods that the policy selects, never fewer.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, Selector


class Doubt(StrEnum):
    """How much is known of a policy that is not read."""

    EFFECT_UNKNOWN = "effect unknown"
    """Its subjects are known: those pods are in doubt, in its directions."""
    SELECTION_UNKNOWN = "selection unknown"
    """It may select any pod of its scope."""
    INERT = "inert"
    """It cannot change what is allowed between pods, like a staged policy or one without rules."""


class UnreadSubjects(msgspec.Struct, frozen=True):
    """Pods that a policy selects: by their labels, and by their namespace or its labels.

    `host_network` says whether these are pods with a network of their own or those that use their node's; None means
    both.
    """

    pods: Selector = EVERYTHING
    namespace: str | None = None
    namespaces: Selector = EVERYTHING
    host_network: bool | None = False


BoundsByDirection = Mapping[Direction, tuple[UnreadSubjects, ...]]
"""The subjects of a policy, by the direction in which it may change what passes."""


class UnreadBounds(msgspec.Struct, frozen=True):
    """What bounds the doubt about a policy: its subjects by direction, and whether they come from its selectors."""

    subjects: BoundsByDirection = {}
    is_selection_known: bool = True


class UnreadPolicy(msgspec.Struct, frozen=True):
    """A policy that is not read: `kind` with the group, `CiliumNetworkPolicy.cilium.io`, and the doubt.

    `namespace` is empty for a policy of the whole cluster. Without a `name` it stands for all policies of the kind.
    `only_denies` and `only_outside` are as in `UnreadKind`. `digest` is that of its content, so that two policies can
    be compared although neither is read; what a server adds to a policy is not part of it.
    """

    kind: str
    namespace: str
    name: str
    place: Place
    bounds: UnreadBounds
    only_denies: bool = False
    only_outside: bool = False
    digest: str = ""

    @property
    def doubt(self) -> Doubt:
        """How much is known of it."""
        if not any(self.bounds.subjects.values()):
            return Doubt.INERT
        return Doubt.EFFECT_UNKNOWN if self.bounds.is_selection_known else Doubt.SELECTION_UNKNOWN

    def directions(self) -> Iterator[Direction]:
        """The directions in which it may change what passes."""
        return (direction for direction in Direction if self.bounds.subjects.get(direction))

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {path}"
