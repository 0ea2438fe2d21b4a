"""The elements of peer maps, updated when pods are added or removed.

A map combines the decisions of several profiles about a peer. Other maps share these decisions (`tracked_rules`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from operator import is_, or_
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.compile.allowances import allowing
from ringfence.dataplane.compile.class_numbers import ClassNumbers
from ringfence.dataplane.compile.peer_maps import PeerMap, PeerRules
from ringfence.dataplane.compile.precedence import Decision, combined
from ringfence.dataplane.compile.tracked_rules import TrackedRules
from ringfence.dataplane.compile.traffic_rules import (
    ALL_NUMBERS,
    NUMBERS,
    OTHER_PROTOCOLS,
    TRAFFIC_FIELDS,
    WITHOUT_PORTS,
    WITHOUT_PORTS_SETS,
    compared_ports,
    traffic_ranges,
    without_others,
)
from ringfence.dataplane.program import (
    CLASS_TRAFFIC,
    DENIED,
    PEER_CLASS,
    PEER_GROUP,
    Chain,
    ClassLookup,
    Collection,
    Dispatch,
    Goto,
    GroupMap,
    KeyRange,
    Move,
    RangeSet,
    Rule,
    VerdictMap,
    digest,
    digest_of_ranges,
    group_key,
    peer_class_key,
)
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets, intervals
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.intervals import Intervals

_COMPARED: Final = 4
"""The maximum number of port ranges of a protocol that rules compare one by one.

For so few ranges, comparing takes less time than a lookup.
"""

_CONTENTS: Final = {direction: f"contents_peers_{direction.field}" for direction in Direction}
"""The names of the sets with the contents of all classes."""


class PeerClass(msgspec.Struct, frozen=True):
    """Peers with the same allowed traffic: the chain for their packets, its name, and the sets that it looks up."""

    name: str
    direction: Direction
    chain: Chain
    contents: frozenset[KeyRange]
    fixed: dict[str, Collection]


_REMEMBERED: Final = 4096
"""The maximum number of cached combinations. There is a limit because new pods can bring new ones at any time."""


class _Allowed(NamedTuple):
    """The traffic that is allowed with identities, and their class; the class is None if nothing is allowed."""

    numbers: Intervals
    peers: PeerClass | None


class TrackedMap:
    """The elements of a peer map for the current state.

    `rules` are the rules of its profiles. `common` are the rules of its common map, if it has one.
    """

    def __init__(
        self,
        what: PeerMap,
        rules: Sequence[TrackedRules],
        state: State,
        numbers: ClassNumbers,
        common: Sequence[TrackedRules] = (),
    ) -> None:
        self._what = what
        self.family: Family = what.family
        """The address family of the peers."""
        self.all_profiles: frozenset[PeerRules] = what.all_profiles
        """The rules of the map's own profiles and of its common map's profiles."""
        self._rules = rules
        self._numbers = numbers
        self._common = common
        self._of_its_own = [one for one in rules if one not in common]
        self._combined: dict[tuple[Decision, ...], _Allowed] = {}
        self._allowed: dict[int, _Allowed] = {}
        """The traffic that is allowed with the identities in the map, by their bits."""
        self._in_map: Bitset = 0
        """The identities that are in the map, or may be, because some rule matches them."""
        self._classes: dict[str, str] = {}
        """The class of each group."""
        self._used: dict[str, PeerClass] = {}
        self.map = GroupMap(PEER_GROUP)
        """The map from groups to classes."""
        self.chains = VerdictMap(PEER_CLASS)
        """The map from classes to chains."""
        self.classes: dict[str, PeerClass] = {}
        """The classes in the map, by the names of their chains."""
        self.collections: dict[str, Collection] = {what.name: self.map, what.chains_name: self.chains}
        """The two maps by their names in the kernel."""
        self._decide(state.population.everyone)

    def refresh(self) -> Bitset:
        """Decide again about the identities for which the rules may have changed. The rules must be refreshed already.

        Returns the identities whose allowed traffic has changed.
        """
        changed: Bitset = 0
        for one in self._rules:
            changed |= one.changed
        if not changed or not self._may_concern(changed):
            return 0
        return self._decide(changed)

    def _may_concern(self, changed: Bitset) -> bool:
        """Whether changed identities can be in the map, or were in it. With a common map, this is true for few."""
        if not self._common:
            return True
        own: Bitset = 0
        for one in self._of_its_own:
            own |= one.selected | one.singled_out
        return bool(changed & own or self._in_map & ~own)

    @property
    def selected(self) -> Bitset:
        """The identities that this map or its common map contains, because some rule of a profile selects them."""
        return reduce(or_, (one.selected for one in self._rules))

    # --- decisions --------------------------------------------------------------------------------------------------

    def _decide(self, changed: Bitset) -> Bitset:
        """Decide about the `changed` identities; returns the identities whose allowed traffic has changed."""
        possible = self._possible
        others = 0
        if not (changed & possible or self._in_map & ~possible):
            return others
        for bit in bitsets.members(self._in_map & ~possible):
            if self._allowed.pop(bit, None):
                others |= 1 << bit
        self._in_map &= possible
        of = changed & possible
        self._in_map |= of
        columns = [one.decisions(of) for one in self._rules]
        common = self._said_in_common(of)
        for bit in bitsets.members(of):
            before = self._allowed.pop(bit, None)
            after = self._combine(tuple([column[bit] for column in columns]))
            if bit in common and common[bit] == after.numbers:
                others |= 1 << bit if before else 0
                continue
            self._allowed[bit] = after
            if before is not after and (before is None or before.numbers != after.numbers):
                others |= 1 << bit
        return others

    @property
    def _possible(self) -> Bitset:
        """The identities that may be in the map.

        With a common map, these are the identities that the map's own rules single out, and those that are not in the
        common map.
        """
        if not self._common:
            return self.selected
        singled_out = reduce(or_, (one.singled_out for one in self._of_its_own), 0)
        return self.selected & (singled_out | ~self._selected_in_common)

    @property
    def _selected_in_common(self) -> Bitset:
        return reduce(or_, (one.selected for one in self._common))

    def _said_in_common(self, of: Bitset) -> Mapping[int, Intervals]:
        """Return the traffic that the common map allows with those of these identities that it contains."""
        if not self._common:
            return {}
        of &= self._selected_in_common
        columns = [one.decisions(of) for one in self._common]
        return {bit: _allowed_by(tuple([column[bit] for column in columns])) for bit in bitsets.members(of)}

    def _combine(self, decisions: tuple[Decision, ...]) -> _Allowed:
        if decisions not in self._combined:
            if len(self._combined) > _REMEMBERED:
                self._combined = {}
            numbers = _allowed_by(decisions)
            self._combined[decisions] = _Allowed(numbers, self._class_of(numbers))
        return self._combined[decisions]

    # --- elements ---------------------------------------------------------------------------------------------------

    def lead(self, gone: Iterable[str], come: Iterable[tuple[str, tuple[Sequence[Identity], int]]]) -> None:
        """Remove the groups `gone`, and add the groups in `come`, which are given with their members."""
        moves = [Move(group_key(one), self._classes.pop(one), None) for one in gone if one in self._classes]
        chains: dict[str, str] = {}
        for group, (identities, address) in come:
            if len(identities) == 1 and identities[0].bit not in self._allowed:
                continue  # most groups are not in the map, and there can be hundreds, so this check must be fast
            if chain := self.chain_for(identities, address):
                found = self._classes[group] = self._numbers.of(chain)
                chains[found] = chain
                moves.append(Move(group_key(group), None, found))
        if moves:
            before, self.map = self.map, self.map.moved(moves)
            if before.elements.keys() != self.map.elements.keys():
                self._lead_classes(before, chains)
            self.collections = {self._what.name: self.map, self._what.chains_name: self.chains}

    def _lead_classes(self, before: GroupMap, chains: Mapping[str, str]) -> None:
        """Update the map from classes to chains after a change of the map from groups, which was `before`."""
        gone, come = (
            before.elements.keys() - self.map.elements.keys(),
            self.map.elements.keys() - before.elements.keys(),
        )
        known = {key: chain for chain, keys in self.chains.elements.items() for key in keys}
        moves = [Move(key, known[key], None) for key in map(peer_class_key, gone)]
        moves += [Move(peer_class_key(one), None, chains[one]) for one in come]
        self.chains = VerdictMap(PEER_CLASS, self.chains.elements, goto=True).moved(moves)
        self._used = {name: one for name, one in self._used.items() if name in self.chains.elements}
        self.classes = dict(self._used)

    def class_for(self, identities: Sequence[Identity], address: int) -> str | None:
        """Return the number of the class of these pods or this address (`chain_for`)."""
        chain = self.chain_for(identities, address)
        return self._numbers.of(chain) if chain else None

    def chain_for(self, identities: Sequence[Identity], address: int) -> str | None:
        """Return the chain for pods of an identity, or for an address that pods of several identities claim.

        For an address that two pods claim, only traffic that both pods may exchange is allowed.
        """
        if len(identities) == 1:
            found = self._allowed.get(identities[0].bit)
            return self._chain_of(found.peers) if found else None
        bits = reduce(or_, (1 << identity.bit for identity in identities))
        known = bits & self.selected
        if not known:
            return None
        columns = [one.decisions(known) for one in self._rules]
        allowed = (_allowed_by(tuple([column[bit] for column in columns])) for bit in bitsets.members(known))
        common = reduce(intervals.intersection, allowed)
        if known != bits:
            by_address = _allowed_by(tuple(one.about_address(address) for one in self._rules))
            common = intervals.intersection(common, by_address)
        return self._chain_of(self._class_of(common))

    def _chain_of(self, peers: PeerClass | None) -> str | None:
        if peers is None:
            return None if self._what.behind or self._what.is_last else DENIED[self._what.direction]
        self._used[peers.name] = peers
        return peers.name

    def _class_of(self, numbers: Intervals) -> PeerClass | None:
        return peer_class(self._what.direction, self._what.behind, numbers) if numbers else None


@lru_cache(maxsize=_REMEMBERED)  # maps of different subjects share the decisions of the cluster's policies
def _allowed_by(decisions: tuple[Decision, ...]) -> Intervals:
    return intervals.intersection(combined(decisions, NUMBERS), ALL_NUMBERS)


@lru_cache(maxsize=1 << 14)  # maps of different subjects share most of their classes
def peer_class(direction: Direction, behind: tuple[Rule, ...], numbers: Intervals) -> PeerClass:
    """Return the class of the peers with which this traffic is allowed. The rules `behind` decide all other traffic."""
    rules: list[Rule] = []
    contents: frozenset[KeyRange] = frozenset()
    fixed: dict[str, Collection] = {}
    has_others = intervals.contains(numbers, OTHER_PROTOCOLS[0])
    identifier = bytes.fromhex(digest_of_ranges(traffic_ranges(without_others(numbers))))
    if numbers == ALL_NUMBERS:
        rules.append(allowing())
    else:
        left = without_others(numbers)
        for conditions, some in compared_ports(numbers, _COMPARED):
            rules.append(allowing(*conditions))
            left = intervals.difference(left, some)
        if ranges := list(traffic_ranges(left)):
            contents = frozenset((identifier + low, identifier + high) for low, high in ranges)
            rules.append(allowing(ClassLookup(identifier, TRAFFIC_FIELDS, _CONTENTS[direction])))
        if has_others:
            rules.append(allowing(WITHOUT_PORTS))
            fixed |= WITHOUT_PORTS_SETS
    maps_behind = tuple(rule.action.map for rule in behind if isinstance(rule.action, Dispatch))
    name = f"{direction.field}_peers_{digest((identifier, int(has_others), maps_behind))}"
    chain = Chain((*rules, *behind, Rule((), Goto(DENIED[direction]))))
    return PeerClass(name, direction, chain, contents, fixed)


class SharedClasses:
    """The chains of the classes of all peer maps, and the sets with the contents of the classes."""

    def __init__(self) -> None:
        self._maps: list[VerdictMap] = []
        self.chains: dict[str, Chain] = {}
        self.collections: dict[str, Collection] = {}

    def update(self, maps: Iterable[TrackedMap]) -> None:
        """Collect the classes of these maps. A set that does not change remains the same object."""
        present = list(maps)
        before, self._maps = self._maps, [one.chains for one in present]
        if len(before) == len(present) and all(map(is_, before, self._maps)):
            return
        classes: dict[str, PeerClass] = {}
        for one in present:
            classes |= one.classes
        if classes.keys() == self.chains.keys():
            return
        self.chains = {name: one.chain for name, one in classes.items()}
        contents: defaultdict[Direction, set[KeyRange]] = defaultdict(set)
        fixed: dict[str, Collection] = {}
        for peers in classes.values():
            contents[peers.direction] |= peers.contents
            fixed |= peers.fixed
        for direction, ranges in contents.items():
            if ranges:
                fixed[_CONTENTS[direction]] = RangeSet(CLASS_TRAFFIC, frozenset(ranges))
        same = {name: one for name, one in self.collections.items() if fixed.get(name) == one}
        self.collections = fixed | same
