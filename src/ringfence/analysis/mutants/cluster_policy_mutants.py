"""The mutants of a policy of administrators: without a part, with a wider selector, with another action."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ringfence.analysis.mutants.mutants import Mutant, MutatedPart, Mutation, wider_selectors, with_entry, without
from ringfence.engine.policies import CompiledPolicy
from ringfence.model.cluster_policies import AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterPolicy, RuleAction
from ringfence.model.cluster_rules import cluster_rules_of
from ringfence.model.policies import Direction

_replace = msgspec.structs.replace

_SELECTORS: Final = (
    ("namespaces", None),
    ("nodes", None),
    ("pods", "namespace_selector"),
    ("pods", "pod_selector"),
)
"""The selectors of peers and subjects: a field, or a field and a field inside it."""

_SHOWN: Final = {"namespace_selector": "namespaceSelector", "pod_selector": "podSelector"}


def mutants_of_cluster_policy(policy: CompiledPolicy[ClusterPolicy]) -> Iterator[Mutant]:
    """Every mutant of a policy of administrators.

    A peer or a port that is the only one of its rule is not removed: that is a mutant of the rule.
    """
    written = policy.policy
    yield Mutant(Mutation.NO_POLICY, policy, MutatedPart.POLICY, "", "", None, "without the policy")
    for below, text, left in _wider(written.spec.subject):
        after = _replace(written, spec=_replace(written.spec, subject=left))
        part = MutatedPart.POLICY
        yield Mutant(
            Mutation.WIDER_SELECTOR, policy, part, "", f"spec.subject{below}", after, f"without {text} in its subject"
        )
    for direction in policy.rules:
        for number in range(len(cluster_rules_of(written, direction))):
            yield from _of_rule(policy, direction, number)


def _of_rule(policy: CompiledPolicy[ClusterPolicy], direction: Direction, number: int) -> Iterator[Mutant]:
    path = f"spec.{direction.field}[{number}]"
    rules = cluster_rules_of(policy.policy, direction)
    rule: Any = rules[number]
    # The newer kind has another name for the field.
    ports_field = "protocols" if hasattr(rule, "protocols") else "ports"
    ports = getattr(rule, ports_field)

    def changed(*new: Any) -> ClusterPolicy:
        spec = _replace(policy.policy.spec, **{direction.field: with_entry(rules, number, *new)})
        return _replace(policy.policy, spec=spec)

    yield Mutant(Mutation.NO_RULE, policy, MutatedPart.RULE, path, path, changed(), "without the rule")
    opposite = _opposite(policy.policy, rule)
    if opposite is not None:
        after = changed(_replace(rule, action=opposite.value))
        at = f"{path}.action"
        yield Mutant(
            Mutation.OPPOSITE_ACTION, policy, MutatedPart.RULE, path, at, after, f"with the action {opposite.value}"
        )
    if ports:
        after = changed(_replace(rule, **{ports_field: ()}))
        at = f"{path}.{ports_field}"
        yield Mutant(Mutation.ALL_PORTS, policy, MutatedPart.RULE, path, at, after, "with all ports")
    for place, peer in enumerate(rule.peers):
        at = f"{path}.{direction.peers_field}[{place}]"
        if len(rule.peers) > 1:
            after = changed(_replace(rule, peers=without(rule.peers, place)))
            yield Mutant(Mutation.NO_PEER, policy, MutatedPart.PEER, at, at, after, "without the peer")
        for below, text, left in _wider(peer):
            after = changed(_replace(rule, peers=with_entry(rule.peers, place, left)))
            said = f"without {text} in its selector"
            yield Mutant(Mutation.WIDER_SELECTOR, policy, MutatedPart.PEER, at, f"{at}{below}", after, said)
    for place in range(len(ports)) if len(ports) > 1 else ():
        at = f"{path}.{ports_field}[{place}]"
        after = changed(_replace(rule, **{ports_field: without(ports, place)}))
        yield Mutant(Mutation.NO_PORT, policy, MutatedPart.PORT, at, at, after, "without the port entry")


def _opposite(policy: ClusterPolicy, rule: Any) -> RuleAction | None:
    """The opposite action of a rule; None for a rule with domain names, which only an allowing rule may have."""
    if rule.action != RuleAction.DENY:
        has_names = any(getattr(peer, "domain_names", ()) for peer in rule.peers)
        return None if has_names else RuleAction.DENY
    # The word for allowing differs between the versions of the API.
    is_older = isinstance(policy, AdminNetworkPolicy | BaselineAdminNetworkPolicy)
    return RuleAction.ALLOW if is_older else RuleAction.ACCEPT


def _wider(end: Any) -> Iterator[tuple[str, str, Any]]:
    """A subject or a peer without each requirement of its selectors: the field, the requirement, what is left."""
    for field, inner in _SELECTORS:
        outer = getattr(end, field, None)
        if outer is None:
            continue
        selector = getattr(outer, inner) if inner else outer
        path = f".{field}.{_SHOWN[inner]}" if inner else f".{field}"
        for below, text, left in wider_selectors(selector):
            changed = _replace(outer, **{inner: left}) if inner else left
            yield f"{path}{below}", text, _replace(end, **{field: changed})
