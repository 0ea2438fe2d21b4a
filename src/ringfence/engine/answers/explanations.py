"""Why: for each side of a connection, each policy and rule, whether it allows, and if not, why not.

An explanation looks at the same policies and pods as the verdict, one peer at a time and in the words of who wrote
them. Whether a side allows is always the engine's own answer, so an explanation cannot say anything else than the
verdict.
"""

from collections.abc import Iterable, Iterator
from functools import partial, reduce
from operator import or_

import msgspec

from ringfence.engine.answers.matching import Match, end_text, match_peer
from ringfence.engine.answers.verdicts import End, is_exempt, relevant_families, side_traffic, traffic_over
from ringfence.engine.policies import CompiledPolicy, CompiledRule, tiers
from ringfence.engine.population import Member, NamedPort
from ringfence.engine.state import State
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import Service, ServicePort
from ringfence.model.origin import Place
from ringfence.model.policies import Direction, rules_of
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family, parse_address
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class PeerReason(msgspec.Struct, frozen=True):
    """Whether one peer of a rule selects the other end, or a part of it, and why (not)."""

    index: int
    matches: bool
    reason: str
    place: Place | None
    assumption: str = ""
    partial: bool = False


class RuleReason(msgspec.Struct, frozen=True):
    """Whether one rule allows what was asked, and why (not).

    `selects` and `carries` are its two halves: peers and ports. `traffic` is what its ports stand for at this
    destination; `hints` are likely misunderstandings behind a no.
    """

    index: int
    allows: bool
    reason: str
    place: Place | None
    peers: tuple[PeerReason, ...]
    selects: bool
    carries: bool
    traffic: Traffic
    hints: tuple[str, ...] = ()


class PolicyReason(msgspec.Struct, frozen=True):
    """One policy that isolates the subject, and its rules for the direction."""

    policy: CompiledPolicy
    place: Place | None
    rules: tuple[RuleReason, ...]


class SideReason(msgspec.Struct, frozen=True):
    """One side of a connection: the source's egress or the destination's ingress.

    `traffic` is all that the side allows, `allowed` whether that is what was asked. `exempt` says why no policy
    counts, where none does. `denied_over` are the address families that deny what another allows, `denied_for` those
    of several addresses that are denied what others of them are allowed.
    """

    direction: Direction
    subject: End
    peer: End
    isolated: bool
    allowed: bool
    traffic: Traffic
    policies: tuple[PolicyReason, ...] = ()
    exempt: str = ""
    denied_over: tuple[Family, ...] = ()
    denied_for: Addresses = NO_ADDRESSES
    assumptions: tuple[str, ...] = ()


class PairReason(msgspec.Struct, frozen=True):
    """Both sides of a connection between two ends, and the facts that the input lacks on which the answer hangs."""

    source: End
    destination: End
    asked: Traffic | None
    egress: SideReason
    ingress: SideReason

    @property
    def allowed(self) -> bool:
        """Whether what was asked passes; without a question, whether anything does."""
        passing = self.egress.traffic & self.ingress.traffic
        return not self.asked - passing if self.asked else bool(passing)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of both sides; one that surely denies makes those of the other pointless."""
        for side in (self.egress, self.ingress):
            if not side.allowed and not side.assumptions:
                return ()
        return self.egress.assumptions + self.ingress.assumptions


def explain(state: State, source: End, destination: End, asked: Traffic | None) -> PairReason:
    """Why `source` may open, or may not, the traffic `asked` to `destination`; None asks what passes at all."""
    if is_exempt(state, source, destination):
        why = (
            "a pod always reaches itself" if source is destination else "a node always reaches the pods that run on it"
        )
        egress = _untouched(Direction.EGRESS, source, destination, why)
        return PairReason(source, destination, asked, egress, _untouched(Direction.INGRESS, destination, source, why))
    return PairReason(
        source,
        destination,
        asked,
        _explain_side(state, source, Direction.EGRESS, destination, asked),
        _explain_side(state, destination, Direction.INGRESS, source, asked),
    )


def _untouched(direction: Direction, subject: End, peer: End, why: str) -> SideReason:
    return SideReason(direction, subject, peer, isolated=False, allowed=True, traffic=ALL_TRAFFIC, exempt=why)


def _explain_side(state: State, subject: End, direction: Direction, peer: End, asked: Traffic | None) -> SideReason:
    if not isinstance(subject, Member):
        return _untouched(direction, subject, peer, "policies do not apply outside the cluster")
    traffic = side_traffic(state, subject, direction, peer)
    profile = state.network_policies.profile(state.identity(subject), direction)
    isolating = sorted(profile.policies, key=lambda policy: policy.name) if profile else []
    side = SideReason(
        direction,
        subject,
        peer,
        isolated=profile is not None,
        allowed=not asked - traffic if asked else bool(traffic),
        traffic=traffic,
        policies=tuple(_explain_policy(state, policy, direction, subject, peer, asked) for policy in isolating),
        exempt=_why_exempt(state, subject, peer),
        denied_over=tuple(_denied_over(state, subject, direction, peer, asked)),
        denied_for=_denied_for(state, subject, direction, peer, asked),
    )
    assumptions = dict.fromkeys(assumption for assumption in _assumptions(state, side, asked) if assumption)
    return msgspec.structs.replace(side, assumptions=tuple(assumptions))


def _denied_over(state: State, subject: Member, direction: Direction, peer: End, asked: Traffic | None) -> list[Family]:
    if not isinstance(peer, Member):
        return []
    over = {
        family: traffic_over(state, subject, direction, peer, family)
        for family in relevant_families(state, subject, peer)
    }
    denying = [family for family, traffic in over.items() if (asked - traffic if asked else not traffic)]
    return denying if len(denying) < len(over) else []


def _denied_for(state: State, subject: Member, direction: Direction, peer: End, asked: Traffic | None) -> Addresses:
    if isinstance(peer, Member):
        return NO_ADDRESSES
    cells = tiers.allowed_addresses(state.tiers, state.identity(subject), direction)
    denying = (within & peer for within, traffic in cells if (asked - traffic if asked else not traffic))
    denied = reduce(or_, denying, NO_ADDRESSES)
    return denied if peer - denied else NO_ADDRESSES


def _why_exempt(state: State, subject: Member, peer: End) -> str:
    if isinstance(peer, Member) and not relevant_families(state, subject, peer):
        return f"{subject} and {peer} have no address family in common, so they cannot meet"
    return f"{subject} uses its node's network, and policies do not apply to it" if subject.host_network else ""


def _explain_policy(
    state: State, policy: CompiledPolicy, direction: Direction, subject: Member, peer: End, asked: Traffic | None
) -> PolicyReason:
    rules = policy.rules[direction]
    place = policy.origin.at() if policy.origin else None
    return PolicyReason(
        policy, place, tuple(_explain_rule(state, policy, direction, rule, subject, peer, asked) for rule in rules)
    )


def _explain_rule(
    state: State,
    policy: CompiledPolicy,
    direction: Direction,
    rule: CompiledRule,
    subject: Member,
    peer: End,
    asked: Traffic | None,
) -> RuleReason:
    path = f"spec.{direction.field}[{rule.index}]"
    families = (isinstance(peer, Member) and relevant_families(state, subject, peer)) or FAMILIES
    peers = tuple(_explain_peers(state, policy, direction, rule, path, peer, families))
    destination = subject if direction is Direction.INGRESS else peer
    traffic = rule.traffic | _named_traffic(rule, destination)
    selects = rule.peers.everyone or any(one.matches for one in peers)
    carries = not asked - traffic if asked else bool(traffic)
    return RuleReason(
        rule.index,
        selects and carries,
        _rule_reason(rule, direction, peer, destination, peers, selects, carries, traffic, asked),
        policy.origin.at(path) if policy.origin else None,
        peers,
        selects,
        carries,
        traffic,
        tuple(_hints(state, rule, direction, destination, traffic, asked, selects, carries)),
    )


def _explain_peers(
    state: State,
    policy: CompiledPolicy,
    direction: Direction,
    rule: CompiledRule,
    path: str,
    end: End,
    families: tuple[Family, ...],
) -> Iterator[PeerReason]:
    written = rules_of(policy.policy, direction)[rule.index]
    for index, peer in enumerate(written.peers):
        match = _over_families(
            {family: match_peer(peer, policy.namespace, end, (family,), state.namespaces) for family in families}
        )
        field = f"{path}.{direction.peers_field}[{index}]" + (f".{match.field}" if match.field else "")
        place = policy.origin.at(field) if policy.origin else None
        yield PeerReason(index, match.matches, match.reason, place, match.assumption, match.partial)


def _over_families(matches: dict[Family, Match]) -> Match:
    """One match for all families; where they differ, what holds for the families that match."""
    matching = [family for family, match in matches.items() if match.matches]
    first, *rest = matches.values()
    if not rest or len(matching) in (0, len(matches)):
        return first
    match = matches[matching[0]]
    return msgspec.structs.replace(match, reason=f"over {matching[0]} only: {match.reason}", partial=True)


def _named_traffic(rule: CompiledRule, destination: End) -> Traffic:
    """What the rule's port names stand for on the destination."""
    named = (port for port in _named_ports(destination) if (port.name, port.protocol) in rule.port_names)
    return reduce(or_, (Traffic.of(port.protocol, ((port.port, port.port),)) for port in named), NO_TRAFFIC)


def _named_ports(destination: End) -> Iterable[NamedPort]:
    """The ports that have a name on the destination pod; none, if it is no pod with a network of its own."""
    return destination.named_ports if isinstance(destination, Member) and not destination.host_network else ()


def _rule_reason(
    rule: CompiledRule,
    direction: Direction,
    peer: End,
    destination: End,
    peers: tuple[PeerReason, ...],
    selects: bool,
    carries: bool,
    traffic: Traffic,
    asked: Traffic | None,
) -> str:
    if selects and carries:
        return _allowing(rule, direction, peers, traffic)
    reasons = []
    if not selects:
        reasons.append(f"no peer selects {end_text(peer)}")
    if not carries:
        ports = "its ports mean nothing here" if asked is None else f"{asked} is not among its ports"
        reasons.append(ports + (f" ({traffic})" if traffic else "") + _unresolved(rule, destination))
    return ", and ".join(reasons)


def _unresolved(rule: CompiledRule, destination: End) -> str:
    """The rule's port names that name nothing on the destination."""
    known = {(port.name, port.protocol) for port in _named_ports(destination)}
    names = " and ".join(f"{name}/{protocol}" for name, protocol in rule.port_names if (name, protocol) not in known)
    return f": it names {names}, and the destination has no port called so" if names else ""


def _allowing(rule: CompiledRule, direction: Direction, peers: tuple[PeerReason, ...], traffic: Traffic) -> str:
    who = f"{direction.peers_field}[{next((one.index for one in peers if one.matches), 0)}]"
    selected = "it has no peers, so it is for everyone" if rule.peers.everyone else f"{who} matches"
    ports = "on all ports" if traffic == ALL_TRAFFIC else f"on {traffic}"
    return f"{selected}, {ports}"


def _hints(
    state: State,
    rule: CompiledRule,
    direction: Direction,
    destination: End,
    traffic: Traffic,
    asked: Traffic | None,
    selects: bool,
    carries: bool,
) -> Iterator[str]:
    """What the author of a rule that does not allow may have taken for something else."""
    if selects and not carries:
        yield from _service_port_hints(state, destination, traffic, asked)
    if direction is Direction.EGRESS and not selects:
        yield from _cluster_ip_hints(state, destination, rule.peers.addresses)


def _cluster_ip_hints(state: State, destination: End, block: Addresses) -> Iterator[str]:
    """Whether the rule names the address of a Service where it had to name the pods behind it."""
    for service in state.services.values():
        if isinstance(destination, Member) and _selects(service, destination):
            for text in filter(partial(_lies_in, block), service.spec.virtual_addresses()):
                yield (
                    f"{text} is the address of Service {namespace_of(service)}/{service.metadata.name}, which a pod's "
                    "address replaces before policies are looked at: a rule must select the pods"
                )


def _lies_in(block: Addresses, text: str) -> bool:
    try:
        return block.contains(*parse_address(text))
    except ValueError:  # no address, which is for whoever wrote the Service to find out
        return False


def _service_port_hints(state: State, destination: End, traffic: Traffic, asked: Traffic | None) -> Iterator[str]:
    """Whether the rule names the port of a Service where it had to name the port of the pods behind it."""
    if not isinstance(destination, Member) or asked is None:
        return
    for service in state.services.values():
        is_headless = service.spec.cluster_ip == "None"  # and translates no ports
        if is_headless or not _selects(service, destination):
            continue
        for port in service.spec.ports or ():
            if traffic.contains(port.protocol, port.port) and _leads_to(port, destination, asked):
                name = f"{namespace_of(service)}/{service.metadata.name}"
                yield (
                    f"{port.port} is the port of Service {name}, which leads to port {port.target_port} of its pods: "
                    "a rule must name the pods' port"
                )


def _leads_to(port: ServicePort, destination: Member, asked: Traffic) -> bool:
    """Whether a Service turns its port into another, which is the one that was asked for."""
    target = port.target_port
    numbers = (
        [own.port for own in _named_ports(destination) if own.name == target] if isinstance(target, str) else [target]
    )
    return any(number and number != port.port and asked.contains(port.protocol, number) for number in numbers)


def _selects(service: Service, member: Member) -> bool:
    selector = service.spec.selector or {}
    in_reach = bool(selector) and namespace_of(service) == member.namespace
    return in_reach and selector.items() <= member.labels.items()


def _assumptions(state: State, side: SideReason, asked: Traffic | None) -> Iterator[str]:
    """The missing facts without which the side's answer could be another."""
    assert isinstance(side.subject, Member)
    if side.subject.host_network:
        yield from _host_network_assumptions(state, side.subject, side.direction)
        return
    rules = [rule for policy in side.policies for rule in policy.rules]
    surely = reduce(or_, (rule.traffic for rule in rules if _surely_selects(rule)), NO_TRAFFIC)
    unsure = (asked or ALL_TRAFFIC) - surely
    for rule in rules:
        if rule.traffic & unsure:
            yield from (peer.assumption for peer in rule.peers if asked is None or peer.matches is side.allowed)


def _surely_selects(rule: RuleReason) -> bool:
    return not rule.peers or any(peer.matches and not peer.partial and not peer.assumption for peer in rule.peers)


def _host_network_assumptions(state: State, subject: Member, direction: Direction) -> Iterator[str]:
    for policy in state.network_policies.policies(subject.namespace):
        if direction in policy.rules and policy.subject.pods.matches(subject.labels):
            yield f"{subject} uses its node's network: {policy.namespace}/{policy.name} is taken not to apply to it"
