"""Sets of pods' addresses as rules need them, kept right while pods come and go.

A `PodSet` says which pods, by the peers of rules, and, if the set is about single ports, which of their ports: then its
keys are address, protocol and port together. A `TrackedSet` holds its elements for the present state, and looks again
only at the addresses that a change of the state touches.

An address that two pods claim, because one is gone and its end not yet known, is granted only what both are.
"""

from collections.abc import Iterable
from functools import reduce
from operator import and_, or_
from typing import Final

import msgspec

from ringfence.dataplane.naming import digest
from ringfence.dataplane.program import ADDRESS, FLOW, HashSet, address_key, flow_key
from ringfence.engine.aspects import PortName
from ringfence.engine.identities import Identity
from ringfence.engine.rules import Peers
from ringfence.engine.state import State
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset

PROTOCOL_NUMBERS: Final = {"TCP": 6, "UDP": 17, "SCTP": 132}


KEYS_OF_ITS_OWN: Final = 2048
"""So many keys a set may have that no other profile shares."""


class Grant(msgspec.Struct, frozen=True, cache_hash=True):
    """Pods and, in a set with ports, which ports: by number, and by the names that the pods themselves give numbers."""

    peers: Peers
    ports: frozenset[tuple[str, int]] = frozenset()
    names: frozenset[PortName] = frozenset()


class PodSet(msgspec.Struct, frozen=True, cache_hash=True):
    """What some grants give together, in one address family."""

    family: Family
    with_ports: bool
    grants: frozenset[Grant]

    @property
    def name(self) -> str:
        """The set's name in the kernel."""
        return f"{'flows' if self.with_ports else 'pods'}{self.family:d}_{digest(self)}"


Suffixes = frozenset[bytes]
"""What follows the address in the keys that an address has: nothing, or a protocol and a port."""

_ADDRESS_ALONE: Final[Suffixes] = frozenset({b""})
_NOTHING: Final[Suffixes] = frozenset()


class TrackedSet:
    """A pod set's elements for the present state."""

    def __init__(self, what: PodSet, state: State) -> None:
        self.family = what.family
        self._what = what
        self._state = state
        self._grants = [(grant, _numbered(grant.ports) if what.with_ports else _ADDRESS_ALONE) for grant in what.grants]
        self._bits = self._current_bits()
        self._suffixes: dict[int, Suffixes] = {}
        self.set = HashSet(FLOW[what.family] if what.with_ports else ADDRESS[what.family])
        self._look_at(self._addresses_of(reduce(or_, self._bits, 0)))
        self._usual_size = len(self.set.elements)

    def refresh(self, addresses: Iterable[int], *, selections_changed: bool) -> None:
        """Look again at some addresses, because their pods have changed.

        Where selectors may mean other identities than before, it is found out which, and their pods' addresses are
        looked at, too.
        """
        addresses = set(addresses)
        if selections_changed:
            before, self._bits = self._bits, self._current_bits()
            changed = reduce(or_, (old ^ new for old, new in zip(before, self._bits, strict=True)), 0)
            addresses |= self._addresses_of(changed & self._state.population.everyone)
        if addresses:
            self._look_at(addresses)

    def has_outgrown(self) -> bool:
        """Whether the set has become a large one since this was last so: then it may have to be shared."""
        if len(self.set.elements) <= 2 * max(self._usual_size, KEYS_OF_ITS_OWN):
            return False
        self._usual_size = len(self.set.elements)
        return True

    def _current_bits(self) -> list[Bitset]:
        policies = self._state.network_policies
        return [policies.peers(grant.peers, self.family) for grant, _ in self._grants]

    def _addresses_of(self, bits: Bitset) -> set[int]:
        return {
            number
            for identity in self._state.population.identities(bits)
            for member in identity.pods()
            if not member.host_network
            for family, number in member.addresses
            if family is self.family
        }

    def _look_at(self, addresses: Iterable[int]) -> None:
        added: set[bytes] = set()
        removed: set[bytes] = set()
        granted: dict[Identity, Suffixes] = {}
        for address in addresses:
            before = self._suffixes.get(address, _NOTHING)
            owners = [self._state.identity(member) for member in self._state.members_at(self.family, address)]
            for owner in owners:
                if owner not in granted:
                    granted[owner] = self._granted_to(owner)
            after = reduce(and_, map(granted.__getitem__, owners)) if owners else _NOTHING
            if before != after:
                key = address_key(self.family, address)
                added.update(key + suffix for suffix in after - before)
                removed.update(key + suffix for suffix in before - after)
                self._suffixes[address] = after
                if not after:
                    del self._suffixes[address]
        if added or removed:
            self.set = HashSet(self.set.key, self.set.elements - removed | added)

    def _granted_to(self, identity: Identity) -> Suffixes:
        granted = _NOTHING
        for (grant, suffixes), bits in zip(self._grants, self._bits, strict=True):
            if bits >> identity.bit & 1:
                granted |= suffixes
                if grant.names:
                    granted |= _numbered(_named(identity, grant.names))
        return granted


def _named(identity: Identity, names: Iterable[PortName]) -> frozenset[tuple[str, int]]:
    """The ports to which pods give these names."""
    return frozenset((protocol, port) for name, protocol in names for port in identity.ports_named(name, protocol))


def _numbered(ports: frozenset[tuple[str, int]]) -> Suffixes:
    return frozenset(flow_key(b"", PROTOCOL_NUMBERS[protocol], port) for protocol, port in ports)
