"""Which pods the peers of rules are, asked of the engine once for all profiles after a change.

Profiles have most of the administrators' rules in common. A bitset that is what it was before is the same object, so
that finding out what has changed costs one comparison for each of a profile's peers.
"""

from collections.abc import Mapping

from ringfence.engine.policies import Peers
from ringfence.engine.state import State
from ringfence.sets.addresses import FAMILIES, Family
from ringfence.sets.bitsets import Bitset


class SelectedPeers:
    """The identities that peers are, for the present state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._version = (-1, -1)
        self._known = {family: _Known(state, family, {}) for family in FAMILIES}

    def over(self, family: Family) -> Mapping[Peers, Bitset]:
        """The identities by peers, as reached over one family. It holds for as long as the state does not change."""
        version = self._state.population.version, self._state.namespaces.version
        if version != self._version:
            self._version = version
            self._known = {one: _Known(self._state, one, known) for one, known in self._known.items()}
        return self._known[family]


class _Known(dict[Peers, Bitset]):
    """What is known at one version; the rest is found out when it is asked for."""

    def __init__(self, state: State, family: Family, before: Mapping[Peers, Bitset]) -> None:
        super().__init__()
        self._state = state
        self._family = family
        self._before = dict(before)

    def __missing__(self, peers: Peers) -> Bitset:
        bits, before = self._state.tiers.peers(peers, self._family), self._before.get(peers)
        self[peers] = bits = before if before is not None and before == bits else bits
        return bits
