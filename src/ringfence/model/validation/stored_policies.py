"""Policies that a server has stored although they are not valid: they fail closed.

A server of another version, or with other definitions of custom resources, may have accepted what is refused here. Then
a NetworkPolicy isolates its subjects and allows nothing. A cluster-scoped policy does not isolate pods, so its rules
fail closed one by one, as its API requires for peers with no known field: a rule that accepts matches nothing, and
every other rule denies everything.

Source: network-policy-api v0.2.0, the description of ClusterNetworkPolicyEgressPeer.
"""

from collections.abc import Iterator

import msgspec

from ringfence.model.cluster_policies import (
    BaselineAdminNetworkPolicy,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterPolicy,
    ClusterPolicyRule,
    RuleAction,
    WorkloadPeer,
)
from ringfence.model.cluster_rules import cluster_rules_of
from ringfence.model.field_errors import ErrorsInSteps, FieldError, required, without_pauses
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction, without_rules
from ringfence.model.validation.cluster_policies import rule_errors, subject_errors, tier_errors
from ringfence.model.validation.metadata import name_errors
from ringfence.model.validation.network_policies import stored_network_policy_errors
from ringfence.steps import Pace, Steps, finish


def remaining_network_policy(policy: NetworkPolicy) -> NetworkPolicy | None:
    """The policy without its rules; None if its subject is not known."""
    reduced = without_rules(policy)
    return None if any(stored_network_policy_errors(reduced)) else reduced


# --- policies of the whole cluster ------------------------------------------------------------------------------------


def stored_cluster_policy_errors(policy: ClusterPolicy) -> Iterator[FieldError]:
    """The errors for which a policy that a server has stored cannot be evaluated, found one by one.

    Limits of size are not checked: another version of the definition may allow more.
    """
    pace = Pace()
    yield from without_pauses(_errors_of_all_rules(policy, pace))
    for direction, i, rule in _rules_of(policy):
        path = f"spec.{direction.field}[{i}]"
        yield from without_pauses(rule_errors(policy, rule, direction, path, pace))


def remaining_cluster_policy(policy: ClusterPolicy) -> ClusterPolicy | None:
    """The policy, in which rules that cannot be evaluated fail closed; None if its subject is not known."""
    return finish(evaluable_cluster_policy(policy, 0))[0]


def evaluable_cluster_policy(
    policy: ClusterPolicy, most_errors: int
) -> Steps[tuple[ClusterPolicy | None, list[FieldError]]]:
    """What remains of a policy (`remaining_cluster_policy`), and its first errors, in steps."""
    pace = Pace()
    errors: list[FieldError] = []
    for error in _errors_of_all_rules(policy, pace):
        if error is None:
            yield
            continue
        errors.append(error)
        if len(errors) > most_errors:
            break
    if errors:
        return None, errors[:most_errors]
    rules: dict[str, list[ClusterPolicyRule]] = {direction.field: [] for direction in Direction}
    for direction, i, rule in _rules_of(policy):
        has_errors = False
        for error in rule_errors(policy, rule, direction, f"spec.{direction.field}[{i}]", pace):
            if error is None:
                yield
                continue
            has_errors = True
            if len(errors) == most_errors:
                break
            errors.append(error)
        rules[direction.field].append(_failing_closed(rule) if has_errors else rule)
    spec = msgspec.structs.replace(policy.spec, **{field: tuple(some) for field, some in rules.items()})
    return msgspec.structs.replace(policy, spec=spec), errors


def _rules_of(policy: ClusterPolicy) -> Iterator[tuple[Direction, int, ClusterPolicyRule]]:
    for direction in Direction:
        for i, rule in enumerate(cluster_rules_of(policy, direction)):
            yield direction, i, rule


def _errors_of_all_rules(policy: ClusterPolicy, pace: Pace) -> ErrorsInSteps:
    """The errors because of which no rule of a policy can be evaluated."""
    yield from name_errors(policy)
    yield from tier_errors(policy)
    if not isinstance(policy, BaselineAdminNetworkPolicy) and policy.spec.priority is None:
        yield required("spec.priority")
    yield from subject_errors(policy, pace)


def _failing_closed(rule: ClusterPolicyRule) -> ClusterPolicyRule:
    if rule.action in (RuleAction.ACCEPT, RuleAction.ALLOW):
        return msgspec.structs.replace(rule, peers=())
    has_protocols = isinstance(rule, ClusterIngressRule | ClusterEgressRule)
    # A peer with no known field, with which such a rule denies everything.
    peers = (WorkloadPeer(),)
    return msgspec.structs.replace(
        rule, action=RuleAction.DENY.value, peers=peers, **{"protocols" if has_protocols else "ports": ()}
    )
