"""Isolation: which policies select each workload in each direction, so that nothing passes but what their rules allow.

A pod that no policy selects for a direction is not isolated in it: everything is allowed. Source: Kubernetes
documentation, "Network Policies", "The two sorts of pod isolation".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import unknown_label_text
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Action, CompiledPolicy
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.origin import Place
from ringfence.model.policies import Direction


class NamedPolicy(msgspec.Struct, frozen=True):
    """A policy by its name, and where it is written."""

    namespace: str
    name: str
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Isolated(msgspec.Struct, frozen=True):
    """The policies that isolate a workload, or a pod, for ingress and for egress: without any, everything is allowed.

    `exempt` says why no policy can isolate it.
    """

    reference: Reference
    ingress: tuple[NamedPolicy, ...]
    egress: tuple[NamedPolicy, ...]
    exempt: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not isolated in some direction."""
        return not (self.ingress and self.egress)

    def __str__(self) -> str:
        return f"{self.reference}: ingress: {_names(self.ingress)}; egress: {_names(self.egress)}"


class IsolationList(msgspec.Struct, frozen=True):
    """Workloads and pods with what isolates them, in alphabetical order, and the policies that select nobody."""

    rows: tuple[Isolated, ...]
    idle: tuple[NamedPolicy, ...] = ()
    assumptions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows))


def isolation(state: State, *, namespace: str | None = None) -> IsolationList:
    """The isolation of everything that runs in a namespace, or in all, and its policies that select nobody."""
    members = list(state.members() if namespace is None else state.members_in(namespace))
    idle = (
        _named(policy)
        for policy in state.tiers.policies()
        if namespace in (None, policy.namespace) and not state.selects_pods(policy)
    )
    return IsolationList(_rows(state, members), tuple(idle), _assumptions(state, members))


def isolation_of(state: State, endpoints: Sequence[Endpoint]) -> IsolationList:
    """The isolation of the pods of endpoints. Raises EndpointError for one that leads outside the cluster."""
    members = []
    for endpoint in endpoints:
        for end in endpoint.ends:
            if not isinstance(end, Member):
                raise EndpointError(f"{endpoint.text} is outside the cluster: only pods can be isolated")
            members.append(end)
    with state.supposing_pods(members):
        return IsolationList(_rows(state, members), (), _assumptions(state, members))


def _rows(state: State, members: Iterable[Member]) -> tuple[Isolated, ...]:
    """A row for each workload whose pods are all isolated alike, otherwise for each of its pods."""
    of_workloads: defaultdict[Reference, list[Isolated]] = defaultdict(list)
    for member in members:
        of_workloads[state.workload(member)].append(_isolated(state, member))
    rows: list[Isolated] = []
    for reference, pods in of_workloads.items():
        together = {msgspec.structs.replace(pod, reference=reference) for pod in pods}
        rows += together if len(together) == 1 else pods
    return tuple(sorted(rows, key=lambda row: str(row.reference)))


def _isolated(state: State, member: Member) -> Isolated:
    exempt = "it uses its node's network, and policies do not apply to it" if member.host_network else ""
    ingress, egress = (_isolating(state, member, direction) for direction in (Direction.INGRESS, Direction.EGRESS))
    return Isolated(member.reference, ingress, egress, exempt)


def _isolating(state: State, member: Member, direction: Direction) -> tuple[NamedPolicy, ...]:
    stack = state.tiers.stack(state.identity(member), direction)
    isolating = (profile for profile in stack if profile.otherwise is Action.DENY)
    return tuple(_named(policy) for profile in isolating for policy in profile.policies)


def _named(policy: CompiledPolicy[Any]) -> NamedPolicy:
    return NamedPolicy(policy.namespace, policy.name, policy.origin.at() if policy.origin else None)


def _assumptions(state: State, members: list[Member]) -> tuple[str, ...]:
    doubts = (doubt_text(policy, direction) for policy, direction in state.doubts.selecting_any(members))
    return (*doubts, *_label_assumptions(state, members))


def _label_assumptions(state: State, members: list[Member]) -> Iterator[str]:
    """The labels with an unknown value by which policies of their namespace select pods."""
    for member in members:
        terms = [term for policy in state.tiers.policies_in(member.namespace) for term in policy.subject.pods.terms]
        for label in member.unknown_labels:
            named = {value for term in terms if term.key == label.key for value in term.values}
            if values := sorted(filter(label.may_be, named)):
                yield unknown_label_text(member, label, values)


def _names(policies: Iterable[NamedPolicy]) -> str:
    return ", ".join(map(str, policies)) or "not isolated"
