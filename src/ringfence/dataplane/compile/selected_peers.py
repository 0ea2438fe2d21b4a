"""Which pods the peers of rules are, kept up to date once for all profiles.

Profiles have most of the administrators' rules in common. Where few identities have changed, only these are looked up;
a bitset that is what it was before is the same object, and rules of which no peers have changed are not looked at.
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
"""So many identities are looked up one by one, which takes less time than to evaluate all selectors again."""

_FEWEST_USED: Final = 50

_NEVER: Final = (-1, -1)

_Seen = tuple[Identity, int, int, Labels]
"""An identity, with the marks of its facts, and the labels of its namespace: all that selectors and blocks can read."""


class SelectedPeers:
    """The identities that peers are, as of the last refresh."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._version = _NEVER
        self._seen: dict[int, _Seen] = {}
        self._most_used = _FEWEST_USED
        self._known = {family: _Known(state, family) for family in FAMILIES}
        self.changed: dict[Family, set[Peers]] = {family: set() for family in FAMILIES}
        """The peers that are other identities than before the last refresh."""
        self.have_pods_changed = False
        """Whether identities may have come, gone or changed with the last refresh."""

    def over(self, family: Family) -> Mapping[Peers, Bitset]:
        """The identities by peers, as reached over one family."""
        return self._known[family]

    def keep(self, used: Iterable[Peers]) -> None:
        """Forget all peers but those that are used, when there are many others."""
        if max(map(len, self._known.values())) <= 2 * self._most_used:
            return
        kept = frozenset(used)
        self._most_used = max(_FEWEST_USED, len(kept))
        for family, known in self._known.items():
            self._known[family] = _Known(self._state, family, {one: known[one] for one in known.keys() & kept})

    def refresh(self) -> None:
        """Bring the identities up to date with the state."""
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
        """The identities with these bits, as far as there are any."""
        found = [(bit, self._seen[bit][0]) for bit in bits if bit in self._seen]
        return [(1 << bit, IdentitySelections(one, self._state.namespaces)) for bit, one in found]


class _Known(dict[Peers, Bitset]):
    """The identities by peers, over one family. What is not known is found out when it is asked for."""

    def __init__(self, state: State, family: Family, known: Mapping[Peers, Bitset] | None = None) -> None:
        super().__init__(known or {})
        self._state = state
        self._family = family

    def __missing__(self, peers: Peers) -> Bitset:
        self[peers] = bits = self._state.tiers.peers(peers, self._family)
        return bits

    def refresh(self, changed: Bitset, one_by_one: Sequence[tuple[int, IdentitySelections]] | None) -> set[Peers]:
        """Find out which of the `changed` identities peers are now; returns the peers that are others than before.

        Without `one_by_one`, the selections of single identities, peers are found out again as a whole.
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
