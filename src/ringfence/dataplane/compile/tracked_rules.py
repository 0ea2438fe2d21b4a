"""The decisions of profiles about peers, updated when pods are added or removed.

The rules decide once for all peers that the same rules match. After a change, they decide again only about peers that
other rules match now. All peer maps of subjects with a profile share its decisions.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
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
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Intervals

_REMEMBERED: Final = 4096
"""The maximum number of signatures with cached decisions. There is a limit because new pods can bring new ones."""

_Part = tuple[int, Intervals]
"""A part of a rule: the index of the rule, and the part of its traffic that applies to some of its peers."""


class TrackedRules:
    """The decisions of the rules of one profile, by identity."""

    def __init__(self, what: PeerRules, state: State, peers: SelectedPeers) -> None:
        self._what = what
        self._state = state
        self._peers = peers
        own = [(place, rule) for place, rule in enumerate(what.rules) if own_traffic(rule, what.own)]
        self._own_parts: list[_Part] = [(place, numbered(own_traffic(rule, what.own))) for place, rule in own]
        """The parts with traffic by port number or by the subject's own port names, which all destinations share."""
        self._own_peers = [rule.peers for _, rule in own]
        self._named = [place for place, rule in enumerate(what.rules) if _is_named_by_destinations(rule, what)]
        """The indexes of the rules with port names whose numbers the destinations define."""
        self._selecting = _selecting_peers(what)
        self._singling_out = {rule.peers for rule in what.rules if not rule.peers.everyone}
        self.peers = frozenset((*(rule.peers for rule in what.rules), *self._selecting))
        """The peers of all rules."""
        self._parts: list[_Part] = []
        self._bits: list[Bitset] = []
        """The identities that each part matches."""
        self._cells = Cells((), NUMBERS)
        self._matching: list[Matching] = []
        """The action of each part, and the cells that it matches."""
        self._settled: dict[Signature, Decision] = {}
        self._decisions: dict[int, Decision] = {}
        self._decided: Bitset = 0
        self.selected: Bitset = 0
        """The identities that maps contain because of these rules."""
        self.singled_out: Bitset = 0
        """The identities that are matched by a rule which does not match everyone."""
        self.changed: Bitset = 0
        """The identities about which the decision may have changed with the last refresh."""
        self._refresh()

    def refresh(self) -> None:
        """Update the identities that the rules match, if the last refresh of the peers has changed them."""
        self.changed = 0
        are_others = not self.peers.isdisjoint(self._peers.changed[self._what.family])
        if are_others or (self._peers.have_pods_changed and self._named):
            self._refresh()

    def _refresh(self) -> None:
        parts, before = self._parts, self._bits
        self._find_parts()
        if parts != self._parts:
            self._settled = {}
            self._cells = Cells((numbers for _, numbers in self._parts), NUMBERS)
            actions = [rule.action for rule in self._what.rules]
            self._matching = [(actions[place], self._cells.of(numbers)) for place, numbers in self._parts]
            self.changed = self._state.population.everyone | self._decided
        else:
            # Most bitsets are the same object as before (`SelectedPeers`), so they need no comparison.
            others = [was ^ now for was, now in zip(before, self._bits, strict=True) if was is not now]
            self.changed |= reduce(or_, others, 0)
        self._decided &= ~self.changed

    def decisions(self, of: Bitset) -> Mapping[int, Decision]:
        """Return the decisions about these identities by their bits. The result can contain other identities, too."""
        missing = of & ~self._decided
        if missing:
            for bit, signature in signatures(self._bits, missing):
                self._decisions[bit] = self._settle(signature)
            self._decided |= missing
        return self._decisions

    def about_address(self, number: int) -> Decision:
        """Return the decision about an address as an address only, without any pod."""
        what = self._what
        rulings = [
            (rule.action, numbered(traffic))
            for rule in what.rules
            if rule.peers.everyone or rule.peers.addresses.contains(what.family, number)
            for _, traffic in self._state.tiers.rule_traffic(rule, what.direction, 0, what.own)
        ]
        return decided(rulings, what.otherwise, NUMBERS)

    def _find_parts(self) -> None:
        """Find the parts of all rules, and the identities that they match. Parts that always exist come first."""
        known = self._peers.over(self._what.family)
        self._parts, self._bits = list(self._own_parts), list(map(known.__getitem__, self._own_peers))
        self.selected = reduce(or_, map(known.__getitem__, self._selecting), 0)
        self.singled_out = reduce(or_, map(known.__getitem__, self._singling_out), 0)
        population = self._state.population
        named = {name for place in self._named for name in self._what.rules[place].port_names}
        present = {name for name in named if any(True for _ in population.ports_named(name))}
        for place in self._named if present else ():
            rule = self._what.rules[place]
            if not present.isdisjoint(rule.port_names):
                self._find_named(rule, place, known[rule.peers])

    def _find_named(self, rule: CompiledRule, place: int, peers: Bitset) -> None:
        """Find the parts of a rule that depend on the named ports of the destinations."""
        what, found = self._what, defaultdict[_Part, Bitset](int)
        _, *named = self._state.tiers.rule_traffic(rule, what.direction, peers, what.own)
        for bits, traffic in named:
            found[place, numbered(traffic)] |= bits
            self.selected |= bits
            self.singled_out |= bits
        self._parts += found
        self._bits += found.values()

    def _settle(self, signature: Signature) -> Decision:
        if signature not in self._settled:
            if len(self._settled) > _REMEMBERED:
                self._settled = {}
            # Sort the parts in the order of the rules, because the first matching rule decides.
            matching = (self._matching[at] for at in sorted(signature, key=lambda at: self._parts[at][0]))
            allowed, passed = first_decides(matching, self._what.otherwise, self._cells.all)
            self._settled[signature] = Decision(self._cells.numbers(allowed), self._cells.numbers(passed))
        return self._settled[signature]


def _is_named_by_destinations(rule: CompiledRule, what: PeerRules) -> bool:
    return bool(rule.port_names) and what.direction is Direction.EGRESS


def _selecting_peers(what: PeerRules) -> Sequence[Peers]:
    """Return the peers that select pods by labels, without their IP blocks."""
    peers = {rule.peers for rule in what.rules if rule.peers.selections}
    return [Peers(everyone=False, selections=one.selections) if one.block else one for one in peers]
