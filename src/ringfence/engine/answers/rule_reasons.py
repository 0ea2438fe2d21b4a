"""Why one rule of a policy matches the asked traffic, or does not."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import Any

from ringfence.engine.answers.hints import hints, names_of_any_protocol, protocol_hints
from ringfence.engine.answers.reasons import PeerReason, PolicyReason, RuleReason, passes
from ringfence.engine.answers.sides import Side, named_ports
from ringfence.engine.policies import CompiledPolicy, CompiledRule, End, Profile, RuleContext, end_text
from ringfence.engine.population import Member, PortName
from ringfence.engine.state import State
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction, rules_of
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

KnownRules = Mapping[CompiledPolicy[Any], Sequence[RuleReason]]
"""By policy, the reasons of its rules for the same two ends and other traffic, whose peers are reused."""


def explain_profile(side: Side, profile: Profile, known: KnownRules = MappingProxyType({})) -> Iterator[PolicyReason]:
    """Each policy of a profile, in order, with the reasons of its rules."""
    state = side.state
    for policy in profile.policies:
        place = policy.origin.at() if policy.origin else None
        contexts = (context_of(state, policy, side.direction, rule) for rule in policy.rules[side.direction])
        before = known.get(policy)
        rules = (
            _explain_rule(side, profile, context, before[number] if before else None)
            for number, context in enumerate(contexts)
        )
        yield PolicyReason(policy, place, profile.tier, tuple(rules))


def context_of(state: State, policy: CompiledPolicy[Any], direction: Direction, rule: CompiledRule) -> RuleContext:
    """A rule of a policy, with what the state knows that decides whether its peers match."""
    return RuleContext(
        policy,
        direction,
        rule,
        state.namespaces,
        state.policies.node_peers,
        state.nodes.addresses_matching,
        state.traits,
    )


def _explain_rule(side: Side, profile: Profile, context: RuleContext, known: RuleReason | None) -> RuleReason:
    rule, origin = context.rule, context.policy.origin
    peers = known.peers if known else tuple(_explain_peers(side, profile, context))
    traffic = known.traffic if known else rule.traffic | _named_traffic(rule, side.destination)
    selects = rule.peers.everyone or any(one.matches for one in peers)
    carries = passes(traffic, side.asked)
    if selects and carries:
        reason = _why_matching(side, rule, peers, traffic)
    elif not (selects or peers):
        # A stored rule that accepts and cannot be evaluated fails closed (`model.validation.stored_policies`).
        reason = "it has an error or a field of a later version of the API, so it accepts nothing"
    else:
        reason = _why_not_matching(side, rule, traffic, selects=selects, carries=carries)
    policy = context.policy.policy
    if isinstance(policy, NetworkPolicy) and rule.index >= len(rules_of(policy, side.direction)):
        # A rule that is not written means an address family that the plugin does not restrict (`AsEnforced`).
        reason = peers[0].reason
    return RuleReason(
        rule.index,
        rule.action,
        reason,
        known.place if known else origin.at(f"spec.{side.direction.field}[{rule.index}]") if origin else None,
        peers,
        selects,
        carries,
        traffic,
        (
            *hints(side, rule.peers.addresses, traffic, selects=selects, carries=carries),
            *(() if carries else protocol_hints(side, rule.port_names)),
        ),
        _unknown_ports(rule, side.destination),
        rule.name,
    )


def _explain_peers(side: Side, profile: Profile, context: RuleContext) -> Iterator[PeerReason]:
    origin = context.policy.origin
    matched = side.state.tiers.match_peers(profile, context, side.peer, side.families)
    for index, (path, match) in enumerate((one.path, one.match) for one in matched):
        place = origin.at(path) if origin else None
        yield PeerReason(index, match.matches, match.reason, place, str(match.assumption or ""), match.partial)


def _named_traffic(rule: CompiledRule, destination: End) -> Traffic:
    """The traffic that the rule's port names mean at the destination."""
    named = (port for port in named_ports(destination) if (port.name, port.protocol) in rule.port_names)
    return reduce(or_, (Traffic.of(port.protocol, ((port.port, port.port),)) for port in named), NO_TRAFFIC)


def _why_matching(side: Side, rule: CompiledRule, peers: tuple[PeerReason, ...], traffic: Traffic) -> str:
    # If a rule with peers matches everyone, one of its peers has no known field, and the rule fails closed.
    is_closed = rule.peers.everyone and bool(peers)
    index = next((one.index for one in peers if one.matches is not is_closed), 0)
    who = f"{side.direction.peers_field}[{index}]"
    if is_closed:
        selected = f"{who} has no known field, so the rule fails closed and denies every peer"
    else:
        selected = "it has no peers, so it matches every peer" if rule.peers.everyone else f"{who} matches"
    ports = "on all ports" if traffic == ALL_TRAFFIC else f"on {traffic}"
    return f"{selected}, {ports}"


def _why_not_matching(side: Side, rule: CompiledRule, traffic: Traffic, *, selects: bool, carries: bool) -> str:
    reasons = []
    if not selects:
        reasons.append(f"no peer selects {end_text(side.peer)}")
    if not carries:
        ports = (
            "its ports match nothing at this destination"
            if side.asked is None
            else f"{side.asked} is not among its ports"
        )
        reasons.append(ports + (f" ({traffic})" if traffic else "") + _unresolved(rule, side.destination))
    return ", and ".join(reasons)


def _unknown_ports(rule: CompiledRule, destination: End) -> tuple[str, ...]:
    """The rule's port names, if the ports of the destination are not known because it does not exist yet."""
    if not isinstance(destination, Member) or not destination.is_possible:
        return ()
    return tuple(port_names_as_written(rule.port_names))


def _unresolved(rule: CompiledRule, destination: End) -> str:
    """The end of a reason with the rule's port names that no port of the destination has."""
    known = {(port.name, port.protocol) for port in named_ports(destination)}
    of_any_protocol = names_of_any_protocol(rule.port_names) & {name for name, _ in known}
    unknown = [one for one in rule.port_names if one not in known and one[0] not in of_any_protocol]
    names = " and ".join(port_names_as_written(unknown))
    return f": it names {names}, and the destination has no port with that name" if names else ""


def port_names_as_written(names: Sequence[PortName]) -> Iterator[str]:
    """Port names with their protocols, each once; without a protocol, a name of any protocol."""
    of_any_protocol = names_of_any_protocol(names)
    yield from dict.fromkeys(name if name in of_any_protocol else f"{name}/{protocol}" for name, protocol in names)
