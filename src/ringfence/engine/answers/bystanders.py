"""Bystanders: policies that do not isolate a side, although their author may believe that they do.

The most common mistake is to believe that a policy isolates its pods in both directions: it does so only in those of
its `policyTypes`. Others select no pod at all, because of one label, or because they are in another namespace
than the pods. A policy for other pods is not a bystander, so a selector that fails by one label is named only if its
other labels match, or if it selects nothing.
"""

from collections.abc import Iterator
from typing import Any

from ringfence.engine.answers.reasons import Bystander
from ringfence.engine.answers.sides import Side
from ringfence.engine.policies import CompiledPolicy, mismatch


def bystanders(side: Side) -> Iterator[Bystander]:
    """The policies that might have been meant to isolate a side that none isolates, and why they do not."""
    if side.subject.host_network or not side.can_meet or unguarded(side):
        return
    for policy in side.state.policies.network_policies.all_policies():
        if reason := _why_not(side, policy):
            yield Bystander(policy, policy.origin.at() if policy.origin else None, reason)


def unguarded(side: Side) -> str:
    """Why the network plugin applies no policy to a side; empty if it does."""
    traits = side.state.traits
    if not traits.enforced:
        return "with this network plugin, policies have no effect"
    if side.subject.standalone and not traits.standalone_pods:
        return f"{side.subject} has no ownerReferences, and with this network plugin policies do not apply to it"
    return ""


def _why_not(side: Side, policy: CompiledPolicy[Any]) -> str:
    subject, selector = side.subject, policy.subject.pods
    isolates = side.direction in policy.rules
    wrong = selector.mismatches(subject.labels)
    if not policy.rules:  # as a network plugin has it: every NetworkPolicy is written for a direction
        why = f"selects {subject}, but is not applied: the network plugin does not support its NotIn or DoesNotExist"
        return "" if wrong or policy.subject.namespace != subject.namespace else why
    if policy.subject.namespace != subject.namespace:
        # A policy with an empty selector, or one that selects pods of its own namespace, evidently means that
        # namespace.
        if wrong or not selector.terms or not isolates or side.state.selects_pods(policy.subject):
            return ""
        return f"would select {subject}, but it is in namespace {policy.namespace}, which has no such pods"
    if not wrong:
        types = ", ".join(policy.rules)
        return "" if isolates else f"selects {subject}, but its policyTypes are [{types}]; replies are always allowed"
    if len(wrong) > 1 or not isolates:
        return ""
    # With a single term, "all other terms match" says nothing: the policy selects other pods, as it was meant to.
    if len(selector.terms) == 1 and side.state.selects_pods(policy.subject):
        return ""
    return f"does not select {subject}: it wants {mismatch(selector, subject.labels, str(subject))}"
