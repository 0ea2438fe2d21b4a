"""The decisions of profiles about peers, updated when pods are added or removed.

The rules decide once for all peers that the same rules match. After a change, they decide again only about peers that
other rules match now. All peer maps of subjects with a profile share its decisions.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import reduce
from itertools import chain
from operator import or_
from typing import Final

from ringfence.dataplane.compile.peer_maps import PeerRules
from ringfence.dataplane.compile.precedence import Cells, Decision, Matching, decided, first_decides
from ringfence.dataplane.compile.selected_peers import SelectedPeers
from ringfence.dataplane.compile.signatures import Signature, signatures
from ringfence.dataplane.compile.traffic_rules import NUMBERS, numbered
from ringfence.engine.policies import CompiledRule, Peers, own_traffic
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Intervals

_REMEMBERED: Final = 4096
"""The maximum number of signatures with cached decisions. There is a limit because new pods can bring new ones."""

_NO_PEERS: Final = frozenset[Peers]()

_Part = tuple[int, Intervals]
"""A part of a rule: the index of the rule, and the part of its traffic that applies to some of its peers."""


class TrackedRules:
    """The decisions of the rules of one profile, by identity."""

    def __init__(self, what: PeerRules, state: State, peers: SelectedPeers) -> None:
        self.what = what
        """The rules."""
        self.family = what.family
        """The address family of the peers."""
        self._state = state
        self._peers = peers
        own = [(place, rule) for place, rule in enumerate(what.rules) if own_traffic(rule, what.own)]
        self._own_parts: list[_Part] = [(place, numbered(own_traffic(rule, what.own))) for place, rule in own]
        """The parts with traffic by port number or by the subject's own port names, which all destinations share."""
        self._own_peers = [rule.peers for _, rule in own]
        self._own_places = _places(self._own_peers)
        self._named = [place for place, rule in enumerate(what.rules) if _is_named_by_destinations(rule, what)]
        """The indexes of the rules with port names whose numbers the destinations define."""
        self._names = frozenset(name for place in self._named for name in what.rules[place].port_names)
        self._selecting = frozenset(_selecting_peers(what))
        self._singling_out = frozenset(rule.peers for rule in what.rules if not rule.peers.everyone)
        self.peers = frozenset((*(rule.peers for rule in what.rules), *self._selecting))
        """The peers of all rules."""
        peers.know(self.family, self.peers)
        self._named_parts: dict[_Part, Bitset] = {}
        """The parts that depend on the port names of destinations, and the identities that each matches."""
        self._parts: list[_Part] = []
        self._cells = Cells((), NUMBERS)
        self._matching: list[Matching] = []
        """The action of each part, and the cells that it matches."""
        self._settled: dict[Signature, Decision] = {}
        self._by_cells: dict[tuple[Bitset, Bitset], Decision] = {}
        """The decisions by the cells that they allow and pass: rules have many signatures, and few decisions."""
        self._decisions: dict[int, Decision] = {}
        self._decided: Bitset = 0
        self._by_labels, self._by_peers = (
            reduce(or_, map(self._known.__getitem__, some), 0) for some in (self._selecting, self._singling_out)
        )
        self.selected: Bitset = 0
        """The identities that maps contain because of these rules."""
        self.singled_out: Bitset = 0
        """The identities that are matched by a rule which does not match everyone."""
        self.changed: Bitset = 0
        """The identities about which the decision may have changed with the last refresh."""
        self._find_named()
        self._divide()
        self._sum_up()

    @property
    def reads_port_names(self) -> bool:
        """Whether the rules have port names whose numbers the destinations define."""
        return bool(self._named)

    def _sum_up(self) -> None:
        named = reduce(or_, self._named_parts.values(), 0)
        self.selected, self.singled_out = self._by_labels | named, self._by_peers | named

    @property
    def _known(self) -> Mapping[Peers, Bitset]:
        return self._peers.over(self.what.family)

    def refresh(self) -> None:
        """Update the identities that the rules match, if the last refresh of the peers has changed them."""
        self.changed = 0
        differing = self._peers.changed[self.what.family]
        has_changed = not differing.keys().isdisjoint(self.peers)
        if has_changed and self._peers.looked_up:
            self._refresh_few(differing)
        elif has_changed:
            changed = differing.keys() & self.peers
            self.changed = reduce(or_, map(differing.__getitem__, changed))
            self._by_labels = _union_after(self._by_labels, self._selecting, changed, differing, self._known)
            self._by_peers = _union_after(self._by_peers, self._singling_out, changed, differing, self._known)
        if self._named and (has_changed or self._peers.have_pods_changed):
            before = self._named_parts
            self._find_named()
            if before.keys() == self._named_parts.keys():
                self.changed |= reduce(or_, (bits ^ before[part] for part, bits in self._named_parts.items()), 0)
            else:
                self._divide()
                # With other parts, signatures have another meaning, so all decisions are made again.
                self.changed = self._state.population.everyone | self._decided
        self._sum_up()
        self._decided &= ~self.changed

    def _refresh_few(self, differing: Mapping[Peers, Bitset]) -> None:
        """Update the identities that the rules match after the peers were asked about few identities."""
        looked_up, found = self._peers.looked_up, self._peers.selecting[self.family]
        if looked_up.bit_count() == 1:
            self.changed = looked_up  # what differs for any peers is about this identity
        else:
            self.changed = reduce(or_, map(differing.__getitem__, differing.keys() & self.peers))
        for bit in bitsets.members(self.changed):
            selecting = found.get(bit, _NO_PEERS)  # none, if the identity is gone
            by_labels, by_peers = (not peers.isdisjoint(selecting) for peers in (self._selecting, self._singling_out))
            unchanged = ~(1 << bit)
            self._by_labels = self._by_labels & unchanged | by_labels << bit
            self._by_peers = self._by_peers & unchanged | by_peers << bit

    def _divide(self) -> None:
        """Divide the traffic by the parts of the rules. Parts that always exist come first."""
        self._parts = [*self._own_parts, *self._named_parts]
        self._settled, self._by_cells = {}, {}
        self._cells = Cells((numbers for _, numbers in self._parts), NUMBERS)
        actions = [rule.action for rule in self.what.rules]
        self._matching = [(actions[place], self._cells.of(numbers)) for place, numbers in self._parts]

    def decisions(self, of: Bitset) -> Mapping[int, Decision]:
        """Return the decisions about these identities by their bits. The result can contain other identities, too."""
        missing = of & ~self._decided
        if missing:
            for bit, signature in self._signatures(missing):
                self._decisions[bit] = self._settle(signature)
            self._decided |= missing
        return self._decisions

    def _signatures(self, of: Bitset) -> Iterator[tuple[int, Signature]]:
        """Yield the parts that match each of these identities, by its bit."""
        named = [self._named_parts[part] for part in self._parts[len(self._own_parts) :]]
        found = self._peers.selecting[self.family]
        # All peers of these are known from the last refresh, so not every peer has to be asked about them.
        looked_up = [bit for bit in found if of >> bit & 1]
        for bit in looked_up:
            own = chain.from_iterable(self._own_places[one] for one in self._own_places.keys() & found[bit])
            by_name = (len(self._own_parts) + at for at, bits in enumerate(named) if bits >> bit & 1)
            yield bit, (*sorted(own), *by_name)
        if others := of & ~bitsets.of(looked_up):
            yield from signatures([*map(self._known.__getitem__, self._own_peers), *named], others)

    def about_address(self, number: int) -> Decision:
        """Return the decision about an address as an address only, without any pod."""
        what = self.what
        rulings = [
            (rule.action, numbered(traffic))
            for rule in what.rules
            if rule.peers.everyone or rule.peers.addresses.contains(what.family, number)
            for _, traffic in self._state.tiers.rule_traffic(rule, what.direction, 0, what.own)
        ]
        return decided(rulings, what.otherwise, NUMBERS)

    def _find_named(self) -> None:
        """Find the parts of rules that depend on the port names of destinations, and the identities that they match."""
        self._named_parts = {}
        present = {name for name in self._names if self._peers.has_pods_naming(name)}
        for place in self._named if present else ():
            rule = self.what.rules[place]
            if not present.isdisjoint(rule.port_names):
                self._named_parts |= self._parts_of(rule, place)

    def _parts_of(self, rule: CompiledRule, place: int) -> Mapping[_Part, Bitset]:
        """Return the parts of one rule that depend on the port names of destinations."""
        what, found = self.what, defaultdict[_Part, Bitset](int)
        _, *named = self._state.tiers.rule_traffic(rule, what.direction, self._known[rule.peers], what.own)
        for bits, traffic in named:
            found[place, numbered(traffic)] |= bits
        return found

    def _settle(self, signature: Signature) -> Decision:
        if signature not in self._settled:
            if len(self._settled) > _REMEMBERED:
                self._settled, self._by_cells = {}, {}
            # Sort the parts in the order of the rules, because the first matching rule decides.
            order = sorted(signature, key=lambda at: self._parts[at][0]) if self._named else signature
            matching = map(self._matching.__getitem__, order)
            cells = first_decides(matching, self.what.otherwise, self._cells.all)
            if cells not in self._by_cells:
                self._by_cells[cells] = Decision(*map(self._cells.numbers, cells))
            self._settled[signature] = self._by_cells[cells]
        return self._settled[signature]


def _places(peers: Sequence[Peers]) -> Mapping[Peers, list[int]]:
    places: defaultdict[Peers, list[int]] = defaultdict(list)
    for place, one in enumerate(peers):
        places[one].append(place)
    return places


def _union_after(
    before: Bitset,
    peers: frozenset[Peers],
    those_changed: Set[Peers],
    differing: Mapping[Peers, Bitset],
    known: Mapping[Peers, Bitset],
) -> Bitset:
    """Return the union of the identities that `peers` select, which was `before` until those that differ changed.

    `those_changed` must contain all of `peers` that differ.
    """
    changed = peers & those_changed
    selected = reduce(or_, map(known.__getitem__, changed), 0)
    if reduce(or_, map(differing.__getitem__, changed), 0) & ~selected:
        # One of the peers no longer selects an identity. Others may still select it.
        return reduce(or_, map(known.__getitem__, peers), 0)
    return before | selected


def _is_named_by_destinations(rule: CompiledRule, what: PeerRules) -> bool:
    return bool(rule.port_names) and what.direction is Direction.EGRESS


def _selecting_peers(what: PeerRules) -> Sequence[Peers]:
    """Return the peers that select pods by labels, without their IP blocks."""
    peers = {rule.peers for rule in what.rules if rule.peers.selections}
    return [Peers(everyone=False, selections=one.selections) if one.block else one for one in peers]
