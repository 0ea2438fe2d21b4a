"""Converts AdminNetworkPolicies and BaselineAdminNetworkPolicies to ClusterNetworkPolicies with the same effect.

The converted policies replace the older ones among the policies of their tier, and `proof` compares what every pod's
side allows before and after. A policy that cannot be converted exactly is refused with its place. Then nothing is
converted, because the priorities of the policies depend on one another.
"""

from collections.abc import Container, Iterator, Sequence
from typing import Any

import msgspec

from ringfence.analysis.conversion.parts import OlderPolicy, PolicyPart, obstacles, parts_of
from ringfence.analysis.conversion.priorities import HIGHEST_PRIORITY, InTier, NoRoom, converted_priorities
from ringfence.analysis.conversion.proof import prove
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.state import State
from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterNetworkPolicy,
    ClusterNetworkPolicySpec,
    PolicyTier,
)
from ringfence.model.cluster_rules import domain_names_of, nodes_of, tier_of
from ringfence.model.metadata import PolicyMeta
from ringfence.model.names import subdomain_errors
from ringfence.model.origin import Place

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""`kubectl apply` keeps the object in this annotation; it would be the older kind, so the converted object omits it."""


class Remark(msgspec.Struct, frozen=True):
    """A note about a conversion, and the place that it refers to."""

    place: Place | None
    message: str

    def __str__(self) -> str:
        return f"{self.place.file_and_line}: {self.message}" if self.place else self.message


class Converted(msgspec.Struct, frozen=True):
    """A policy, and the ClusterNetworkPolicies that take its place, each with one part of the rules."""

    source: CompiledPolicy[Any]
    policies: tuple[ClusterNetworkPolicy, ...]
    parts: tuple[PolicyPart, ...]


class Conversion(msgspec.Struct, frozen=True):
    """All converted policies of a cluster. If one of them cannot be converted, none is, and `refusals` say why.

    `remarks` say what differs from the originals besides their form. `pods` is how many pods the proof is about; a
    template of a workload counts as one.
    """

    converted: tuple[Converted, ...] = ()
    refusals: tuple[Remark, ...] = ()
    remarks: tuple[Remark, ...] = ()
    pods: int = 0

    @property
    def policies(self) -> tuple[ClusterNetworkPolicy, ...]:
        """All ClusterNetworkPolicies, in the order in which their tiers evaluate them."""
        return tuple(policy for one in self.converted for policy in one.policies)


class _Draft(msgspec.Struct, frozen=True):
    """A policy to convert: its parts, and the name of each part."""

    source: CompiledPolicy[Any]
    parts: tuple[PolicyPart, ...]
    names: tuple[str, ...]


def convert(state: State, invalid: Container[str] = ()) -> Conversion:
    """Convert all AdminNetworkPolicies and BaselineAdminNetworkPolicies of a cluster, and prove that nothing changes.

    `invalid` are the objects of problems (`Problem.object`): a policy that a server has stored although it has errors
    is refused, because only its fail-closed meaning is in force. Raises ConversionDefect if the proof fails.
    """
    present = [policy for tier in PolicyTier for policy in state.policies.cluster_policies(tier)]
    older = [one for one in present if isinstance(one.policy, AdminNetworkPolicy | BaselineAdminNetworkPolicy)]
    if refusals := [refusal for one in older for refusal in _refusals(one, invalid)]:
        return Conversion(refusals=tuple(refusals))
    drafts = [_draft(one, older) for one in older]
    # Only ClusterNetworkPolicies: names are unique within a kind, and the older ones are replaced.
    taken = {one.name: one for one in present if isinstance(one.policy, ClusterNetworkPolicy)}
    if refusals := [refusal for draft in drafts for refusal in _name_refusals(draft, taken)]:
        return Conversion(refusals=tuple(refusals))
    converted: list[Converted] = []
    remarks: list[Remark] = []
    for tier in PolicyTier:
        of_tier = [draft for draft in drafts if tier_of(draft.source.policy) is tier]
        try:
            priorities = _priorities(state, tier, of_tier)
        except NoRoom as error:
            return Conversion(refusals=(_no_room(of_tier[error.number]),))
        for draft, priority in zip(of_tier, priorities, strict=True):
            converted.append(_converted(draft, tier, priority))
            remarks += _remarks(draft, priority)
    # The proof runs at every conversion, not only in tests: a wrong conversion would change what a cluster allows.
    prove(state, [one.source.policy for one in converted], [policy for one in converted for policy in one.policies])
    return Conversion(tuple(converted), (), tuple(remarks), sum(1 for _ in state.members()))


# --- names and priorities ---------------------------------------------------------------------------------------------


def _draft(source: CompiledPolicy[Any], older: Sequence[CompiledPolicy[Any]]) -> _Draft:
    """Split a policy into parts. The first part keeps the name of the policy, the others get it with a number.

    A BaselineAdminNetworkPolicy is always called `default`. If an AdminNetworkPolicy is, too, it gets another name.
    """
    parts, first = parts_of(source.policy), source.name
    is_baseline = isinstance(source.policy, BaselineAdminNetworkPolicy)
    if is_baseline and any(one.name == first and one is not source for one in older):
        first = f"{first}-baseline"
    return _Draft(source, tuple(parts), (first, *(f"{first}-{number}" for number in range(2, len(parts) + 1))))


def _refusals(source: CompiledPolicy[Any], invalid: Container[str]) -> Iterator[Remark]:
    """Why a policy cannot be converted exactly."""
    if any(f"{kind} {source.name}" in invalid for kind in (source.kind, source.kind_name)):
        yield _remark(source, "it has errors, so it is not clear what it means: correct them")
        return
    for obstacle in obstacles(source.policy):
        yield _remark(source, obstacle.message, obstacle.path)
    if source.policy.metadata.generate_name:
        yield _remark(source, "it has a generateName: give it a name", "metadata.generateName")


def _name_refusals(draft: _Draft, taken: dict[str, CompiledPolicy[Any]]) -> Iterator[Remark]:
    """Why the parts of a policy cannot get their names."""
    source = draft.source
    for name in draft.names:
        if name in taken:
            other = taken[name]
            where = f" ({other.origin.at()})" if other.origin else ""
            message = f"there is a ClusterNetworkPolicy {name} already{where}: rename one of them, or remove one"
            yield _remark(source, message, "metadata.name")
        elif subdomain_errors(name):
            message = f"a part of it would be called {name}, which is too long: give it a shorter name"
            yield _remark(source, message, "metadata.name")


def _priorities(state: State, tier: PolicyTier, drafts: Sequence[_Draft]) -> list[int]:
    """The priority of the first part of each policy; those of the others follow. Raises NoRoom."""
    parts = {id(draft.source): len(draft.parts) for draft in drafts}
    in_order = state.policies.cluster_policies(tier)
    if len(in_order) == 1 and isinstance(in_order[0].policy, BaselineAdminNetworkPolicy):
        # It has no priority of its own. The last priority leaves all others free for exceptions that are added later.
        return [HIGHEST_PRIORITY + 1 - len(drafts[0].parts)]
    return converted_priorities([InTier(one.priority, parts.get(id(one))) for one in in_order])


def _no_room(draft: _Draft) -> Remark:
    count = len(draft.parts)
    message = (
        f"it needs {count} {'priorities' if count > 1 else 'priority'} of its own, and the policies around it leave "
        "too few from 0 to 1000: change the priorities of the ClusterNetworkPolicies in its tier"
    )
    return _remark(draft.source, message, "spec.priority")


# --- policies ---------------------------------------------------------------------------------------------------------


def _converted(draft: _Draft, tier: PolicyTier, priority: int) -> Converted:
    policies = tuple(
        _policy(draft.source.policy, part, name, tier, priority + number)
        for number, (part, name) in enumerate(zip(draft.parts, draft.names, strict=True))
    )
    return Converted(draft.source, policies, draft.parts)


def _policy(source: OlderPolicy, part: PolicyPart, name: str, tier: PolicyTier, priority: int) -> ClusterNetworkPolicy:
    annotations = {key: value for key, value in (source.metadata.annotations or {}).items() if key != _LAST_APPLIED}
    metadata = PolicyMeta(name, labels=source.metadata.labels, annotations=annotations or None)
    ingress = tuple(one.rule for one in part.ingress if isinstance(one.rule, ClusterIngressRule))
    egress = tuple(one.rule for one in part.egress if isinstance(one.rule, ClusterEgressRule))
    spec = ClusterNetworkPolicySpec(tier.value, priority, source.spec.subject, ingress, egress)
    return ClusterNetworkPolicy(metadata, spec)


# --- remarks ----------------------------------------------------------------------------------------------------------


def _remarks(draft: _Draft, priority: int) -> Iterator[Remark]:
    source, count = draft.source, len(draft.parts)
    if draft.names[0] != source.name:
        yield _remark(source, f"it is called {draft.names[0]}: an AdminNetworkPolicy {source.name} is converted, too")
    if isinstance(source.policy, BaselineAdminNetworkPolicy):
        yield _remark(source, f"it gets priority {priority} of the Baseline tier: it had none")
    elif priority != source.priority:
        yield _remark(
            source, f"it gets priority {priority} instead of {source.priority}, so that the order of policies stays"
        )
    if count > 1:
        to = "and" if count == 2 else "to"
        names = f"{count} policies, {draft.names[0]} {to} {draft.names[-1]}"
        priorities = f"with the priorities {priority} {to} {priority + count - 1}"
        yield _remark(source, f"it has more rules than one policy may have: it becomes {names}, {priorities}")
    if fields := sorted(_experimental(source.policy)):
        yield _remark(source, f"only the experimental channel of ClusterNetworkPolicy has {' and '.join(fields)}")


def _experimental(policy: OlderPolicy) -> set[str]:
    """The fields that only the experimental definition of ClusterNetworkPolicy has."""
    peers = [peer for rule in policy.spec.egress for peer in rule.peers]
    nodes = {"nodes"} if any(nodes_of(peer) is not None for peer in peers) else set()
    return nodes | ({"domainNames"} if any(map(domain_names_of, peers)) else set())


def _remark(source: CompiledPolicy[Any], message: str, path: str = "") -> Remark:
    name = f"{source.kind_name} {source.name}"
    return Remark(source.origin.at(path) if source.origin else None, f"{name}: {message}")
