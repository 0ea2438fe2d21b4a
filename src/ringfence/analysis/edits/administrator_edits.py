"""The deciding rules of administrators, and edits of administrators' policies that reverse them.

A rule of the Admin tier that accepts or denies is final: NetworkPolicies have no effect on it. Any NetworkPolicy that
isolates the subject overrides the Baseline tier, so for that tier edits of NetworkPolicies are tried first.

An edit adds one rule before the deciding one: in the same policy, or in a new policy that selects this subject only.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from ringfence.analysis.edits.edited_policies import Edit, in_namespace, selectors_for
from ringfence.engine.answers import End, PolicyReason, RuleReason, SideReason
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.cluster_policies import (
    AdminEgressRule,
    AdminIngressRule,
    AwsClusterNetworkPolicy,
    AwsDestination,
    AwsEgressRule,
    BaselineAdminNetworkPolicy,
    BaselineDestination,
    BaselineEgressRule,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterNetworkPolicy,
    ClusterPolicy,
    ClusterPolicyRule,
    ClusterPolicySubject,
    Destination,
    NamespacedPods,
    PolicyTier,
    WorkloadPeer,
)
from ringfence.model.cluster_rules import cluster_rules_of, port_entry, protocol_entry
from ringfence.model.documents import document, plain
from ringfence.model.metadata import LabelSelector, PolicyMeta
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.model.yaml_text import yaml_lines
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic

_replace = msgspec.structs.replace
E = TypeVar("E")


RuleKey = tuple[str, str, Direction, int]
"""The kind and name of a policy, a direction, and the number of a rule."""


class AdministratorRule(msgspec.Struct, frozen=True):
    """A rule of the administrators that decides about one side of a question, that of `subject`."""

    direction: Direction
    subject: End
    policy: PolicyReason
    rule: RuleReason

    @property
    def key(self) -> RuleKey:
        """A key that identifies the rule."""
        return self.policy.policy.kind, self.policy.policy.name, self.direction, self.rule.index

    @property
    def place(self) -> Place | None:
        """Where the rule is written."""
        return self.rule.place


def administrator_rules(side: SideReason, asked: Traffic | None, action: Action) -> Iterator[AdministratorRule]:
    """The administrators' rules that allow, or deny, some of the asked traffic on a side, in evaluation order."""
    undecided = ALL_TRAFFIC if asked is None else asked
    for policy in side.policies:
        if policy.tier == NETWORK_POLICY_TIER:
            return  # it isolates the subject, so it decides about all remaining traffic
        for rule in policy.rules:
            meant = undecided & rule.traffic if rule.selects else None
            if meant:
                if rule.action is action:
                    yield AdministratorRule(side.direction, side.subject, policy, rule)
                # A rule that matches only some of the addresses leaves its traffic to later rules.
                if not any(peer.partial for peer in rule.peers):
                    undecided -= meant


def denying_rules(side: SideReason) -> Iterator[AdministratorRule]:
    """The rules of the Baseline tier that deny anything to a subject that no NetworkPolicy isolates."""
    if not side.isolated:
        for policy in (one for one in side.policies if one.tier == PolicyTier.BASELINE):
            for rule in policy.rules:
                if rule.action is Action.DENY:
                    yield AdministratorRule(side.direction, side.subject, policy, rule)


def is_final(ruling: AdministratorRule) -> bool:
    """Whether no NetworkPolicy can change what a rule decides."""
    return ruling.policy.tier == PolicyTier.ADMIN


def administrator_edits(
    state: State, side: SideReason, asked: Traffic | None, ruling: AdministratorRule, name: str
) -> Iterator[Edit]:
    """Candidates that may reverse a ruling, the narrowest first; `name` is a free name for a new policy."""
    action = Action.ALLOW if ruling.rule.action is Action.DENY else Action.DENY
    traffic = None if asked is None or asked == ALL_TRAFFIC else asked
    policy: ClusterPolicy = ruling.policy.policy.policy
    every_peers = list(_peers_for(side.peer, policy, side.direction))
    priority = _free_priority_before(state, ruling)
    if isinstance(side.subject, Member) and priority is not None:
        # The last entry has all suitable labels, and so selects the fewest other pods.
        for labels in reversed(selectors_for(side.subject)):
            for peer in every_peers:
                rule = _rule(policy, side.direction, action, peer, traffic)
                yield _own_policy(ruling, side.subject, labels, rule, (name, priority))
    for peer in every_peers:
        yield _insertion(ruling, _rule(policy, side.direction, action, peer, traffic))


# --- edits ------------------------------------------------------------------------------------------------------------


def _own_policy(
    ruling: AdministratorRule, subject: Member, labels: dict[str, str], rule: ClusterPolicyRule, named: tuple[str, int]
) -> Edit:
    decided = ruling.policy.policy
    pods = NamespacedPods(in_namespace(subject.namespace), LabelSelector(labels))
    name, priority = named
    policy = _with_rules(_without_rules(decided.policy), ruling.direction, (rule,))
    spec = _replace(policy.spec, priority=priority, subject=ClusterPolicySubject(pods=pods))
    policy = _replace(policy, metadata=PolicyMeta(name), spec=spec)
    verb = "denies" if ruling.rule.action is Action.ALLOW else "accepts"
    what = f"that {verb} this {ruling.direction.field} of {subject} before {decided.kind_name} {decided}"
    lines = tuple(yaml_lines(document(policy)))
    action = f"as an administrator, add a policy {what}"
    return Edit(action, None, lines, policy, len(lines), by_administrator=True)


def _insertion(ruling: AdministratorRule, rule: ClusterPolicyRule) -> Edit:
    decided, direction, index = ruling.policy.policy, ruling.direction, ruling.rule.index
    rules = cluster_rules_of(decided.policy, direction)
    after = _with_rules(decided.policy, direction, (*rules[:index], rule, *rules[index:]))
    path = f"spec.{direction.field}[{index}]"
    lines = tuple(yaml_lines([plain(rule)]))
    action = f"as an administrator, in {decided.kind_name} {decided}, insert before {path}"
    return Edit(action, ruling.place, lines, after, len(lines), by_administrator=True)


def _with_rules(policy: ClusterPolicy, direction: Direction, rules: Sequence[ClusterPolicyRule]) -> ClusterPolicy:
    return _replace(policy, spec=_replace(policy.spec, **{direction.field: tuple(rules)}))


def _without_rules(policy: ClusterPolicy) -> ClusterPolicy:
    return _replace(policy, spec=_replace(policy.spec, ingress=(), egress=()))


def _free_priority_before(state: State, ruling: AdministratorRule) -> int | None:
    """The highest unused priority number below that of the policy, in its tier; None if there is none.

    A BaselineAdminNetworkPolicy has no priority, and a cluster only one of them.
    """
    policy = ruling.policy.policy
    if isinstance(policy.policy, BaselineAdminNetworkPolicy):
        return None
    taken = {one.priority for one in state.policies.cluster_policies(PolicyTier(ruling.policy.tier))}
    # The nearest free priority changes the order with the fewest other policies.
    return next((number for number in reversed(range(policy.priority)) if number not in taken), None)


# --- rules, as each kind writes them ----------------------------------------------------------------------------------


def _rule(
    policy: ClusterPolicy, direction: Direction, action: Action, peer: WorkloadPeer, traffic: Traffic | None
) -> ClusterPolicyRule:
    word = action.value.capitalize()
    if action is Action.ALLOW and isinstance(policy, ClusterNetworkPolicy | AwsClusterNetworkPolicy):
        word = "Accept"
    if isinstance(policy, ClusterNetworkPolicy):
        protocols = _entries(traffic, protocol_entry)
        if direction is Direction.INGRESS:
            return ClusterIngressRule("", word, (peer,), protocols)
        assert isinstance(peer, Destination)
        return ClusterEgressRule("", word, (peer,), protocols)
    ports = _entries(traffic, port_entry)
    if direction is Direction.INGRESS:
        return AdminIngressRule("", word, (peer,), ports)
    if isinstance(peer, AwsDestination):
        return AwsEgressRule("", word, (peer,), ports)
    if isinstance(peer, Destination):
        return AdminEgressRule("", word, (peer,), ports)
    assert isinstance(peer, BaselineDestination)
    return BaselineEgressRule("", word, (peer,), ports)


def _peers_for(end: End, policy: ClusterPolicy, direction: Direction) -> Iterator[WorkloadPeer]:
    """Alternative peers that select `end`. A hostNetwork pod and addresses are selected by networks."""
    make = WorkloadPeer if direction is Direction.INGRESS else _destination(policy)
    if isinstance(end, Member) and not end.host_network:
        for labels in selectors_for(end):
            yield make(pods=NamespacedPods(in_namespace(end.namespace), LabelSelector(labels)))
    elif direction is Direction.EGRESS:
        networks = tuple(_addresses(end).cidrs())
        if networks:
            yield make(networks=networks)  # type: ignore[call-arg]  # every destination has networks


def _addresses(end: End) -> Addresses:
    if isinstance(end, Addresses):
        return end
    return Addresses.of_ranges((family, (number, number)) for family, number in end.addresses)


def _destination(policy: ClusterPolicy) -> type[WorkloadPeer]:
    match policy:
        case AwsClusterNetworkPolicy():
            return AwsDestination
        case BaselineAdminNetworkPolicy():
            return BaselineDestination
    return Destination


def _entries(traffic: Traffic | None, entry: Callable[[str, int, int], E]) -> tuple[E, ...]:
    """The entries for some traffic; none for all of it."""
    ranges = ((protocol, *ends) for protocol in PROTOCOLS for ends in traffic.ports(protocol)) if traffic else ()
    return tuple(entry(*one) for one in ranges)
