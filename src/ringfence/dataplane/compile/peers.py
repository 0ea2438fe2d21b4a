"""Sets of pod addresses that rules look up, updated when pods are added or removed.

A `PodSet` selects pods by the peers of rules. If the rules allow single ports, the set also contains these ports, and
its keys consist of address, protocol and port. A `TrackedSet` contains the elements for the current state. After a
change, it updates only the addresses that the change affects.

Two pods can claim one address for a while: a new pod can get the address of an old pod before the end of the old pod is
known. Such an address is granted only what both pods are granted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Final

import msgspec

from ringfence.dataplane.compile.signatures import Signature, signatures
from ringfence.dataplane.program import ADDRESS, FLOW, HashSet, address_key, digest, flow_key
from ringfence.engine.policies import Peers
from ringfence.engine.population import Identity, PortName
from ringfence.engine.state import State
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset

PROTOCOL_NUMBERS: Final = {"TCP": 6, "UDP": 17, "SCTP": 132}
"""The protocols that have ports. Source: IANA, "Assigned Internet Protocol Numbers"."""

KEYS_OF_ITS_OWN: Final = 2048
"""The largest number of keys in a set that only one profile uses.

A set of address, protocol and port costs a packet one lookup, but its size is the number of pods times the number of
ports. Above this size, the compiler uses a set of pods and a set of ports, which cost two lookups. Profiles with rules
about the same pods share the set of pods.
"""


class Grant(msgspec.Struct, frozen=True, cache_hash=True):
    """Pods and, in a set with ports, their ports: by number, or by name, where each pod defines the number."""

    peers: Peers
    ports: frozenset[tuple[str, int]] = frozenset()
    names: frozenset[PortName] = frozenset()


class PodSet(msgspec.Struct, frozen=True, cache_hash=True):
    """The union of grants, in one address family."""

    family: Family
    with_ports: bool
    grants: frozenset[Grant]

    @property
    def name(self) -> str:
        """The set's name in the kernel.

        The name depends only on the grants, not on the pods, so no rule changes when pods are added or removed.
        """
        return f"{'flows' if self.with_ports else 'pods'}{self.family:d}_{digest(self)}"


Owners = Mapping[tuple[Family, int], Sequence[Identity]]
"""Addresses, and the identities of the pods that have each of them."""


def owners_of(state: State, addresses: Iterable[tuple[Family, int]]) -> Owners:
    """Map each address to the identities of the pods that have it."""
    return {address: [state.identity(member) for member in state.members_at(*address)] for address in addresses}


def owners_of_pods(state: State, of: Bitset) -> Owners:
    """Map each address of the pods with these identities to the identities of all pods that have the address."""
    addresses = (
        address
        for identity in state.population.identities(of)
        for member in identity.pods()
        if not member.host_network
        for address in member.addresses
    )
    return owners_of(state, addresses)


Suffixes = frozenset[bytes]
"""The parts of an address's keys after the address: nothing, or a protocol and a port."""

_ADDRESS_ALONE: Final[Suffixes] = frozenset({b""})
_NOTHING: Final[Suffixes] = frozenset()


class TrackedSet:
    """The elements of a pod set for the current state."""

    def __init__(self, what: PodSet, state: State) -> None:
        self._family = what.family
        self._state = state
        self._grants = [(grant, _numbered(grant.ports) if what.with_ports else _ADDRESS_ALONE) for grant in what.grants]
        self._namespaces = _namespaces_of(grant.peers for grant in what.grants)
        self._parts: dict[Suffixes, Bitset] = {}
        """The identities to which each group of suffixes is granted. An identity can have several groups."""
        self._granted: dict[int, Suffixes] = {}
        """All suffixes that are granted to each identity, by its bit."""
        self._suffixes: dict[int, Suffixes] = {}
        self.set = HashSet(FLOW[what.family] if what.with_ports else ADDRESS[what.family])
        self._update(owners_of_pods(state, self._reselect()))
        self._usual_size = len(self.set.elements)

    def refresh(self, owners: Owners, namespaces: frozenset[str], *, relabelled: bool) -> None:
        """Update the keys of the addresses in `owners`, whose pods have changed.

        Selectors can select other pods than before if pods in `namespaces` have changed, or if namespaces were
        `relabelled`. Then the addresses of pods that are newly selected or no longer selected are updated, too.
        """
        affected = owners
        if self._namespaces is None:
            may_select_others = relabelled or bool(namespaces)
        else:
            # All selections name their namespace, so they do not depend on the labels of namespaces.
            may_select_others = not self._namespaces.isdisjoint(namespaces)
        if may_select_others:
            # Identities that no longer exist have no pods to look up. The addresses of their pods are in `owners`.
            changed = self._reselect() & self._state.population.everyone
            affected = {**owners, **owners_of_pods(self._state, changed)}
        self._update(affected)

    def has_outgrown(self) -> bool:
        """Whether the set has grown so much that it may have to be shared. Returns true once for each such growth.

        The size must have doubled, so a set whose size varies around a limit is not rebuilt each time.
        """
        if len(self.set.elements) <= 2 * max(self._usual_size, KEYS_OF_ITS_OWN):
            return False
        self._usual_size = len(self.set.elements)
        return True

    def _reselect(self) -> Bitset:
        """Compute what is granted to each identity; returns the identities whose grants may have changed."""
        before, self._parts = self._parts, self._current_parts()
        changed = 0
        for suffixes in before.keys() | self._parts.keys():
            changed |= before.get(suffixes, 0) ^ self._parts.get(suffixes, 0)
        parts = list(self._parts)
        united: dict[Signature, Suffixes] = {}
        for bit, signature in signatures(list(self._parts.values()), changed):
            if signature not in united:
                united[signature] = _NOTHING.union(*(parts[place] for place in signature))
            self._granted[bit] = united[signature]
        return changed

    def _current_parts(self) -> dict[Suffixes, Bitset]:
        population, tiers = self._state.population, self._state.tiers
        parts: defaultdict[Suffixes, Bitset] = defaultdict(int)
        for grant, suffixes in self._grants:
            bits = tiers.peers(grant.peers, self._family)
            if suffixes:
                parts[suffixes] |= bits
            for name in grant.names:
                for named in population.ports_named(name):
                    parts[_numbered(frozenset({(named.protocol, named.port)}))] |= bits & population.holding(named)
        return parts

    def _update(self, owners: Owners) -> None:
        """Give each address the keys that are granted to all pods that claim it."""
        added: set[bytes] = set()
        removed: set[bytes] = set()
        for (family, address), identities in owners.items():
            if family is not self._family:
                continue
            before = self._suffixes.get(address, _NOTHING)
            # With the union, a new pod could use what only the old pod was allowed.
            granted = [self._granted.get(identity.bit, _NOTHING) for identity in identities]
            after = reduce(and_, granted) if granted else _NOTHING
            if before != after:
                key = address_key(family, address)
                added.update(key + suffix for suffix in after - before)
                removed.update(key + suffix for suffix in before - after)
                self._suffixes[address] = after
                if not after:
                    del self._suffixes[address]
        # Without a change, the set remains the same object, which makes comparing two programs cheap.
        if added or removed:
            self.set = HashSet(self.set.key, self.set.elements - removed | added)


def _namespaces_of(peers: Iterable[Peers]) -> frozenset[str] | None:
    """Return the namespaces whose pods these peers can select; None if the pods can be in any namespace."""
    found: set[str] = set()
    for one in peers:
        if one.everyone or one.block or any(selection.namespace is None for selection in one.selections):
            return None
        found.update(selection.namespace for selection in one.selections if selection.namespace is not None)
    return frozenset(found)


def _numbered(ports: frozenset[tuple[str, int]]) -> Suffixes:
    # `flow_key` of an empty address returns the part of the key after an address of either family.
    return frozenset(flow_key(b"", PROTOCOL_NUMBERS[protocol], port) for protocol, port in ports)
