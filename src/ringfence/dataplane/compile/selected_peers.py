"""Selected peers: the identities that the peers of rules select, computed once for all profiles.

Profiles have most rules of the administrators in common. If few identities have changed, only these are evaluated
again, and only for peers that can select them: most selectors are about pods of one namespace. A bitset that does not
change remains the same object, and rules whose peers have not changed are skipped.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from ringfence.engine.policies import IdentitySelections, Peers, PodSelection
from ringfence.engine.population import Identity, PortName
from ringfence.engine.state import State
from ringfence.model.metadata import Labels
from ringfence.model.selectors import EVERYTHING, Selector
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset

_FEW: Final = 8
"""The maximum number of identities that are looked up one by one.

For so few identities, this takes less time than evaluating all selectors again.
"""

_FEWEST_USED: Final = 50

_MOST_NAMESPACES: Final = 100
"""The maximum number of namespaces for which the matching selectors are kept."""

_NEVER: Final = (-1, -1)

_Seen = tuple[Identity, int, int, Labels]
"""An identity, its mark and its blocks, and the labels of its namespace: everything that selectors and blocks read."""


class SelectedPeers:
    """The identities that each peer selects, as of the last refresh."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._version = _NEVER
        self._seen: dict[int, _Seen] = {}
        self._most_used = _FEWEST_USED
        self._known = {family: _Known(state, family) for family in FAMILIES}
        self.changed: dict[Family, dict[Peers, Bitset]] = {family: {} for family in FAMILIES}
        """The peers that the last refresh changed, and the identities that each selects now or did before, not both."""
        self.selecting: dict[Family, Mapping[int, set[Peers]]] = {family: {} for family in FAMILIES}
        """All peers that select each of the identities that the last refresh looked up one by one, by its bit."""
        self.looked_up: Bitset = 0
        """The identities that the last refresh looked up one by one, also those that are gone. No others changed then.

        Empty if it has evaluated all peers, or if no identities have changed.
        """
        self.have_pods_changed = False
        """Whether the last refresh may have found added, removed or changed identities."""
        self._given_names: dict[PortName, bool] = {}
        self._given_names_version = -1

    def has_pods_naming(self, name: PortName) -> bool:
        """Whether some pod gives a number to a port name. It is found once for all rules, until pods change."""
        population = self._state.population
        # If policies begin or cease to read a name, the facts of the pods that have it change, and so does the version.
        if population.version != self._given_names_version:
            self._given_names, self._given_names_version = {}, population.version
        found = self._given_names.get(name)
        if found is None:
            found = self._given_names[name] = any(True for _ in population.ports_named(name))
        return found

    def over(self, family: Family) -> Mapping[Peers, Bitset]:
        """Return the identities by peers, for one address family."""
        return self._known[family]

    def know(self, family: Family, peers: Iterable[Peers]) -> None:
        """Keep account of these peers. Without it, `selecting` would lack peers that `over` was not asked for yet."""
        known = self._known[family]
        for one in peers:
            _ = known[one]

    def keep(self, used: Iterable[Peers]) -> None:
        """Drop the peers that are not used, if there are many of them."""
        if max(map(len, self._known.values())) <= 2 * self._most_used:
            return
        kept = frozenset(used)
        self._most_used = max(_FEWEST_USED, len(kept))
        for family, known in self._known.items():
            self._known[family] = _Known(self._state, family, {one: known[one] for one in known.keys() & kept})
            self.selecting[family] = self._known[family].selecting

    def refresh(self) -> None:
        """Update the identities from the state."""
        self.changed = {family: {} for family in FAMILIES}
        for known in self._known.values():
            known.selecting = {}
        self.selecting = {family: {} for family in FAMILIES}
        self.looked_up = 0
        self.have_pods_changed = False
        version = self._state.population.version, self._state.namespaces.version
        if version == self._version:
            return
        # Without peers nothing is kept account of, so the next refresh has nothing to compare with.
        if not any(self._known.values()):
            self._version = _NEVER
            return
        was_seen, self._version = self._version != _NEVER, version
        before, self._seen = self._seen if was_seen else {}, self._see()
        bits = [bit for bit, one in self._seen.items() if before.get(bit) != one]
        bits += before.keys() - self._seen.keys()
        self.have_pods_changed = bool(bits) or not was_seen
        # Many identities are evaluated together: a selector takes a few bit operations for all of them.
        if not was_seen or len(bits) > _FEW:
            self.changed = {family: known.refresh_all() for family, known in self._known.items()}
            return
        present = {bit: self._seen[bit][0] for bit in bits if bit in self._seen}
        self.looked_up = bitsets.of(bits)
        self.changed = {family: known.refresh(self.looked_up, present) for family, known in self._known.items()}
        self.selecting = {family: known.selecting for family, known in self._known.items()}

    def _see(self) -> dict[int, _Seen]:
        identities = list(self._state.population.identities())
        labels = {name: self._state.namespaces.labels(name) for name in {one.template.namespace for one in identities}}
        return {one.bit: (one, one.mark, one.blocks, labels[one.template.namespace]) for one in identities}


_Group = defaultdict[PodSelection, list[Peers]]
"""Selections of the same namespaces, and the peers that have each of them."""


class _Known(dict[Peers, Bitset]):
    """The identities by peers, for one family. Missing entries are computed on access."""

    def __init__(self, state: State, family: Family, known: Mapping[Peers, Bitset] | None = None) -> None:
        super().__init__(known or {})
        self._state = state
        self._family = family
        self._others: list[Peers] = []
        """The peers that do not only consist of selections."""
        self._in_namespace: defaultdict[str, _Group] = defaultdict(lambda: _Group(list))
        self._by_selector: defaultdict[Selector, _Group] = defaultdict(lambda: _Group(list))
        """The selections by the selectors of their namespaces."""
        self._around: dict[str, list[_Group]] = {}
        """The groups in `_by_selector` whose selectors match each namespace, as long as its labels stay."""
        self._namespaces_version = -1
        self.selecting: dict[int, set[Peers]] = {}
        """All peers that select each of a few identities, by its bit."""
        for peers in self:
            self._index(peers)

    def __missing__(self, peers: Peers) -> Bitset:
        self._index(peers)
        self[peers] = bits = self._state.tiers.peers(peers, self._family)
        for bit, selecting in self.selecting.items():
            if bits >> bit & 1:
                selecting.add(peers)
        return bits

    def _index(self, peers: Peers) -> None:
        if peers.everyone or peers.block is not None:
            self._others.append(peers)
            return
        for selection in peers.selections:
            if selection.namespace is not None:
                group = self._in_namespace[selection.namespace]
            else:
                selector = selection.namespaces or EVERYTHING
                # A new selector may match namespaces whose groups were found before.
                if selector not in self._by_selector:
                    self._around = {}
                group = self._by_selector[selector]
            group[selection].append(peers)

    def refresh_all(self) -> dict[Peers, Bitset]:
        """Compute all peers again; returns the peers whose identities have changed, and which of them have."""
        return self._update({peers: self._state.tiers.peers(peers, self._family) for peers in self})

    def refresh(self, changed: Bitset, present: Mapping[int, Identity]) -> dict[Peers, Bitset]:
        """Update all peers for the `changed` identities; returns the peers whose identities have changed, and which.

        `present` are those of them that exist, by their bits.
        """
        self.selecting = {bit: self._selecting(identity) for bit, identity in present.items()}
        unchanged = ~changed
        # Peers that selected one of these identities before, or select one now. No other peers change.
        concerned = {peers for peers, bits in self.items() if bits & changed}.union(*self.selecting.values())
        found: dict[Peers, Bitset] = {}
        for peers in concerned:
            found[peers] = self[peers] & unchanged
        for bit, selecting in self.selecting.items():
            for peers in selecting:
                found[peers] |= 1 << bit
        return self._update(found)

    def _selecting(self, identity: Identity) -> set[Peers]:
        """Return all peers that select an identity."""
        selections = IdentitySelections(identity, self._state.namespaces)
        found = {peers for peers in self._others if peers.select(selections, self._family)}
        for group in (
            self._in_namespace.get(identity.namespace, _Group(list)),
            *self._groups_around(identity.namespace),
        ):
            for selection, having in group.items():
                if selections.matches(selection):
                    found.update(having)
        return found

    def _groups_around(self, namespace: str) -> list[_Group]:
        """Return the groups of selections whose selectors of namespaces match a namespace."""
        version = self._state.namespaces.version
        if version != self._namespaces_version or len(self._around) > _MOST_NAMESPACES:
            self._around, self._namespaces_version = {}, version
        if namespace not in self._around:
            labels = self._state.namespaces.labels(namespace)
            self._around[namespace] = [group for one, group in self._by_selector.items() if one.matches(labels)]
        return self._around[namespace]

    def _update(self, found: Mapping[Peers, Bitset]) -> dict[Peers, Bitset]:
        changed = {peers: different for peers, bits in found.items() if (different := bits ^ self[peers])}
        for peers in changed:
            self[peers] = found[peers]
        return changed
