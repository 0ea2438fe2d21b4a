"""What a stack of profiles decides: for all peers, and for all addresses outside the cluster.

Both apply the same order: within a profile the first rule that matches decides; a rule that passes skips the rest
of its profile; what no rule of a profile matches gets the profile's action `otherwise`; what no profile decides is
allowed.

Source: network-policy-api, "Evaluation order"; for NetworkPolicy alone, the Kubernetes documentation, "The two sorts of
pod isolation".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ringfence.engine.policies.profiles import NO_OWN_PORTS, AddressRule, OwnPorts, Profile, Stack, is_union
from ringfence.engine.policies.rules import Action, CompiledRule, Peers
from ringfence.engine.policies.selection import Selections
from ringfence.engine.population import Identity, Member, Population, PortName
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Interval
from ringfence.sets.overlays import overlay_of_addresses, overlay_of_members
from ringfence.sets.partitions import E, Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.steps import Steps


class Rulings:
    """Evaluates profiles over the pods of a population."""

    def __init__(self, population: Population, selections: Selections) -> None:
        self._population = population
        self._selections = selections

    # --- all peers --------------------------------------------------------------------------------------------------

    def on_peers(self, stack: Stack, own: OwnPorts, family: Family) -> Partition[Bitset, Traffic]:
        """The traffic that a stack allows with every identity, for subjects that have these ports of their own."""

        def matched(rule: CompiledRule) -> Iterator[tuple[Bitset, Traffic]]:
            return self.rule_traffic(rule, stack[0].direction, rule.peers.among(self._selections, family), own)

        return settled(self._population.everyone, stack, matched, overlay_of_members)

    def on_peer(self, stack: Stack, own: OwnPorts, peer: Member, family: Family) -> Traffic:
        """The traffic that a stack allows with one pod, for subjects that have these ports of their own.

        The same as the cell of `on_peers` in which the pod is, without looking at other pods.
        """
        identity = self._population.identity_of(peer)

        def matched(rule: CompiledRule) -> Iterator[tuple[Bitset, Traffic]]:
            if self._is_peer(rule.peers, peer, identity, family):
                # One pod is a whole of one member, so the bitset 1 is its extent and `settled` serves both.
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
        if peers.block is None or not (peers.block.nodes if peer.host_network else peers.block.pods):
            return False
        # A block that covers a family contains any address; another one is assumed not to contain an unknown one
        # (`matching.unknown_address_match`).
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
        if len(stack) == 1 and not own and within is ALL_ADDRESSES:
            return list(self._cells_of(stack[0]))
        return self._settled_addresses(stack, own, within)

    def _cells_of(self, profile: Profile) -> Partition[Addresses, Traffic]:
        """The same for one profile, all addresses and subjects without own ports: lists ask it for each pod."""
        if profile.address_cells is None:
            cells = self._settled_addresses((profile,), NO_OWN_PORTS, ALL_ADDRESSES)
            if len(cells) > _MOST_REMEMBERED:
                return cells
            profile.address_cells = cells
        return profile.address_cells

    def _settled_addresses(self, stack: Stack, own: OwnPorts, within: Addresses) -> Partition[Addresses, Traffic]:
        def matched(rule: CompiledRule) -> Iterator[AddressRule]:
            if meant := extent_of(rule) & within:
                yield meant, own_traffic(rule, own)

        return settled(within, stack, matched, overlay_of_addresses)

    def address_rules(self, stack: Stack, own: OwnPorts) -> Steps[list[AddressRule]]:
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
        by_number: list[AddressRule] = []
        for profile in stack:
            by_number += yield from self._by_number(profile)
        if len(stack) == 1 and not by_name:
            return by_number
        return (yield from _joined([*by_number, *by_name]))

    def joined_address_rules(self, rules: Iterable[CompiledRule], own: OwnPorts) -> Steps[list[AddressRule]]:
        """What some rules, all of which allow, say of addresses outside the cluster, as `address_rules` of a stack."""
        pairs = ((extent_of(rule), own_traffic(rule, own)) for rule in rules)
        return _joined((extent, traffic) for extent, traffic in pairs if extent and traffic)

    def _by_number(self, profile: Profile) -> Steps[list[AddressRule]]:
        """What the rules of a profile allow by number, which is the same for all subjects."""
        if profile.address_rules is None:
            pairs = ((extent, rule.traffic) for rule in profile.rules if (extent := extent_of(rule)) and rule.traffic)
            profile.address_rules = yield from _joined(pairs)
        return profile.address_rules


def extent_of(rule: CompiledRule) -> Addresses:
    """The addresses outside the cluster that a rule is about."""
    return ALL_ADDRESSES if rule.peers.everyone else rule.peers.addresses


_MOST_REMEMBERED: Final = 100
"""Cells of addresses that a profile keeps: most have a few, and thousands could each have as many ports."""

_STEP: Final = 1_000
"""Rules that are joined in one step."""


def _joined(rules: Iterable[AddressRule]) -> Steps[list[AddressRule]]:
    """Rules with the same union: those of equal addresses are joined, then those of equal traffic."""
    by_addresses: defaultdict[Addresses, list[Traffic]] = defaultdict(list)
    for count, (addresses, traffic) in enumerate(rules, 1):
        by_addresses[addresses].append(traffic)
        if count % _STEP == 0:
            yield
    by_traffic: defaultdict[Traffic, list[Addresses]] = defaultdict(list)
    for count, (addresses, traffics) in enumerate(by_addresses.items(), 1):
        by_traffic[Traffic.union_of(traffics)].append(addresses)
        if count % _STEP == 0:
            yield
    found: list[AddressRule] = []
    for count, (traffic, some) in enumerate(by_traffic.items(), 1):
        found.append((Addresses.union_of(some), traffic))
        if count % _STEP == 0:
            yield
    return found


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
                # Rules with equal peers are united before the overlay, whose work grows with the number of different
                # extents.
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
        # What a rule passes is no longer undecided here: later rules of the tier must not decide about it.
        return _Standing(allowed, undecided - traffic, passed)

    return apply


def _concluded(standing: _Standing, otherwise: Action) -> _Standing:
    """The result after the last rule of a profile."""
    allowed, undecided, passed = standing
    match otherwise:
        case Action.ALLOW:
            return _Standing(allowed | undecided, passed, NO_TRAFFIC)
        case Action.DENY:
            # A tier that denies the rest still hands on what a rule passed.
            return _Standing(allowed, passed, NO_TRAFFIC)
        case Action.PASS:
            return _Standing(allowed, undecided | passed, NO_TRAFFIC)
