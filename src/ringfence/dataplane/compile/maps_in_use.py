"""The peer maps that chains look up, and the rules of profiles that they are made of, updated when pods change.

After a change, only rules about peers that now select other identities are asked again, and only maps of such rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ringfence.dataplane.compile.class_numbers import ClassNumbers
from ringfence.dataplane.compile.peer_maps import PeerMap, PeerRules
from ringfence.dataplane.compile.selected_peers import SelectedPeers
from ringfence.dataplane.compile.tracked_maps import TrackedMap
from ringfence.dataplane.compile.tracked_rules import TrackedRules
from ringfence.engine.policies import Peers
from ringfence.engine.state import State
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


class MapsInUse:
    """The peer maps in use, with what they contain for the current state."""

    def __init__(self, state: State, numbers: ClassNumbers) -> None:
        self._state = state
        self._numbers = numbers
        self._peers = SelectedPeers(state)
        self._rules: dict[PeerRules, TrackedRules] = {}
        self._about: dict[Family, defaultdict[Peers, set[PeerRules]]] = {one: defaultdict(set) for one in FAMILIES}
        """The rules about each peers, by family."""
        self._by_names: set[PeerRules] = set()
        """The rules that read port names of destinations."""
        self._made_of: defaultdict[PeerRules, set[str]] = defaultdict(set)
        """The names of the maps that are made of each rules, apart from their common maps."""
        self._excepting: defaultdict[PeerRules, set[str]] = defaultdict(set)
        """The names of the maps of exceptions to common maps that are made of each rules."""
        self._changed_rules: list[TrackedRules] = []
        self._selected: dict[Family, Bitset] | None = None
        self._wanted: Mapping[str, PeerMap] = {}
        """What was last added."""
        self.maps: dict[str, TrackedMap] = {}
        """The maps by their names in the kernel."""
        self.of_family: dict[Family, Mapping[str, TrackedMap]] = {family: {} for family in FAMILIES}
        """The maps of each family. The same object until a map is added or dropped."""

    def keep(self, names: Iterable[str]) -> None:
        """Drop all other maps."""
        for name in self.maps.keys() - set(names):
            for rules in self.maps.pop(name).all_profiles:
                for index in (self._made_of, self._excepting):
                    if rules in index:
                        index[rules].discard(name)
                        if not index[rules]:
                            del index[rules]

    def refresh(self) -> dict[Family, Bitset]:
        """Update the maps after a change of pods; returns the identities for which a map has changed, by family."""
        self._peers.refresh()
        for one in self._changed_rules:
            one.changed = 0
        concerned: set[PeerRules] = set()
        for family, peers in self._peers.changed.items():
            about_these = self._about[family]
            concerned.update(*map(about_these.__getitem__, peers.keys() & about_these.keys()))
        if self._peers.have_pods_changed:
            concerned |= self._by_names
        self._changed_rules = [self._rules[rules] for rules in concerned]
        for one in self._changed_rules:
            one.refresh()
        if concerned:
            self._selected = None
        about = dict.fromkeys(FAMILIES, 0)
        for one in self._changed_rules:
            about[one.family] |= one.changed
        changed = dict.fromkeys(FAMILIES, 0)
        concerned_maps = set[str]().union(
            *(self._made_of.get(one.what, ()) for one in self._changed_rules if one.changed)
        )
        for name, tracked in self.maps.items():
            # Rules of a common map that have changed are those of most maps, of which few have exceptions about them.
            if name in concerned_maps or tracked.may_except(about[tracked.family]):
                changed[tracked.family] |= tracked.refresh()
        return changed

    def add(self, wanted: Mapping[str, PeerMap]) -> None:
        """Add the maps that are not in use yet, and stop asking rules that no map is made of any more.

        Does nothing if `wanted` is what was last added: then no map is new, and none has been dropped.
        """
        if wanted is self._wanted:
            return
        self._wanted = wanted
        new = {name: one for name, one in wanted.items() if name not in self.maps}
        self._keep_rules(
            {*self._made_of, *self._excepting, *(rules for one in new.values() for rules in one.all_profiles)}
        )
        for name, one in new.items():
            rules, common = (
                [self._rules[profile] for profile in some.profiles] if some else [] for some in (one, one.common)
            )
            self.maps[name] = TrackedMap(one, rules, self._state, self._numbers, common)
            in_common = frozenset(one.common.profiles if one.common else ())
            for profile in one.all_profiles:
                # About rules that are also in its common map, a map only has exceptions, so few of their changes
                # concern it.
                index = self._excepting if profile in in_common else self._made_of
                index[profile].add(name)
        for family in FAMILIES:
            maps = {name: one for name, one in self.maps.items() if one.family is family}
            if maps != self.of_family[family]:
                self.of_family[family] = maps

    def selected(self, family: Family) -> Bitset:
        """The identities that some rule selects: only these can be in maps."""
        if self._selected is None:
            self._selected = dict.fromkeys(FAMILIES, 0)
            for rules, one in self._rules.items():
                self._selected[rules.family] |= one.selected
        return self._selected[family]

    def _keep_rules(self, wanted: set[PeerRules]) -> None:
        """Start to ask the rules that new maps need, and stop for rules that no map needs."""
        if wanted == self._rules.keys():
            return
        self._selected = None
        for rules in self._rules.keys() - wanted:
            self._forget(rules, self._rules.pop(rules))
        for rules in wanted - self._rules.keys():
            self._rules[rules] = one = TrackedRules(rules, self._state, self._peers)
            for peers in one.peers:
                self._about[rules.family][peers].add(rules)
            if one.reads_port_names:
                self._by_names.add(rules)
        self._peers.keep(peers for one in self._rules.values() for peers in one.peers)

    def _forget(self, rules: PeerRules, tracked: TrackedRules) -> None:
        self._by_names.discard(rules)
        for peers in tracked.peers:
            users = self._about[rules.family][peers]
            users.discard(rules)
            if not users:
                del self._about[rules.family][peers]
