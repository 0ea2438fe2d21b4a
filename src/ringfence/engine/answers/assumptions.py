"""Assumptions: facts that the input lacks or that upstream leaves open, and that could change an answer."""

from collections.abc import Iterator
from functools import reduce
from operator import or_

from ringfence.engine.answers.ambiguous_ports import port_name_assumptions
from ringfence.engine.answers.equal_priorities import equal_priority_assumptions
from ringfence.engine.answers.host_labels import host_label_assumptions
from ringfence.engine.answers.host_selections import unapplied_policies
from ringfence.engine.answers.own_nodes import own_node_assumptions
from ringfence.engine.answers.reasons import RuleReason, SideReason
from ringfence.engine.answers.sides import Side
from ringfence.engine.answers.unknown_labels import unknown_label_assumptions
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Action, end_text
from ringfence.engine.population import Member
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC


def assumptions(side: Side, reason: SideReason) -> Iterator[str]:
    """What the answer of one side depends on: policies that are not read, and facts that are missing."""
    for policy in side.state.doubts.about(side.subject, side.direction, side.peer):
        if reason.allowed or not policy.only_denies:
            yield doubt_text(policy, side.direction)
    if side.state.only_namespace and not isinstance(side.peer, Member):
        only = side.state.only_namespace
        yield f"only namespace {only} could be read: addresses are assumed to belong to no pod of another namespace"
    if side.subject.host_network:
        yield from _host_network_assumptions(side)
        return
    yield from own_node_assumptions(side)
    if not reason.allowed:
        yield from host_label_assumptions(side)
    yield from port_name_assumptions(side, reason)
    yield from unknown_label_assumptions(side)
    yield from equal_priority_assumptions(reason, side.asked)
    rules = [rule for policy in reason.policies for rule in policy.rules]
    yield from _assumed_ports(side, reason, rules)
    allowing_only = all(rule.action is Action.ALLOW for rule in rules)
    # Where all rules allow, a rule that surely does makes all others pointless. Among rules of several actions, what
    # comes first matters, so each rule that may be about the question counts.
    surely = reduce(or_, (rule.traffic for rule in rules if _surely_selects(rule)), NO_TRAFFIC)
    unsure = (side.asked or ALL_TRAFFIC) - (surely if allowing_only else NO_TRAFFIC)
    for rule in rules:
        if rule.traffic & unsure:
            for peer in rule.peers:
                if peer.assumption and (side.asked is None or not allowing_only or peer.matches is reason.allowed):
                    yield peer.assumption


def _surely_selects(rule: RuleReason) -> bool:
    return not rule.peers or any(peer.matches and not peer.partial and not peer.assumption for peer in rule.peers)


def _assumed_ports(side: Side, reason: SideReason, rules: list[RuleReason]) -> Iterator[str]:
    """The port names that a destination which does not exist yet is assumed not to have, where one might allow more."""
    if reason.traffic == ALL_TRAFFIC or (reason.allowed and side.asked is not None):
        return
    for rule in rules:
        carries_all = rule.carries and side.asked is not None
        if not carries_all and (rule.selects or any(peer.assumption for peer in rule.peers)):
            for name in rule.unknown_ports:
                yield f"the ports of {end_text(side.destination)} are not known: it is assumed to have no port {name}"


def _host_network_assumptions(side: Side) -> Iterator[str]:
    """The policies that would select the subject if it had a network of its own: plugins may apply them."""
    for policy in unapplied_policies(side.state, side.subject, side.direction):
        yield f"{side.subject} uses its node's network: {policy} is assumed not to apply to it"
