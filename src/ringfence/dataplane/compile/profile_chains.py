"""Profiles as chains: the rules of all policies that isolate a pod in a direction, as a few lookups.

However many policies, rules and peers a profile has, its chain looks, for each address family, into

- two sets of ranges for the peers that are addresses: those allowed everything, and those allowed some ports. `except`
  is subtracted beforehand, ranges that overlap are cut up, and a rule without peers is the range of all addresses;
- a set of pods that are allowed everything;
- a set of (address, protocol, port) for pods that are allowed some ports;
- a set of pods and one of ports, both of which must match, for each rule whose product of the two would be large. The
  set of pods is shared with all other profiles that have such a rule about the same pods.

Sets of ranges are named after what they hold and never change; sets of pods are named after the selectors, and change
as pods come and go.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from ringfence.dataplane.compile.peers import KEYS_OF_ITS_OWN, PROTOCOL_NUMBERS, Grant, PodSet
from ringfence.dataplane.program import (
    ADDRESS,
    FLOW,
    PEER,
    PORT,
    Chain,
    Condition,
    Field,
    Lookup,
    ProtocolIs,
    RangeSet,
    Rule,
    RuleVerdict,
    address_key,
    digest,
    flow_key,
    port_key,
    profile_chain,
)
from ringfence.engine.policies import CompiledRule, Peers, PodSelection, Profile
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.intervals import Intervals
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import ALL_PORTS, ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic

_ANY_PORT: Final[Intervals] = ((0, 65535),)
"""All ports as the kernel counts them: from 0."""


class ProfileChain(NamedTuple):
    """A profile's chain, and the sets that it looks into, by name."""

    chain: Chain
    ranges: dict[str, RangeSet]
    pods: dict[str, PodSet]


class _Allowance(NamedTuple):
    """A rule that allows something, and the sets that it looks into."""

    rule: Rule
    ranges: dict[str, RangeSet]
    pods: dict[str, PodSet]


OwnPorts = frozenset[tuple[str, str, int]]
"""The numbers that a subject gives to the port names in ingress rules, each with its name and protocol."""


def own_ports(profile: Profile, subject: Identity) -> OwnPorts:
    """What a profile's chain depends on besides the profile; nothing for egress, where destinations are asked."""
    if profile.direction is Direction.EGRESS:
        return frozenset()
    return frozenset(
        (name, protocol, port)
        for rule in profile.rules
        for name, protocol in rule.port_names
        for port in subject.ports_named(name, protocol)
    )


def chain_name(profile: Profile, ports: OwnPorts) -> str:
    """The name of a profile's chain for subjects with these ports."""
    policies = frozenset((policy.namespace, policy.name) for policy in profile.policies)
    return f"{profile.direction.field}_{digest((policies, ports))}"


def build_chain(state: State, profile: Profile, subject: Identity, families: Iterable[Family]) -> ProfileChain | None:
    """The chain of a profile for a subject; None if it allows everything, and so isolates nobody."""
    rulings = state.network_policies.address_rulings(subject, profile.direction)
    cells = [(addresses, ruling.allow) for addresses, ruling in rulings]
    if cells == [(ALL_ADDRESSES, ALL_TRAFFIC)]:
        return None
    allowances = [
        allowance
        for family in families
        for allowance in (
            *_for_addresses(profile.direction, family, cells),
            *_for_pods(state, profile, subject, family),
        )
    ]
    return ProfileChain(
        profile_chain(profile.direction, tuple(one.rule for one in allowances)),
        {name: ranges for one in allowances for name, ranges in one.ranges.items()},
        {name: pods for one in allowances for name, pods in one.pods.items()},
    )


# --- peers that are addresses -----------------------------------------------------------------------------------------


def _for_addresses(direction: Direction, family: Family, cells: Partition[Addresses, Traffic]) -> Iterator[_Allowance]:
    peer = PEER[direction][family]
    wholly: Intervals = intervals.NOTHING
    flows: list[tuple[bytes, bytes]] = []
    for addresses, traffic in cells:
        ranges = addresses.ranges(family)
        if traffic.other:
            wholly = intervals.union(wholly, ranges)
        else:
            flows += _boxes(family, ranges, traffic)
    if wholly:
        spans = frozenset((address_key(family, low), address_key(family, high)) for low, high in wholly)
        yield _within(f"blocks{family:d}", (peer,), RangeSet(ADDRESS[family], spans))
    if flows:
        yield _within(f"flowblocks{family:d}", (peer, *_FLOW), RangeSet(FLOW[family], frozenset(flows)))


_FLOW: Final = (Field.PROTOCOL, Field.PORT)


def _boxes(family: Family, ranges: Intervals, traffic: Traffic) -> Iterator[tuple[bytes, bytes]]:
    for protocol in PROTOCOLS:
        number = PROTOCOL_NUMBERS[protocol]
        for first, last in _in_kernel(traffic.ports(protocol)):
            for low, high in ranges:
                yield (
                    flow_key(address_key(family, low), number, first),
                    flow_key(address_key(family, high), number, last),
                )


def _within(word: str, fields: tuple[Field, ...], ranges: RangeSet) -> _Allowance:
    name = f"{word}_{digest(ranges.elements)}"
    return _Allowance(_allowing(Lookup(fields, name)), {name: ranges}, {})


# --- peers that are pods ----------------------------------------------------------------------------------------------


class _Group(NamedTuple):
    """Pods that are allowed the same, and how many keys they would take in a set of the profile's own."""

    grant: Grant
    traffic: Traffic
    keys: int


def _for_pods(state: State, profile: Profile, subject: Identity, family: Family) -> Iterator[_Allowance]:
    peer = PEER[profile.direction][family]
    groups = [_group(state, family, peers, traffic) for peers, traffic in _allowed_pods(profile, subject)]
    wholly, sharing_wholly = _divided([group for group in groups if group.traffic.other])
    partly, sharing_partly = _divided([group for group in groups if not group.traffic.other])
    grants = frozenset(group.grant for group in partly) | _grants_by_name(profile)
    if wholly:
        yield _among((peer,), PodSet(family, False, frozenset(group.grant for group in wholly)))
    if grants:
        yield _among((peer, *_FLOW), PodSet(family, True, grants))
    for group in sharing_wholly:
        yield _among((peer,), _shared(family, group))
    for group in sharing_partly:
        among = _among((peer,), _shared(family, group))
        for protocol in PROTOCOLS:
            if ports := group.traffic.ports(protocol):
                yield _narrowed(among, protocol, ports)


def _allowed_pods(profile: Profile, subject: Identity) -> Iterator[tuple[Peers, Traffic]]:
    """The traffic that rules allow by number, or that the subject's own port names stand for, by their selectors."""
    allowed: defaultdict[frozenset[PodSelection], Traffic] = defaultdict(lambda: NO_TRAFFIC)
    for rule in profile.rules:
        if rule.peers.selections:
            allowed[frozenset(rule.peers.selections)] |= rule.traffic | _own_traffic(profile, rule, subject)
    for selections, traffic in allowed.items():
        if traffic:
            yield Peers(everyone=False, selections=tuple(sorted(selections, key=digest))), traffic


def _group(state: State, family: Family, peers: Peers, traffic: Traffic) -> _Group:
    identities = state.population.identities(state.network_policies.peers(peers, family))
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


def _grants_by_name(profile: Profile) -> frozenset[Grant]:
    """What egress rules allow by port names: the destination pods say which numbers these are.

    The destinations may be any pods that the rule's peers name, be it by selectors, by address or by naming nobody.
    """
    if profile.direction is Direction.INGRESS:
        return frozenset()
    return frozenset(Grant(rule.peers, names=frozenset(rule.port_names)) for rule in profile.rules if rule.port_names)


def _among(fields: tuple[Field, ...], pods: PodSet) -> _Allowance:
    name = pods.name
    return _Allowance(_allowing(Lookup(fields, name)), {}, {name: pods})


def _narrowed(among: _Allowance, protocol: str, ports: Intervals) -> _Allowance:
    """The same pods, but some ports of one protocol only."""
    conditions = (*among.rule.conditions, ProtocolIs(PROTOCOL_NUMBERS[protocol]))
    if ports == ALL_PORTS:
        return _Allowance(_allowing(*conditions), {}, among.pods)
    ranges = RangeSet(PORT, frozenset((port_key(first), port_key(last)) for first, last in ports))
    name = f"ports_{digest(ranges.elements)}"
    return _Allowance(_allowing(*conditions, Lookup((Field.PORT,), name)), {name: ranges}, among.pods)


def _own_traffic(profile: Profile, rule: CompiledRule, subject: Identity) -> Traffic:
    traffic = NO_TRAFFIC
    if profile.direction is Direction.INGRESS:
        for name, protocol in rule.port_names:
            traffic |= Traffic.of(protocol, ((port, port) for port in subject.ports_named(name, protocol)))
    return traffic


def _allowing(*conditions: Condition) -> Rule:
    return Rule(conditions, RuleVerdict.RETURN)


def _in_kernel(ports: Intervals) -> Intervals:
    return _ANY_PORT if ports == ALL_PORTS else ports
