"""Newcomers: pods of this node of which it is not certain yet that all policies are known that are older than they.

Each kind has a watch of its own, and the watch of policies may be behind that of pods: then a new pod would be opened
although a policy isolates it that was there before it. So when a pod is first seen, it is checked (`FreshnessChecks`)
whether everything is known that the server has stored by then: the policies of its namespace, and the labels of all
namespaces. Until that is certain, the pod counts as unknown, and its address is held.

A pod is first seen when it is bound to the node. Its network takes longer than the check, so that no pod waits for it
while everything is in order.
"""

from collections.abc import Callable
from typing import Final

from ringfence.agent.view import FOLLOWED, Name
from ringfence.engine.population import Member
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import Pod
from ringfence.sources.cluster import ALL, CaughtUp, Event, Listed, Page, Removed, Unchecked, Upserted

CHECKED_KINDS: Final = frozenset(
    resource.kind for resource in FOLLOWED if resource.row.is_policy or resource.kind == "Namespace"
)
"""The kinds of which everything must be known before a new pod is released."""

HasTakenIn = Callable[[str, float], bool]
"""Whether everything of a namespace (empty: what is in none) that arrived until then was taken in."""


class _Newcomer:
    """A pod that waits."""

    def __init__(self, arrived: float) -> None:
        self.arrived = arrived
        self.unchecked = set(CHECKED_KINDS)
        self.checked_at = 0.0
        """When the last result arrived that it waited for."""


class Newcomers:
    """The pods of a node that wait. All times are monotonic seconds."""

    def __init__(self, node: str, request_check: Callable[[str], None] | None) -> None:
        """`request_check` requests a check of one namespace, or of all (`ALL`). Without it, no pod waits."""
        self._node = node
        self._request_check = request_check
        self._known: dict[Name, str] = {}
        """The UIDs of all pods of this node."""
        self._waiting: dict[Name, _Newcomer] = {}
        self._began: float | None = None
        self._first_checks = set(CHECKED_KINDS) if request_check else set()
        self._reasons: dict[str, str] = {}

    # --- events -------------------------------------------------------------------------------------------------------

    def note(self, event: Event, arrived: float) -> None:
        """Note what an event says about the pods of this node, and how much is known."""
        match event:
            case Page(kind="Pod", objects=objects):
                for obj in objects:
                    self._note_pod(obj, arrived)
            case Upserted(object=obj):
                self._note_pod(obj, arrived)
            case Removed(kind="Pod", namespace=namespace, name=name):
                self._forget((namespace, name))
            case Listed(kind="Pod", names=names):
                for one in self._known.keys() - names:
                    self._forget(one)
            case CaughtUp():
                self._note_check(event, arrived)
            case Unchecked(kind=kind, reason=reason):
                self._reasons = {**self._reasons, kind: reason}

    def begin(self, now: float) -> None:
        """Check everything for the first time: every kind was listed, each at a time of its own."""
        if self._began is None and self._request_check:
            self._began = now
            self._request_check(ALL)

    def _note_pod(self, obj: object, arrived: float) -> None:
        if not isinstance(obj, Pod) or obj.spec.node_name != self._node or obj.spec.host_network:
            return
        if self._request_check is None:
            return
        name = namespace, _ = namespace_of(obj), obj.metadata.name
        if self._known.get(name) == obj.metadata.uid:
            return
        self._known[name] = obj.metadata.uid
        self._waiting[name] = _Newcomer(arrived)
        if self._began is not None:
            self._request_check(namespace)

    def _forget(self, name: Name) -> None:
        self._known.pop(name, None)
        self._waiting.pop(name, None)

    def _note_check(self, result: CaughtUp, arrived: float) -> None:
        self._reasons = {kind: reason for kind, reason in self._reasons.items() if kind != result.kind}
        if result.namespace == ALL and self._began is not None and result.asked >= self._began:
            self._first_checks.discard(result.kind)
        for (namespace, _), newcomer in self._waiting.items():
            if result.namespace in (ALL, namespace) and result.asked >= newcomer.arrived:
                newcomer.unchecked.discard(result.kind)
                newcomer.checked_at = arrived

    # --- results ------------------------------------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether everything is known that the server had stored when all kinds were listed for the first time."""
        return not self._first_checks

    @property
    def reasons(self) -> str:
        """Why it is not certain: checks that failed, or, if none did, watches that are behind."""
        return "; ".join(dict.fromkeys(self._reasons.values())) or "a watch is behind the data of the server"

    @property
    def known_pods(self) -> int:
        """How many pods of this node there are that have a network of their own, whether they wait or not."""
        return len(self._known)

    def __len__(self) -> int:
        """How many pods wait."""
        return len(self._waiting)

    def is_released(self, member: Member) -> bool:
        """Whether a pod of this node does not wait."""
        return (member.namespace, member.name) not in self._waiting

    def release(self, has_taken_in: HasTakenIn) -> list[Name]:
        """Release the pods of which all policies are known and taken in; their names."""
        released = [
            name
            for name, newcomer in self._waiting.items()
            if not newcomer.unchecked
            and has_taken_in(name[0], newcomer.checked_at)
            and has_taken_in("", newcomer.checked_at)
        ]
        for name in released:
            del self._waiting[name]
        return released

    def overdue(self, now: float, patience: float) -> list[str]:
        """The pods that have waited for longer than `patience` seconds."""
        waiting = self._waiting.copy()  # health probes ask from other threads
        return [f"{space}/{name}" for (space, name), one in waiting.items() if now - one.arrived > patience]
