"""New pods: a pod of this node is held until the agent knows all policies that are older than the pod.

Each kind has a watch of its own, and the watch of policies may be behind the watch of pods. Then a new pod would be
opened although an older policy isolates it. So when a pod is first seen, the agent checks (`FreshnessChecks`) whether
it knows everything that the API server has stored by then: the policies of the pod's namespace, and the labels of all
namespaces. Until that is certain, the pod counts as unknown, and its address is held.

A pod is first seen when it is bound to the node. Setting up its network takes longer than the check, so pods do not
wait for it as long as the API server answers and the watches are up to date.
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
"""The kinds of which the agent must know everything before it releases a new pod."""

HasApplied = Callable[[str, float], bool]
"""Whether all changes of a namespace (empty: of objects without one) that arrived until a time are applied."""


class _WaitingPod:
    """A pod that is not released yet."""

    def __init__(self, arrived: float) -> None:
        self.arrived = arrived
        self.unchecked = set(CHECKED_KINDS)
        self.checked_at = 0.0
        """When the last result arrived that the pod waited for."""


class NewPods:
    """The pods of this node, and which of them wait. All times are monotonic seconds."""

    def __init__(self, node: str, request_check: Callable[[str], None] | None) -> None:
        """`request_check` requests a check of one namespace, or of all namespaces (`ALL`). Without it, no pod waits."""
        self._node = node
        self._request_check = request_check
        self._known: dict[Name, str] = {}
        """The UIDs of all pods of this node."""
        self._waiting: dict[Name, _WaitingPod] = {}
        self._began: float | None = None
        self._first_checks = set(CHECKED_KINDS) if request_check else set()
        self._reasons: dict[str, str] = {}

    # --- events -------------------------------------------------------------------------------------------------------

    def note(self, event: Event, arrived: float) -> None:
        """Note the pods of this node, and the results of checks, in an event that arrived at a time."""
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
                # Replaced as a whole, because health probes read it in other threads.
                self._reasons = {**self._reasons, kind: reason}

    def begin(self, now: float) -> None:
        """Request the first check of all namespaces, since the kinds were listed one after the other."""
        if self._began is None and self._request_check:
            self._began = now
            self._request_check(ALL)

    def _note_pod(self, obj: object, arrived: float) -> None:
        if not isinstance(obj, Pod) or obj.spec.node_name != self._node or obj.spec.host_network:
            return
        if self._request_check is None:
            return
        name = namespace, _ = namespace_of(obj), obj.metadata.name
        # A pod with the same name and another UID is a new one, as in a StatefulSet.
        if self._known.get(name) == obj.metadata.uid:
            return
        self._known[name] = obj.metadata.uid
        self._waiting[name] = _WaitingPod(arrived)
        if self._began is not None:
            self._request_check(namespace)

    def _forget(self, name: Name) -> None:
        self._known.pop(name, None)
        self._waiting.pop(name, None)

    def _note_check(self, result: CaughtUp, arrived: float) -> None:
        self._reasons = {kind: reason for kind, reason in self._reasons.items() if kind != result.kind}
        if result.namespace == ALL and self._began is not None and result.asked >= self._began:
            self._first_checks.discard(result.kind)
        for (namespace, _), waiting in self._waiting.items():
            # A check that was asked for before the pod was seen may have missed a policy that is older than the pod.
            if result.namespace in (ALL, namespace) and result.asked >= waiting.arrived:
                waiting.unchecked.discard(result.kind)
                waiting.checked_at = arrived

    # --- results ------------------------------------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether the agent knows everything that the server had stored when all kinds had been listed first."""
        return not self._first_checks

    @property
    def reasons(self) -> str:
        """Why it is not certain that all policies are known: failed checks, or else watches that are behind."""
        return "; ".join(dict.fromkeys(self._reasons.values())) or "a watch is behind the data of the server"

    @property
    def known_pods(self) -> int:
        """How many pods with a network of their own this node has, including those that wait."""
        return len(self._known)

    def __len__(self) -> int:
        """How many pods wait."""
        return len(self._waiting)

    def is_released(self, member: Member) -> bool:
        """Whether a pod of this node does not wait."""
        return (member.namespace, member.name) not in self._waiting

    def release(self, has_applied: HasApplied) -> list[Name]:
        """Release the pods whose policies are all known and applied. Returns their names."""
        released = [
            name
            for name, waiting in self._waiting.items()
            if not waiting.unchecked
            and has_applied(name[0], waiting.checked_at)
            # The labels of namespaces and the cluster policies are changes of objects without a namespace.
            and has_applied("", waiting.checked_at)
        ]
        for name in released:
            del self._waiting[name]
        return released

    def overdue(self, now: float, patience: float) -> list[str]:
        """The pods (`NAMESPACE/NAME`) that have waited for longer than `patience` seconds."""
        waiting = self._waiting.copy()  # health probes ask from other threads
        return [f"{space}/{name}" for (space, name), one in waiting.items() if now - one.arrived > patience]
