"""Isolation: the policies that select each workload for each direction, so that only what their rules allow is allowed.

A pod that no NetworkPolicy selects for a direction is not isolated in it: everything is allowed, unless a policy of the
administrators denies it. Policies of administrators do not isolate, so they are listed separately, with the actions of
their rules. Sources: Kubernetes documentation, "Network Policies", "The two sorts of pod isolation";
network-policy-api, "Evaluation order".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ringfence.analysis.endpoints import Endpoint
from ringfence.engine.answers import AssumedLabel
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Action, CompiledPolicy, CompiledRule, Profile
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.origin import Place
from ringfence.model.policies import Direction


class NamedPolicy(msgspec.Struct, frozen=True, cache_hash=True):
    """A policy by its kind and name, and its place; a cluster-scoped policy has an empty `namespace`."""

    namespace: str
    name: str
    place: Place | None = None
    kind: str = "NetworkPolicy"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class TierPolicy(msgspec.Struct, frozen=True, cache_hash=True):
    """A policy of the administrators that selects a workload for a direction, with the actions of its rules, in order.

    Each action applies to some peers and some traffic, which are not listed here.
    """

    policy: NamedPolicy
    tier: str
    priority: int
    actions: tuple[Action, ...]


class Isolated(msgspec.Struct, frozen=True):
    """The policies that isolate a workload, or a pod, for ingress and for egress: without any, everything is allowed.

    `ingress_tiers` and `egress_tiers` are the policies of the administrators that select it, by tier and priority. If
    it is isolated, the Baseline tier has no effect. `exempt` says why no policy selects it.
    """

    reference: Reference
    ingress: tuple[NamedPolicy, ...]
    egress: tuple[NamedPolicy, ...]
    exempt: str = ""
    ingress_tiers: tuple[TierPolicy, ...] = ()
    egress_tiers: tuple[TierPolicy, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is not isolated in some direction."""
        return not (self.ingress and self.egress)

    def __str__(self) -> str:
        ingress = _names(self.ingress) + _tiers_text(self.ingress_tiers)
        egress = _names(self.egress) + _tiers_text(self.egress_tiers)
        return f"{self.reference}: ingress: {ingress}; egress: {egress}"


class IsolationList(msgspec.Struct, frozen=True):
    """Workloads and pods in alphabetical order with the policies that isolate them, and policies without pods."""

    rows: tuple[Isolated, ...]
    idle: tuple[NamedPolicy, ...] = ()
    assumptions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows))


def isolation(state: State, *, namespace: str | None = None) -> IsolationList:
    """The isolation of all workloads of a namespace, or of all, and the policies that select no pod."""
    members = list(state.members() if namespace is None else state.members_in(namespace))
    idle = (
        _named(policy)
        for policy in state.tiers.policies()
        if namespace in (None, policy.namespace) and not state.selects_pods(policy.subject)
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
    with state.supposing_pods(members, {name: one for endpoint in endpoints for name, one in endpoint.spaces.items()}):
        return IsolationList(_rows(state, members), (), _assumptions(state, members))


def _rows(state: State, members: Iterable[Member]) -> tuple[Isolated, ...]:
    """A row for each workload whose pods all have the same isolation, otherwise for each of its pods."""
    of_workloads: defaultdict[Reference, list[Isolated]] = defaultdict(list)
    selecting = _Selecting(state)
    for member in members:
        of_workloads[state.workload(member)].append(_isolated(selecting, member))
    rows: list[Isolated] = []
    for reference, pods in of_workloads.items():
        # With the name of the workload in place of their own, equal pods are equal values.
        together = {msgspec.structs.replace(pod, reference=reference) for pod in pods}
        rows += together if len(together) == 1 else pods
    return tuple(sorted(rows, key=lambda row: str(row.reference)))


def _isolated(selecting: "_Selecting", member: Member) -> Isolated:
    exempt = "it uses its node's network, and policies do not apply to it" if member.host_network else ""
    ingress, ingress_tiers = selecting.policies(member, Direction.INGRESS)
    egress, egress_tiers = selecting.policies(member, Direction.EGRESS)
    return Isolated(member.reference, ingress, egress, exempt, ingress_tiers, egress_tiers)


class _Selecting:
    """Finds the policies that select pods; pods that the same policies select share the result."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._isolating: dict[Profile, tuple[NamedPolicy, ...]] = {}
        self._in_tiers: dict[Profile, tuple[TierPolicy, ...]] = {}

    def policies(self, member: Member, direction: Direction) -> tuple[tuple[NamedPolicy, ...], tuple[TierPolicy, ...]]:
        """The policies that isolate a pod for a direction, and those of the administrators that select it."""
        isolating: tuple[NamedPolicy, ...] = ()
        in_tiers: tuple[TierPolicy, ...] = ()
        for profile in self._state.tiers.profiles(self._state.identity(member), direction):
            # What isolates a pod is that everything else is denied. Only the tier of NetworkPolicies has that.
            if profile.otherwise is Action.DENY:
                isolating += self._isolating.get(profile) or self._isolating.setdefault(profile, _isolating(profile))
            else:
                in_tiers += self._in_tiers.get(profile) or self._in_tiers.setdefault(profile, _in_tier(profile))
        return isolating, in_tiers


def _isolating(profile: Profile) -> tuple[NamedPolicy, ...]:
    return tuple(map(_named, profile.policies))


def _in_tier(profile: Profile) -> tuple[TierPolicy, ...]:
    return tuple(
        TierPolicy(_named(policy), profile.tier, policy.priority, _actions(policy.rules[profile.direction]))
        for policy in profile.policies
    )


def _actions(rules: Iterable[CompiledRule]) -> tuple[Action, ...]:
    return tuple(dict.fromkeys(rule.action for rule in rules))


def _named(policy: CompiledPolicy[Any]) -> NamedPolicy:
    place = policy.origin.at() if policy.origin else None
    return NamedPolicy(policy.namespace, policy.name, place, policy.kind_name)


def _assumptions(state: State, members: list[Member]) -> tuple[str, ...]:
    doubts = (doubt_text(policy, direction) for policy, direction in state.doubts.selecting_any(members))
    return (*doubts, *label_assumptions(state, members))


def label_assumptions(state: State, members: list[Member]) -> Iterator[str]:
    """Sentences about labels with an unknown value by which policies of their namespace select pods."""
    for member in members:
        if not member.unknown_labels:
            continue
        terms = [term for policy in state.tiers.policies_in(member.namespace) for term in policy.subject.pods.terms]
        for label in member.unknown_labels:
            named = {value for term in terms if term.key == label.key for value in term.values}
            # A label that no selector asks about cannot change which policies select the pod.
            if values := sorted(filter(label.may_be, named)):
                yield str(AssumedLabel(member, label, tuple(values)))


def _names(policies: Iterable[NamedPolicy]) -> str:
    return ", ".join(map(str, policies)) or "not isolated"


def _tiers_text(policies: Iterable[TierPolicy]) -> str:
    return "".join(
        f", {one.tier} {one.policy} ({', '.join(action.value for action in one.actions)})" for one in policies
    )
