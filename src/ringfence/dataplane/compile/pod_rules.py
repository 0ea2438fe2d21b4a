"""Peers that are pods: sets named after the selectors, which change as pods come and go."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from ringfence.dataplane.compile.allowances import Allowance, allowing
from ringfence.dataplane.compile.peers import KEYS_OF_ITS_OWN, Grant, PodSet
from ringfence.dataplane.compile.traffic_rules import traffic_conditions
from ringfence.dataplane.program import PEER, Field, Lookup, digest
from ringfence.engine.policies import CompiledRule, OwnPorts, Peers, PodSelection, Stack
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.addresses import Family
from ringfence.sets.traffic import NO_TRAFFIC, PROTOCOLS, Traffic


class _Group(NamedTuple):
    """Pods that are allowed the same, and how many keys they would take in a set of the profile's own."""

    grant: Grant
    traffic: Traffic
    keys: int


def for_pods(state: State, stack: Stack, own: OwnPorts, family: Family) -> Iterator[Allowance]:
    """Rules that allow what the rules of a stack, all of which allow, say of pods."""
    direction = stack[0].direction
    rules = [rule for profile in stack for rule in profile.rules]
    peer = PEER[direction][family]
    groups = [_group(state, family, peers, traffic) for peers, traffic in _allowed_pods(rules, own)]
    wholly, sharing_wholly = _divided([group for group in groups if group.traffic.other])
    partly, sharing_partly = _divided([group for group in groups if not group.traffic.other])
    grants = frozenset(group.grant for group in partly) | _grants_by_name(direction, rules)
    if wholly:
        yield _among((peer,), PodSet(family, False, frozenset(group.grant for group in wholly)))
    if grants:
        yield _among((peer, Field.PROTOCOL, Field.PORT), PodSet(family, True, grants))
    for group in sharing_wholly:
        yield _among((peer,), _shared(family, group))
    for group in sharing_partly:
        yield from _narrowed(_among((peer,), _shared(family, group)), group.traffic)


def _allowed_pods(rules: Iterable[CompiledRule], own: OwnPorts) -> Iterator[tuple[Peers, Traffic]]:
    """The traffic that rules allow by number, or that the subject's own port names stand for, by their selectors."""
    allowed: defaultdict[frozenset[PodSelection], Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for rule in rules:
        if rule.peers.selections:
            allowed[frozenset(rule.peers.selections)] |= rule.traffic | _own_traffic(rule, own)
    for selections, traffic in allowed.items():
        if traffic:
            yield Peers(everyone=False, selections=tuple(sorted(selections, key=digest))), traffic


def _group(state: State, family: Family, peers: Peers, traffic: Traffic) -> _Group:
    identities = state.population.identities(state.tiers.peers(peers, family))
    pods = sum(len(identity) for identity in identities)
    if traffic.other:
        return _Group(Grant(peers), traffic, pods)
    numbers = sum(intervals.size(traffic.ports(protocol)) for protocol in PROTOCOLS)
    if pods * numbers > KEYS_OF_ITS_OWN:
        return _Group(Grant(peers), traffic, pods * numbers)
    ports = (
        (protocol, port)
        for protocol in PROTOCOLS
        for first, last in traffic.ports(protocol)
        for port in range(first, last + 1)
    )
    return _Group(Grant(peers, frozenset(ports)), traffic, pods * numbers)


def _divided(groups: list[_Group]) -> tuple[list[_Group], list[_Group]]:
    """As many groups, the smallest first, as one set of the profile's own can take; and the others."""
    ordered = sorted(groups, key=lambda group: (group.keys, digest(group.grant)))
    sizes = accumulate(group.keys for group in ordered)
    fitting = sum(1 for size in sizes if size <= KEYS_OF_ITS_OWN)
    return ordered[:fitting], ordered[fitting:]


def _shared(family: Family, group: _Group) -> PodSet:
    return PodSet(family, False, frozenset({Grant(group.grant.peers)}))


def _grants_by_name(direction: Direction, rules: Iterable[CompiledRule]) -> frozenset[Grant]:
    """What egress rules allow by port names: the destination pods have the numbers.

    The destinations are all pods that the rule's peers match: by selectors, by address, or because there are no peers.
    """
    if direction is Direction.INGRESS:
        return frozenset()
    return frozenset(Grant(rule.peers, names=frozenset(rule.port_names)) for rule in rules if rule.port_names)


def _among(fields: tuple[Field, ...], pods: PodSet) -> Allowance:
    name = pods.name
    return Allowance(allowing(Lookup(fields, name)), {}, {name: pods})


def _narrowed(among: Allowance, traffic: Traffic) -> Iterator[Allowance]:
    """The same pods, but some traffic only."""
    for conditions, fixed in traffic_conditions(traffic):
        yield Allowance(allowing(*among.rule.conditions, *conditions), fixed, among.pods)


def _own_traffic(rule: CompiledRule, own: OwnPorts) -> Traffic:
    """What a rule's port names stand for at a subject with these ports of its own: for ingress only."""
    traffic = NO_TRAFFIC
    for name, protocol, port in own:
        if (name, protocol) in rule.port_names:
            traffic |= Traffic.of(protocol, ((port, port),))
    return traffic
