"""The elements of peer maps, updated when pods are added or removed.

A map combines the decisions of several profiles about a peer. Other maps share these decisions (`tracked_rules`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, reduce
from operator import or_
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
    note_moves,
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


class GroupMembers(NamedTuple):
    """The addresses of a group: those of one identity, or one `address` that pods of several identities claim."""

    identities: tuple[Identity, ...]
    address: int = 0


class Groups:
    """Groups by their names, and by the identities of their pods."""

    def __init__(self) -> None:
        self.members: dict[str, GroupMembers] = {}
        self.of_one: dict[int, dict[str, None]] = {}
        """The groups of the pods of one identity, by its bit."""
        self.claimed: dict[str, None] = {}
        """The groups of addresses that pods of several identities claim."""
        self._bits: Bitset = 0

    def add(self, group: str, members: GroupMembers) -> None:
        """Add a group."""
        self.members[group] = members
        if len(members.identities) > 1:
            self.claimed[group] = None
            return
        bit = members.identities[0].bit
        self.of_one.setdefault(bit, {})[group] = None
        self._bits |= 1 << bit

    def remove(self, group: str) -> GroupMembers:
        """Remove a group; returns its members."""
        members = self.members.pop(group)
        if len(members.identities) > 1:
            del self.claimed[group]
            return members
        bit = members.identities[0].bit
        del self.of_one[bit][group]
        if not self.of_one[bit]:
            del self.of_one[bit]
            self._bits &= ~(1 << bit)
        return members

    def may_concern(self, identities: Bitset) -> bool:
        """Whether some group may be that of pods with one of these identities."""
        return bool(self._bits & identities or self.claimed)


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
        self._own = self._selected_by_its_own
        self._combined: dict[tuple[Decision, ...], _Allowed] = {}
        self._allowed: dict[int, _Allowed] = {}
        """The traffic that is allowed with the identities in the map, by their bits."""
        self.contained: Bitset = 0
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
        # A new map decides about everyone once, and from then on only about changed identities.
        self._decide(state.population.everyone)

    def refresh(self) -> Bitset:
        """Decide again about the identities for which the rules may have changed. The rules must be refreshed already.

        Returns the identities whose allowed traffic has changed.
        """
        changed: Bitset = 0
        for one in self._rules:
            changed |= one.changed
        return self._decide(changed) if changed and self._may_concern(changed) else 0

    def may_except(self, changed: Bitset) -> bool:
        """Whether it may have exceptions about the `changed` identities to its common map. Few maps do."""
        return bool(self._common and changed & self._own)

    def _may_concern(self, changed: Bitset) -> bool:
        """Whether changed identities can be in the map, or were in it."""
        if not self._common:
            return True
        self._own = self._selected_by_its_own
        return bool(changed & self._own or self.contained & ~self._own)

    @property
    def _selected_by_its_own(self) -> Bitset:
        """The identities that rules which are not in the common map select or single out."""
        return reduce(or_, (one.selected | one.singled_out for one in self._of_its_own), 0)

    @property
    def selected(self) -> Bitset:
        """The identities that this map or its common map contains, because some rule of a profile selects them."""
        return reduce(or_, (one.selected for one in self._rules))

    # --- decisions --------------------------------------------------------------------------------------------------

    def _decide(self, changed: Bitset) -> Bitset:
        """Decide about the `changed` identities; returns the identities whose allowed traffic has changed."""
        possible = self._possible
        others = 0
        if not (changed & possible or self.contained & ~possible):
            return others
        for bit in bitsets.members(self.contained & ~possible):
            if self._allowed.pop(bit, None):
                others |= 1 << bit
        self.contained &= possible
        of = changed & possible
        self.contained |= of
        columns = [one.decisions(of) for one in self._rules]
        common = self._said_in_common(of)
        for bit in bitsets.members(of):
            before = self._allowed.pop(bit, None)
            after = self._combine(tuple([column[bit] for column in columns]))
            # The common map, which is looked up second, gives the same result: this map needs no element.
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

    def lead(self, gone: Iterable[str], come: Groups) -> None:
        """Remove the groups `gone`, and add the groups in `come`."""
        moves = [Move(group_key(one), self._classes.pop(one), None) for one in gone if one in self._classes]
        chains: dict[str, str] = {}
        for group, (identities, address) in self._concerned(come):
            if chain := self.chain_for(identities, address):
                found = self._classes[group] = self._numbers.of(chain)
                chains[found] = chain
                moves.append(Move(group_key(group), None, found))
        if moves:
            before, self.map = self.map, self.map.moved(moves)
            note_moves(before, self.map, moves)
            # Only if a class appears or disappears: for each element that leads to a chain, the kernel validates all
            # paths.
            if before.elements.keys() != self.map.elements.keys():
                self._lead_classes(before, chains)
            self.collections = {self._what.name: self.map, self._what.chains_name: self.chains}

    def _concerned(self, groups: Groups) -> Iterator[tuple[str, GroupMembers]]:
        """Yield the groups that may be in the map. There can be hundreds of groups and of maps, and most are not."""
        for bit in self._allowed.keys() & groups.of_one.keys():
            for group in groups.of_one[bit]:
                yield group, groups.members[group]
        for group in groups.claimed:
            yield group, groups.members[group]

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
        # Some of the pods are in no map. Rules about addresses decide for them.
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
        self._seen: dict[str, tuple[VerdictMap, Mapping[str, PeerClass]]] = {}
        """The map from classes to chains, and the classes, of each peer map, as of the last update."""
        self._users: Counter[str] = Counter()
        """The number of maps that have each class."""
        self._classes: dict[str, PeerClass] = {}
        self.chains: dict[str, Chain] = {}
        self.collections: dict[str, Collection] = {}

    def update(self, maps: Mapping[str, TrackedMap]) -> None:
        """Collect the classes of these maps. A set that does not change remains the same object."""
        seen = self._seen
        # A map from classes to chains that has not changed is the same object.
        changed = [name for name, one in maps.items() if name not in seen or seen[name][0] is not one.chains]
        if not changed and len(seen) == len(maps):
            return
        before = dict(self._classes)
        for name in (*changed, *(seen.keys() - maps.keys())):
            if name in seen:
                self._drop(seen.pop(name)[1])
        for name in changed:
            one = maps[name]
            seen[name] = one.chains, one.classes
            self._users.update(one.classes.keys())
            self._classes |= one.classes
        different = [(before.get(name) or self._classes[name]) for name in before.keys() ^ self._classes.keys()]
        if different:
            self.chains = {name: one.chain for name, one in self._classes.items()}
        if any(one.contents or one.fixed for one in different):
            self._collect()

    def _drop(self, classes: Iterable[str]) -> None:
        for name in classes:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._classes[name]

    def _collect(self) -> None:
        contents: defaultdict[Direction, set[KeyRange]] = defaultdict(set)
        fixed: dict[str, Collection] = {}
        for peers in self._classes.values():
            contents[peers.direction] |= peers.contents
            fixed |= peers.fixed
        for direction, ranges in contents.items():
            if ranges:
                fixed[_CONTENTS[direction]] = RangeSet(CLASS_TRAFFIC, frozenset(ranges))
        same = {name: one for name, one in self.collections.items() if fixed.get(name) == one}
        self.collections = fixed | same
