"""What a stack of profiles decides: for one port, for all peers, for all addresses outside the cluster.

All three apply the same order: within a profile the first rule that matches decides; a rule that passes skips the rest
of its profile; what no rule of a profile matches gets the profile's action `otherwise`; what no profile decides is
allowed.

Source: network-policy-api, "Evaluation order"; for NetworkPolicy alone, the Kubernetes documentation, "The two sorts of
pod isolation".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Final, NamedTuple

from ringfence.engine.policies.profiles import AddressRule, OwnPorts, PortQuestion, PortRuling, Profile, Stack, is_union
from ringfence.engine.policies.rules import Action, CompiledRule, Peers
from ringfence.engine.policies.selection import Selections
from ringfence.engine.population import Identity, Member, NamedPort, Population, PortName
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval
from ringfence.sets.overlays import overlay_of_addresses, overlay_of_members
from ringfence.sets.partitions import E, Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class Rulings:
    """Evaluates profiles over the pods of a population."""

    def __init__(self, population: Population, selections: Selections) -> None:
        self._population = population
        self._selections = selections

    def peers(self, peers: Peers, family: Family) -> Bitset:
        """The identities that a rule is about, as peers reached over one family."""
        if peers.everyone:
            return self._population.everyone
        bits = self._selections.union(peers.selections)
        return bits | self._selections.in_block(peers.block, family) if peers.block else bits

    # --- one port ---------------------------------------------------------------------------------------------------

    def on_port(self, profile: Profile, subject: Identity, question: PortQuestion) -> PortRuling:
        """The ruling of a profile for every peer of `subject` on one port; cached while nothing changes."""
        remembered = profile.rulings(self._selections.version)
        names = _own_names(profile, subject, question)
        key = (question, names) if names else question
        ruling = remembered.get(key)
        if ruling is None:
            ruling = remembered[key] = self._find_on_port(profile, names, question)
        return ruling

    def allows(self, stack: Stack, subject: Identity, peer: Identity, question: PortQuestion) -> bool:
        """Whether a stack allows one port with one peer: the first profile that does not pass decides."""
        version = self._selections.version
        for profile in stack:
            action = self._on_pair(profile, subject, peer, question, version)
            if action is not Action.PASS:
                return action is Action.ALLOW
        return True

    def on_pair(self, profile: Profile, subject: Identity, peer: Identity, question: PortQuestion) -> Action:
        """What a profile does with one port between `subject` and one peer: `on_port`, for this peer alone."""
        return self._on_pair(profile, subject, peer, question, self._selections.version)

    def _on_pair(
        self, profile: Profile, subject: Identity, peer: Identity, question: PortQuestion, version: object
    ) -> Action:
        """`on_pair`, with the version of all selections.

        The first question after a change is often the only one, so only the rules up to the first that matches are
        looked at. From the second on, the ruling for all peers is worth its time.
        """
        bit, remembered = peer.bit, profile.rulings(version)
        names = _own_names(profile, subject, question)
        key = (question, names) if names else question
        ruling = remembered.get(key)
        if ruling is None:
            if key not in remembered:
                remembered[key] = None
                return self._first_matching(profile, names, bit, question)
            ruling = remembered[key] = self._find_on_port(profile, names, question)
        allow, deny = ruling
        if allow >> bit & 1:
            return Action.ALLOW
        return Action.DENY if deny >> bit & 1 else Action.PASS

    def _first_matching(self, profile: Profile, own_names: frozenset[str], bit: int, question: PortQuestion) -> Action:
        """The action of the first rule that matches one peer on a port; rules of one step do the same."""
        for action, rules in profile.steps:
            for rule in rules:
                if self._matching_port(profile.direction, rule, own_names, question) >> bit & 1:
                    return action
        return profile.otherwise

    def _find_on_port(self, profile: Profile, own_names: frozenset[str], question: PortQuestion) -> PortRuling:
        everyone = self._population.everyone
        allow: Bitset = 0
        deny: Bitset = 0
        undecided = everyone
        for action, rules in profile.steps:
            of_rules = (self._matching_port(profile.direction, rule, own_names, question) for rule in rules)
            matched = undecided & reduce(or_, of_rules, 0)
            undecided &= ~matched
            if action is Action.ALLOW:
                allow |= matched
            elif action is Action.DENY:
                deny |= matched
        if profile.otherwise is Action.DENY:
            deny |= undecided
        return PortRuling(allow, deny)

    def _matching_port(
        self, direction: Direction, rule: CompiledRule, own_names: frozenset[str], question: PortQuestion
    ) -> Bitset:
        """The peers that a rule matches on a port."""
        family, protocol, port = question
        if rule.traffic.contains(protocol, port):
            return self.peers(rule.peers, family)
        if not rule.port_names:
            return 0
        names = rule.names_of(protocol)
        if direction is Direction.EGRESS:
            named = reduce(or_, (self._population.holding(NamedPort(name, protocol, port)) for name in names), 0)
            return self.peers(rule.peers, family) & named
        return 0 if own_names.isdisjoint(names) else self.peers(rule.peers, family)

    # --- all peers --------------------------------------------------------------------------------------------------

    def on_peers(self, stack: Stack, own: OwnPorts, family: Family) -> Partition[Bitset, Traffic]:
        """The traffic that a stack allows with every identity, for subjects that have these ports of their own."""

        def matched(rule: CompiledRule) -> Iterator[tuple[Bitset, Traffic]]:
            return self.rule_traffic(rule, stack[0].direction, self.peers(rule.peers, family), own)

        return settled(self._population.everyone, stack, matched, overlay_of_members)

    def on_peer(self, stack: Stack, own: OwnPorts, peer: Member, family: Family) -> Traffic:
        """The traffic that a stack allows with one pod, for subjects that have these ports of their own.

        The same as the cell of `on_peers` in which the pod is, without looking at other pods.
        """
        identity = self._population.identity_of(peer)

        def matched(rule: CompiledRule) -> Iterator[tuple[Bitset, Traffic]]:
            if self._is_peer(rule.peers, peer, identity, family):
                yield 1, own_traffic(rule, own)
                if rule.port_names and stack[0].direction is Direction.EGRESS:
                    for name, protocol in identity.port_names.keys() & rule.port_names:
                        for port in identity.ports_named(name, protocol):
                            yield 1, Traffic.of(protocol, ((port, port),))

        ((_, traffic),) = settled(1, stack, matched, overlay_of_members)
        return traffic

    def _is_peer(self, peers: Peers, peer: Member, identity: Identity, family: Family) -> bool:
        """Whether a rule is about a pod, reached over one family."""
        if peers.everyone or any(self._selections.pods(one) >> identity.bit & 1 for one in peers.selections):
            return True
        if peers.block is None:
            return False
        if not peer.addresses:
            return peers.block.covers_family
        return any(peers.block.addresses.contains(family, number) for of, number in peer.addresses if of is family)

    def rule_traffic(
        self, rule: CompiledRule, direction: Direction, peers: Bitset, own: OwnPorts
    ) -> Iterator[tuple[Bitset, Traffic]]:
        """The traffic that a rule is about with some peers, for subjects that have these ports of their own.

        Extents overlap: what a rule is about with a peer is the union over all that contain it.
        """
        yield peers, own_traffic(rule, own)
        if rule.port_names and direction is Direction.EGRESS:
            yield from self._named_at(rule, peers)

    def _named_at(self, rule: CompiledRule, destinations: Bitset) -> Iterator[tuple[Bitset, Traffic]]:
        """The traffic that a rule's port names stand for, at each of the destinations that have such ports."""
        for name in rule.port_names:
            for port in self._population.ports_named(name):
                if named := destinations & self._population.holding(port):
                    yield named, Traffic.of(port.protocol, ((port.port, port.port),))

    # --- all addresses ----------------------------------------------------------------------------------------------

    def on_addresses(
        self, stack: Stack, own: OwnPorts, within: Addresses = ALL_ADDRESSES
    ) -> Partition[Addresses, Traffic]:
        """The traffic that a stack allows with every address outside the cluster, of those `within`.

        A port name is looked up on the destination, so outside the cluster it never means anything.
        """

        def matched(rule: CompiledRule) -> Iterator[AddressRule]:
            if meant := extent_of(rule) & within:
                yield meant, own_traffic(rule, own)

        return settled(within, stack, matched, overlay_of_addresses)

    def address_rules(self, stack: Stack, own: OwnPorts) -> list[AddressRule]:
        """What a stack allows with addresses outside the cluster, as rules whose union it is.

        Unlike the cells of `on_addresses`, rules may overlap in both addresses and traffic. So they are as many and as
        long as the policies are, where the cells can be as long as the square of that: of 3,000 rules that each leave
        out one address and allow one port, each of 3,001 cells has 2,999 ports or more.
        """
        if not is_union(stack):
            return [cell for cell in self.on_addresses(stack, own) if cell[1]]
        numbers = _numbers(own)
        named = ((rule, name) for profile in stack for name in numbers for rule in profile.naming(name))
        by_name = [(extent, numbers[name]) for rule, name in named if (extent := extent_of(rule))]
        if len(stack) == 1 and not by_name:
            return self._by_number(stack[0])
        return _joined([*(pair for profile in stack for pair in self._by_number(profile)), *by_name])

    def joined_address_rules(self, rules: Iterable[CompiledRule], own: OwnPorts) -> list[AddressRule]:
        """What some rules, all of which allow, say of addresses outside the cluster, as `address_rules` of a stack."""
        pairs = ((extent_of(rule), own_traffic(rule, own)) for rule in rules)
        return _joined((extent, traffic) for extent, traffic in pairs if extent and traffic)

    def _by_number(self, profile: Profile) -> list[AddressRule]:
        """What the rules of a profile allow by number, which is the same for all subjects."""
        if profile.address_rules is None:
            pairs = ((extent, rule.traffic) for rule in profile.rules if (extent := extent_of(rule)) and rule.traffic)
            profile.address_rules = _joined(pairs)
        return profile.address_rules


def extent_of(rule: CompiledRule) -> Addresses:
    """The addresses outside the cluster that a rule is about."""
    return ALL_ADDRESSES if rule.peers.everyone else rule.peers.addresses


def _joined(rules: Iterable[AddressRule]) -> list[AddressRule]:
    """Rules with the same union: those of equal addresses are joined, then those of equal traffic."""
    by_addresses: defaultdict[Addresses, list[Traffic]] = defaultdict(list)
    for addresses, traffic in rules:
        by_addresses[addresses].append(traffic)
    by_traffic: defaultdict[Traffic, list[Addresses]] = defaultdict(list)
    for addresses, traffics in by_addresses.items():
        by_traffic[Traffic.union_of(traffics)].append(addresses)
    return [(Addresses.union_of(some), traffic) for traffic, some in by_traffic.items()]


def _own_names(profile: Profile, subject: Identity, question: PortQuestion) -> frozenset[str]:
    """The names in a profile's ingress rules by which the subject itself calls the port in question."""
    if not profile.port_names or profile.direction is Direction.EGRESS:
        return _NO_NAMES
    _, protocol, port = question
    named = profile.port_names
    found = [
        name[0]
        for name, numbers in subject.port_names.items()
        if port in numbers and name[1] == protocol and name in named
    ]
    return frozenset(found) if found else _NO_NAMES


_NO_NAMES: Final[frozenset[str]] = frozenset()


def own_traffic(rule: CompiledRule, own: OwnPorts) -> Traffic:
    """The traffic that a rule means at a subject with these ports of its own: by number, and by name."""
    if not rule.port_names or not own:
        return rule.traffic
    numbers = _numbers(own)
    named = [numbers[name] for name in rule.port_names if name in numbers]
    return Traffic.union_of([rule.traffic, *named]) if named else rule.traffic


@lru_cache(maxsize=64)  # asked for each rule of the same stack, one after another
def _numbers(own: OwnPorts) -> dict[PortName, Traffic]:
    """What each port name stands for at a subject."""
    numbers: defaultdict[PortName, list[Interval]] = defaultdict(list)
    for name, protocol, port in own:
        numbers[name, protocol].append((port, port))
    return {name: Traffic.of(name[1], ports) for name, ports in numbers.items()}


class _Standing(NamedTuple):
    """What is decided so far: what is allowed, what is undecided, and what this profile passes to the next."""

    allowed: Traffic
    undecided: Traffic
    passed: Traffic


_Matched = Callable[[CompiledRule], Iterable[tuple[E, Traffic]]]
"""What a rule is about: extents (peers or addresses), each with the traffic meant there."""


_Overlay = Callable[[Sequence[tuple[E, Traffic]], E], Partition[E, Traffic]]
"""Makes a partition of a whole by the traffic of extents."""


def settled(whole: E, stack: Stack, matched: _Matched[E], overlay: _Overlay[E]) -> Partition[E, Traffic]:
    """The traffic that a stack allows, for everything in `whole`, given what each rule is about."""
    if not whole:
        return []
    if len(stack) == 1 and is_union(stack):
        return _union(whole, stack[0].rules, matched, overlay)  # NetworkPolicy alone, as in most clusters
    standing: Partition[E, _Standing] = [(whole, _Standing(NO_TRAFFIC, ALL_TRAFFIC, NO_TRAFFIC))]
    for profile in stack:
        for action, rules in profile.steps:
            for extent, traffic in _union(whole, rules, matched, overlay):
                if traffic:
                    standing = changed_within(standing, extent, _applying(action, traffic))
        standing = merged((extent, _concluded(one, profile.otherwise)) for extent, one in standing)
    return merged((extent, one.allowed | one.undecided) for extent, one in standing)


def _union(
    whole: E, rules: Iterable[CompiledRule], matched: _Matched[E], overlay: _Overlay[E]
) -> Partition[E, Traffic]:
    """The traffic that any of the rules matches."""
    by_extent: dict[E, list[Traffic]] = {}
    for rule in rules:
        for extent, traffic in matched(rule):
            if extent and traffic:
                by_extent.setdefault(extent, []).append(traffic)
    return overlay([(extent, Traffic.union_of(some)) for extent, some in by_extent.items()], whole)


def _applying(action: Action, traffic: Traffic) -> Callable[[_Standing], _Standing]:
    def apply(standing: _Standing) -> _Standing:
        allowed, undecided, passed = standing
        meant = undecided & traffic
        if action is Action.ALLOW:
            allowed |= meant
        elif action is Action.PASS:
            passed |= meant
        return _Standing(allowed, undecided - traffic, passed)

    return apply


def _concluded(standing: _Standing, otherwise: Action) -> _Standing:
    """The result after the last rule of a profile."""
    allowed, undecided, passed = standing
    match otherwise:
        case Action.ALLOW:
            return _Standing(allowed | undecided, passed, NO_TRAFFIC)
        case Action.DENY:
            return _Standing(allowed, passed, NO_TRAFFIC)
        case Action.PASS:
            return _Standing(allowed, undecided | passed, NO_TRAFFIC)
