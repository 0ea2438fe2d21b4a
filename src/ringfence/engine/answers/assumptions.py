"""Assumptions: facts that the input lacks or that upstream leaves open, and that could change an answer."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import msgspec

from ringfence.engine.answers.ambiguous_ports import port_name_assumptions
from ringfence.engine.answers.equal_priorities import EqualPriorityAssumptions
from ringfence.engine.answers.host_labels import host_label_assumptions
from ringfence.engine.answers.host_selections import unapplied_policies
from ringfence.engine.answers.own_nodes import own_node_assumptions
from ringfence.engine.answers.reasons import RuleReason, SideReason, passes
from ringfence.engine.answers.sides import Side
from ringfence.engine.answers.unknown_labels import unknown_label_assumptions
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Action
from ringfence.engine.population import Member
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.sets.traffic_parts import meeting


class SideAssumptions:
    """What the answer of one side depends on: policies that are not read, and facts that are missing.

    `reason` is the answer about all the traffic of `side`. Assumptions about many parts of this traffic take time that
    grows with the rules about each part, not with all rules for each part.
    """

    def __init__(self, side: Side, reason: SideReason) -> None:
        self._side = side
        self._reason = reason
        self._rules = [(place, rule) for place, policy in enumerate(reason.policies) for rule in policy.rules]
        self._allow_only = all(rule.action is Action.ALLOW for _, rule in self._rules)
        self._priorities = EqualPriorityAssumptions(reason)

    def of_all(self) -> tuple[str, ...]:
        """The assumptions about all the traffic."""
        asked = self._side.asked
        concerned = [number for number, (_, rule) in enumerate(self._rules) if asked is None or rule.traffic & asked]
        return self._each_once(asked, concerned)

    def of_parts(self, parts: Sequence[Traffic]) -> Iterator[tuple[str, ...]]:
        """The assumptions about each of some disjoint parts of the traffic."""
        for part, concerned in zip(parts, meeting(parts, (rule.traffic for _, rule in self._rules)), strict=True):
            yield self._each_once(part, concerned)

    def _each_once(self, asked: Traffic | None, concerned: Sequence[int]) -> tuple[str, ...]:
        if not self._side.can_meet:
            return ()  # no policy can allow a connection between them
        return tuple(dict.fromkeys(self._about(msgspec.structs.replace(self._side, asked=asked), concerned)))

    def _about(self, side: Side, concerned: Sequence[int]) -> Iterator[str]:
        """The assumptions about the traffic of `side`, of which only rules with the numbers `concerned` match any."""
        reason = self._reason
        allowed = passes(reason.traffic, side.asked)
        for policy in side.state.doubts.about(side.subject, side.direction, side.peer):
            # A policy that can only deny cannot change an answer that denies already.
            if allowed or not policy.only_denies:
                yield doubt_text(policy, side.direction)
        if side.state.only_namespace and not isinstance(side.peer, Member):
            only = side.state.only_namespace
            yield f"only namespace {only} could be read: addresses are assumed to belong to no pod of another namespace"
        # No policy applies to the subject, so none of the facts below can change its side.
        if side.subject.host_network:
            yield from _host_network_assumptions(side)
            return
        yield from own_node_assumptions(side)
        # Labels of hostNetwork pods can only let a further rule match, which changes nothing if the traffic is allowed
        # already.
        if not allowed:
            yield from (one for traffic, one in self._about_hosts if traffic & (side.asked or ALL_TRAFFIC))
        yield from port_name_assumptions(side, reason)
        yield from unknown_label_assumptions(side)
        selecting = (place for place, rule in map(self._rules.__getitem__, concerned) if rule.selects)
        yield from self._priorities.about(side.asked, selecting)
        yield from self._assumed_ports(side, allowed=allowed)
        yield from self._of_peers(side, [self._rules[number][1] for number in concerned], allowed=allowed)

    def _assumed_ports(self, side: Side, *, allowed: bool) -> Iterator[str]:
        """The port names that a destination which does not exist yet is assumed not to have, where one might decide."""
        if not isinstance(side.destination, Member) or not side.destination.is_possible:
            return
        # Among rules of several actions, one by name may also deny what passes.
        passes_all = self._reason.traffic == ALL_TRAFFIC or (allowed and side.asked is not None)
        if passes_all and self._allow_only:
            return
        for _, rule in self._rules:
            # A rule whose numbers carry all the asked traffic does not need its names.
            carries_all = side.asked is not None and passes(rule.traffic, side.asked)
            if not carries_all and (rule.selects or any(peer.assumption for peer in rule.peers)):
                for name in rule.unknown_ports:
                    yield assumed_port(side.destination, name)

    @cached_property
    def _about_hosts(self) -> list[tuple[Traffic, str]]:
        return list(host_label_assumptions(self._side))

    def _of_peers(self, side: Side, rules: Sequence[RuleReason], *, allowed: bool) -> Iterator[str]:
        # Where all rules allow, a rule that surely does makes all others pointless. Among rules of several actions,
        # what comes first matters, so each rule that may be about the question counts.
        surely = Traffic.union_of(rule.traffic for rule in rules if _surely_selects(rule))
        unsure = (side.asked or ALL_TRAFFIC) - (surely if self._allow_only else NO_TRAFFIC)
        for rule in rules:
            if rule.traffic & unsure:
                for peer in rule.peers:
                    # In a union of allowing rules, a fact can only turn the answer if it turns the match: a doubtful
                    # match where the answer is "allowed", a doubtful mismatch where it is "denied".
                    if peer.assumption and (side.asked is None or not self._allow_only or peer.matches is allowed):
                        yield peer.assumption


def _surely_selects(rule: RuleReason) -> bool:
    return not rule.peers or any(peer.matches and not peer.partial and not peer.assumption for peer in rule.peers)


def assumed_port(pod: Member, name: str) -> str:
    """The sentence that a pod which does not exist yet is assumed not to have a port of a name (`metrics/TCP`)."""
    return f"the ports of {pod} are not known: it is assumed to have no port {name}"


def _host_network_assumptions(side: Side) -> Iterator[str]:
    """The policies that would select the subject if it had a network of its own: plugins may apply them."""
    for policy in unapplied_policies(side.state, side.subject, side.direction):
        yield f"{side.subject} uses its node's network: {policy} is assumed not to apply to it"
