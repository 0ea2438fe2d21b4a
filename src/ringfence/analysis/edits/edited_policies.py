"""Edits of policies: the action, its place, the lines to write, and the policy afterwards."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ringfence.engine.answers import PolicyReason, SideReason
from ringfence.engine.population import NAME_LABEL, Member
from ringfence.model.added_labels import is_generated
from ringfence.model.documents import document, plain
from ringfence.model.metadata import LabelSelector, PolicyMeta
from ringfence.model.names import label_key_errors, label_value_errors
from ringfence.model.objects import (
    NetworkPolicy,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicySpec,
    Policy,
    Rule,
)
from ringfence.model.origin import Place
from ringfence.model.policies import Direction, defaulted, rules_of
from ringfence.model.yaml_text import yaml_lines
from ringfence.sets.traffic import PROTOCOLS, Traffic

_replace = msgspec.structs.replace
_MOST_LABELS = 4
_TELLING_LABELS = ("app.kubernetes.io/name", "app", "k8s-app", "name", "role", "component", "tier")


class Edit(msgspec.Struct, frozen=True):
    """One change of one policy: the action and its place, the lines to write, and the policy `after` it.

    `size` is the number of lines to write, and 1 for each entry to remove. `corrects` says that it corrects a slip, so
    that a rule does what it says. `by_administrator` says that the policy belongs to the administrators: the owners of
    a namespace cannot change it.
    """

    action: str
    place: Place | None
    lines: tuple[str, ...]
    after: Policy
    size: int
    corrects: bool = False
    by_administrator: bool = False

    def __str__(self) -> str:
        return "\n".join([self.action, *(f"    {line}" for line in self.lines)])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.action}>"


def network_policies_of(side: SideReason) -> list[PolicyReason]:
    """The policies of a side that the owners of its namespace may change."""
    return [policy for policy in side.policies if isinstance(policy.policy.policy, NetworkPolicy)]


# --- edits ------------------------------------------------------------------------------------------------------------


def new_policy(action: str, policy: NetworkPolicy) -> Edit:
    """An edit that adds a policy."""
    complete = defaulted(policy)
    lines = tuple(yaml_lines(document(complete)))
    return Edit(action, None, lines, complete, len(lines))


def adding(policy: PolicyReason, path: str, added: Sequence[Any], after: NetworkPolicy) -> Edit:
    """An edit that adds entries to a list of a policy."""
    lines = tuple(yaml_lines([plain(one) for one in added]))
    return Edit(f"{_in(policy)}, add to {path}", _place(policy, path), lines, defaulted(after), len(lines))


def replacing(policy: PolicyReason, path: str, new: Sequence[Any], after: NetworkPolicy) -> Edit:
    """An edit that replaces entries of a list."""
    lines = tuple(yaml_lines([plain(one) for one in new]))
    return Edit(f"{_in(policy)}, replace {path} by", _place(policy, path), lines, defaulted(after), len(lines) + 1)


def correcting(policy: PolicyReason, path: str, new: Any, after: NetworkPolicy) -> Edit:
    """An edit that corrects one line of an entry. The whole entry is shown."""
    # One line is changed, although the whole entry is shown: a correction must win against additions.
    return _replace(replacing(policy, path, [new], after), size=1, corrects=True)


def removing(policy: PolicyReason, paths: Sequence[str], after: NetworkPolicy) -> Edit:
    """An edit that removes the entries at some paths."""
    return Edit(
        f"{_in(policy)}, remove {' and '.join(paths)}",
        _place(policy, f"spec.{paths[0]}"),
        (),
        defaulted(after),
        len(paths),
    )


def _in(policy: PolicyReason) -> str:
    return f"in {policy.policy.namespace}/{policy.policy.name}"


def _place(policy: PolicyReason, path: str) -> Place | None:
    return policy.policy.origin.at(path) if policy.policy.origin else None


# --- policies and their parts -----------------------------------------------------------------------------------------


def with_rules(policy: NetworkPolicy, direction: Direction, rules: Iterable[Rule]) -> NetworkPolicy:
    """The policy with other rules for a direction."""
    return _replace(policy, spec=_replace(policy.spec, **{direction.field: tuple(rules)}))


def with_rule_replaced(policy: NetworkPolicy, direction: Direction, index: int, rules: Iterable[Rule]) -> NetworkPolicy:
    """The policy with one rule replaced by any number of others."""
    present = rules_of(policy, direction)
    return with_rules(policy, direction, (*present[:index], *rules, *present[index + 1 :]))


def rule_of(direction: Direction, peers: Sequence[NetworkPolicyPeer], ports: Sequence[NetworkPolicyPort]) -> Rule:
    """A rule for a direction."""
    make = NetworkPolicyIngressRule if direction is Direction.INGRESS else NetworkPolicyEgressRule
    return make(tuple(ports), tuple(peers))


def policy_for(name: str, namespace: str, selector: LabelSelector, direction: Direction, *rules: Rule) -> NetworkPolicy:
    """A policy for one direction."""
    policy = NetworkPolicy(PolicyMeta(name, namespace), NetworkPolicySpec(selector, (direction.value,)))
    return with_rules(policy, direction, rules)


def ports_for(traffic: Traffic) -> tuple[NetworkPolicyPort, ...]:
    """Port entries that match this traffic; an entry for all ports of a protocol has no number."""
    return tuple(
        NetworkPolicyPort(protocol)
        if (low, high) == (1, 65535)
        else NetworkPolicyPort(protocol, low, high if high > low else None)
        for protocol in PROTOCOLS
        for low, high in traffic.ports(protocol)
    )


def selectors_for(member: Member) -> list[dict[str, str]]:
    """Labels by which to select a pod: the suitable ones one by one, the most telling first, then all of them together.

    A single empty entry if the pod has no suitable label.
    """
    keys = labels_to_select_by(member)
    single = [{key: member.labels[key]} for key in keys[:_MOST_LABELS]]
    return [*single, {key: member.labels[key] for key in keys}] if len(keys) > 1 else single or [{}]


def labels_to_select_by(member: Member) -> list[str]:
    """The keys of a pod's labels that are suitable for selectors, the most telling first.

    Left out are labels that controllers generate, such as `pod-template-hash`, and labels that are not valid.
    """
    return [
        key
        for key in dict.fromkeys((*_TELLING_LABELS, *sorted(member.labels)))
        if not is_generated(key, member.labels)
        and (value := member.labels.get(key)) is not None
        and not label_key_errors(key) + label_value_errors(value)
    ]


def in_namespace(name: str) -> LabelSelector:
    """The selector of one namespace by its name."""
    return LabelSelector({NAME_LABEL: name})
