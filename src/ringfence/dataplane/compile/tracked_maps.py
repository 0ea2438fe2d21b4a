"""The elements of peer maps, kept up to date while pods come and go.

What is allowed with a peer depends on which rules are about it. Peers that the same rules are about are decided once,
and after a change only those are decided again that other rules are about.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Final

import msgspec

from ringfence.dataplane.compile.allowances import allowing
from ringfence.dataplane.compile.peer_maps import PeerMap
from ringfence.dataplane.compile.peers import Owners, owners_of
from ringfence.dataplane.compile.precedence import Ruling, allowed
from ringfence.dataplane.compile.signatures import Signature, signatures
from ringfence.dataplane.compile.traffic_rules import (
    ALL_NUMBERS,
    NUMBERS,
    OTHER_PROTOCOLS,
    TRAFFIC_FIELDS,
    WITHOUT_PORTS,
    WITHOUT_PORTS_SETS,
    numbered,
    traffic_ranges,
    without_others,
)
from ringfence.dataplane.program import (
    ADDRESS,
    CLASS_TRAFFIC,
    DENIED,
    Chain,
    ClassLookup,
    Collection,
    Goto,
    KeyRange,
    Move,
    RangeSet,
    Rule,
    VerdictMap,
    address_key,
    digest,
    digest_of_ranges,
)
from ringfence.engine.policies import Peers
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import intervals
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Intervals


class PeerClass(msgspec.Struct, frozen=True):
    """What is allowed with some peers: the chain to which their addresses lead, and what it looks into."""

    chain: Chain
    contents: frozenset[KeyRange]
    fixed: dict[str, Collection]


_REMEMBERED: Final = 4096
"""The number of signatures for which is remembered what is allowed: pods come and go without end."""

_Part = tuple[int, Intervals]
"""A part of a rule: its place among the rules, and some of the traffic that it is about with its peers."""


class TrackedMap:
    """A peer map's elements for the present state."""

    def __init__(self, what: PeerMap, state: State) -> None:
        self._what = what
        self._state = state
        self._classes: dict[str, PeerClass] = {}
        self._settled: dict[Signature, Intervals] = {}
        self._parts: dict[_Part, Bitset] = {}
        self._allowed: dict[int, Intervals] = {}
        """What is allowed with the identities that are in the map, by their bits."""
        self._names: dict[Intervals, str] = {}
        """The names of the chains of classes, by what is allowed: there are far fewer than addresses."""
        self.map = VerdictMap(ADDRESS[what.family])
        self.contents = RangeSet(CLASS_TRAFFIC)
        self._update(self._owners(self._reselect()))

    def refresh(self, owners: Owners, *, others_selected: bool) -> None:
        """Update the elements of some addresses, because their pods have changed.

        Where selectors may select other pods than before, the pods that are allowed something else are updated, too.
        """
        if others_selected:
            # Bits of identities that are gone have no pods to look up. The addresses of their pods are in `owners`.
            changed = self._reselect() & self._state.population.everyone
            owners = {**owners, **self._owners(changed)}
        self._update(owners)

    def collections(self) -> Iterator[tuple[str, Collection]]:
        """The map, and the set with the contents of its classes if they have any, by name."""
        yield self._what.name, self.map
        if self.contents.elements:
            yield self._what.contents_name, self.contents

    def classes(self) -> Iterator[tuple[str, PeerClass]]:
        """The classes to which the elements lead, by the names of their chains; that of denials excepted."""
        return ((name, self._classes[name]) for name in self.map.elements if name in self._classes)

    # --- what is allowed --------------------------------------------------------------------------------------------

    def _reselect(self) -> Bitset:
        """Find out which identities the rules are about; returns those with which something else may be allowed."""
        before, self._parts = self._parts, self._current_parts()
        if list(before) != list(self._parts):
            self._settled = {}
            changed = self._state.population.everyone
        else:
            changed = reduce(lambda found, part: found | (before[part] ^ self._parts[part]), self._parts, 0)
        selected = self._selected()
        for bit in [bit for bit in self._allowed if not selected >> bit & 1]:
            del self._allowed[bit]
        for bit, signature in signatures(list(self._parts.values()), changed & selected):
            self._allowed[bit] = self._settle(signature)
        return changed

    def _current_parts(self) -> dict[_Part, Bitset]:
        """The parts of all rules, in the order of the rules, and the identities that they are about."""
        what, tiers = self._what, self._state.tiers
        found: defaultdict[_Part, Bitset] = defaultdict(int)
        for place, (_, rule) in enumerate(what.rules):
            peers = tiers.peers(rule.peers, what.family)
            for bits, traffic in tiers.rule_traffic(rule, what.direction, peers, what.own):
                if traffic:
                    found[place, numbered(traffic)] |= bits
        return found

    def _selected(self) -> Bitset:
        """The identities that are in the map."""
        what, tiers = self._what, self._state.tiers
        selected: Bitset = 0
        for _, rule in what.rules:
            if rule.peers.selections:
                selected |= tiers.peers(Peers(everyone=False, selections=rule.peers.selections), what.family)
            if rule.port_names and what.direction is Direction.EGRESS:
                _, *named = tiers.rule_traffic(rule, what.direction, tiers.peers(rule.peers, what.family), what.own)
                selected = reduce(lambda found, part: found | part[0], named, selected)
        return selected

    def _settle(self, signature: Signature) -> Intervals:
        if signature not in self._settled:
            if len(self._settled) > _REMEMBERED:
                self._settled = {}
            parts = list(self._parts)
            self._settled[signature] = self._allowed_by(parts[place] for place in signature)
        return self._settled[signature]

    def _allowed_by(self, parts: Iterator[_Part]) -> Intervals:
        rules = self._what.rules
        rulings = [Ruling(rules[place][0], rules[place][1].action, numbers) for place, numbers in parts]
        return intervals.intersection(allowed(rulings, self._what.otherwise, NUMBERS), ALL_NUMBERS)

    def _allowed_by_address(self, number: int) -> Intervals:
        """What is allowed with an address of which no pod is known."""
        what = self._what
        parts = (
            (place, numbered(traffic))
            for place, (_, rule) in enumerate(what.rules)
            if rule.peers.everyone or rule.peers.addresses.contains(what.family, number)
            for _, traffic in self._state.tiers.rule_traffic(rule, what.direction, 0, what.own)
        )
        return self._allowed_by(parts)

    # --- elements ---------------------------------------------------------------------------------------------------

    def _owners(self, bits: Bitset) -> Owners:
        addresses = (
            address
            for identity in self._state.population.identities(bits)
            for member in identity.pods()
            if not member.host_network
            for address in member.addresses
        )
        return owners_of(self._state, addresses)

    def _update(self, owners: Owners) -> None:
        moves: list[Move] = []
        for (family, number), identities in owners.items():
            if family is self._what.family:
                key = address_key(family, number)
                old, new = self.map.chain_of(key), self._chain_for(number, identities)
                if old != new:
                    moves.append(Move(key, old, new))
        if moves:
            before = self.map.elements.keys()
            self.map = VerdictMap(self.map.key, self.map.elements, goto=True).moved(moves)
            if before != self.map.elements.keys():
                self._classes = dict(self.classes())
                self._names = {numbers: name for numbers, name in self._names.items() if name in self._classes}
                contents = (one.contents for _, one in self.classes())
                self.contents = RangeSet(CLASS_TRAFFIC, frozenset().union(*contents))

    def _chain_for(self, number: int, identities: Sequence[Identity]) -> str | None:
        """The chain for an address. Two pods that claim it are allowed only what both of them are."""
        found = [self._allowed.get(identity.bit) for identity in identities]
        if all(one is None for one in found):
            return None
        by_address = self._allowed_by_address(number) if None in found else intervals.NOTHING
        common = reduce(intervals.intersection, (by_address if one is None else one for one in found))
        if not common:
            return None if self._what.behind else DENIED[self._what.direction]
        return self._class_of(common)

    def _class_of(self, numbers: Intervals) -> str:
        what = self._what
        name = self._names.get(numbers)
        if name is None:
            name = self._names[numbers] = f"{what.direction.field}_peers_{digest((what.contents_name, numbers))}"
        if name not in self._classes:
            self._classes[name] = peer_class(what, numbers)
        return name


def peer_class(what: PeerMap, numbers: Intervals) -> PeerClass:
    """The class of the peers with which this traffic is allowed."""
    rules: list[Rule] = []
    contents: frozenset[KeyRange] = frozenset()
    fixed: dict[str, Collection] = {}
    if numbers == ALL_NUMBERS:
        rules.append(allowing())
    else:
        if with_ports := without_others(numbers):
            ranges = list(traffic_ranges(with_ports))
            identifier = bytes.fromhex(digest_of_ranges(ranges))
            contents = frozenset((identifier + low, identifier + high) for low, high in ranges)
            rules.append(allowing(ClassLookup(identifier, TRAFFIC_FIELDS, what.contents_name)))
        if intervals.contains(numbers, OTHER_PROTOCOLS[0]):
            rules.append(allowing(WITHOUT_PORTS))
            fixed |= WITHOUT_PORTS_SETS
    return PeerClass(Chain((*rules, *what.behind, Rule((), Goto(DENIED[what.direction])))), contents, fixed)
