"""Selected peers: the identities that the peers of rules select, computed once for all profiles.

Profiles have most rules of the administrators in common. If few identities have changed, only these are evaluated
again. A bitset that does not change remains the same object, and rules whose peers have not changed are skipped.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ringfence.engine.policies import IdentitySelections, Peers
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.metadata import Labels
from ringfence.sets import bitsets
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset

_FEW: Final = 8
"""The maximum number of identities that are looked up one by one.

For so few identities, this takes less time than evaluating all selectors again.
"""

_FEWEST_USED: Final = 50

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
        self.changed: dict[Family, set[Peers]] = {family: set() for family in FAMILIES}
        """The peers whose identities the last refresh changed."""
        self.have_pods_changed = False
        """Whether the last refresh may have found added, removed or changed identities."""

    def over(self, family: Family) -> Mapping[Peers, Bitset]:
        """Return the identities by peers, for one address family."""
        return self._known[family]

    def keep(self, used: Iterable[Peers]) -> None:
        """Drop the peers that are not used, if there are many of them."""
        if max(map(len, self._known.values())) <= 2 * self._most_used:
            return
        kept = frozenset(used)
        self._most_used = max(_FEWEST_USED, len(kept))
        for family, known in self._known.items():
            self._known[family] = _Known(self._state, family, {one: known[one] for one in known.keys() & kept})

    def refresh(self) -> None:
        """Update the identities from the state."""
        self.changed = {family: set() for family in FAMILIES}
        self.have_pods_changed = False
        version = self._state.population.version, self._state.namespaces.version
        if version == self._version:
            return
        if not any(self._known.values()):
            self._version = _NEVER
            return
        was_seen, self._version = self._version != _NEVER, version
        before, self._seen = self._seen if was_seen else {}, self._see()
        bits = [bit for bit in before.keys() | self._seen.keys() if before.get(bit) != self._seen.get(bit)]
        self.have_pods_changed = bool(bits) or not was_seen
        one_by_one = self._one_by_one(bits) if was_seen and len(bits) <= _FEW else None
        for family, known in self._known.items():
            self.changed[family] = known.refresh(bitsets.of(bits), one_by_one)

    def _see(self) -> dict[int, _Seen]:
        labels: dict[str, Labels] = {}
        seen: dict[int, _Seen] = {}
        for one in self._state.population.identities():
            if one.namespace not in labels:
                labels[one.namespace] = self._state.namespaces.labels(one.namespace)
            seen[one.bit] = (one, one.mark, one.blocks, labels[one.namespace])
        return seen

    def _one_by_one(self, bits: Iterable[int]) -> list[tuple[int, IdentitySelections]]:
        """Return the identities with these bits that exist, with their selections."""
        found = [(bit, self._seen[bit][0]) for bit in bits if bit in self._seen]
        return [(1 << bit, IdentitySelections(one, self._state.namespaces)) for bit, one in found]


class _Known(dict[Peers, Bitset]):
    """The identities by peers, for one family. Missing entries are computed on access."""

    def __init__(self, state: State, family: Family, known: Mapping[Peers, Bitset] | None = None) -> None:
        super().__init__(known or {})
        self._state = state
        self._family = family

    def __missing__(self, peers: Peers) -> Bitset:
        self[peers] = bits = self._state.tiers.peers(peers, self._family)
        return bits

    def refresh(self, changed: Bitset, one_by_one: Sequence[tuple[int, IdentitySelections]] | None) -> set[Peers]:
        """Update all peers for the `changed` identities; returns the peers whose identities have changed.

        `one_by_one` contains the selections of the changed identities. Without it, all peers are computed again.
        """
        found: set[Peers] = set()
        unchanged = ~changed
        for peers, before in self.items():
            if one_by_one is None or peers.everyone or peers.block is not None:
                bits = self._state.tiers.peers(peers, self._family)
            else:
                bits = before & unchanged
                for bit, identity in one_by_one:
                    if identity.in_any(peers.selections):
                        bits |= bit
            if bits != before:
                self[peers] = bits
                found.add(peers)
        return found
