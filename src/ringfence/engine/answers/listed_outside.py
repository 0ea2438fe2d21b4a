"""The assumptions of a list about addresses outside the cluster that rules mean and that the input lacks.

They are those that domain names resolve to, and those of nodes if the input has no Node object. An answer about one
address names them (`policies.cluster_matching`); here the same is found for all subjects of a list at once.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from ringfence.engine.answers.listed_subjects import ListedSubjects, subjects_by_policies
from ringfence.engine.answers.rule_reasons import context_of
from ringfence.engine.policies import NETWORK_POLICY_TIER, CompiledRule, Stack
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses
from ringfence.sets.traffic import Traffic

_Assumed = list[tuple[CompiledRule, str]]
"""Rules, each with an assumption on which its match depends."""


def outside_assumptions(state: State, subjects: Iterable[Member], outside: Addresses, asked: Traffic) -> Iterator[str]:
    """The assumptions about the addresses `outside` that may decide about the traffic `asked` from some pods."""
    if not (outside and asked):
        return

    # Profiles are shared by all pods that the same policies select, and stacks by all groups with the same ones.
    @cache
    def assumed(stack: Stack) -> _Assumed:
        return list(_assumed(state, stack, outside))

    for group in subjects_by_policies(state, Direction.EGRESS, subjects):
        found = [(rule, text) for rule, text in assumed(group.stack) if rule.traffic & asked]
        if found and not all(profile.allows_only for profile in group.stack):
            # Among rules of several actions, what comes first matters, so each rule about the traffic counts.
            yield from (text for _, text in found)
        elif found:
            # A rule that allows matters only for what is denied without it.
            denied = asked - _allowed_everywhere(state, group, outside)
            yield from (text for rule, text in found if rule.traffic & denied)


def _assumed(state: State, stack: Stack, outside: Addresses) -> Iterator[tuple[CompiledRule, str]]:
    for profile in stack:
        if profile.tier == NETWORK_POLICY_TIER:
            continue  # an ipBlock gives its addresses
        for policy in profile.policies:
            written = cluster_rules_of(policy.policy, Direction.EGRESS)
            for rule in policy.rules[Direction.EGRESS]:
                if not (rule.nodes or any(map(domain_names_of, written[rule.index].peers))):
                    continue
                context = context_of(state, policy, Direction.EGRESS, rule)
                for one in state.tiers.match_peers(profile, context, outside, FAMILIES):
                    if one.match.assumption:
                        yield rule, str(one.match.assumption)


def _allowed_everywhere(state: State, group: ListedSubjects, outside: Addresses) -> Traffic:
    """The traffic that the policies of a group allow to each of the addresses."""
    first, *others = (traffic for _, traffic in state.tiers.addresses_of(group.stack, group.own, outside))
    for traffic in others:
        first &= traffic
    return first
