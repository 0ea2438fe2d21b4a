"""Sets of pods' addresses that rules look into, kept up to date while pods come and go.

A `PodSet` selects pods by the peers of rules. If the rules are about single ports, it also says which ports, and its
keys are address, protocol and port together. A `TrackedSet` holds the elements for the present state. After a change,
it updates only the addresses that the change touches.

Two pods can claim one address for a while: a new pod gets the address of an old one before the end of the old one is
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

One set of address, protocol and port costs a packet one lookup, but it holds pods times ports. Beyond this number, pods
and ports are two sets and two lookups, and other profiles with rules about the same pods use the same set of pods.
"""


class Grant(msgspec.Struct, frozen=True, cache_hash=True):
    """Pods and, in a set with ports, their ports: by number, and by names to which each pod gives its own number."""

    peers: Peers
    ports: frozenset[tuple[str, int]] = frozenset()
    names: frozenset[PortName] = frozenset()


class PodSet(msgspec.Struct, frozen=True, cache_hash=True):
    """The union of some grants, in one address family."""

    family: Family
    with_ports: bool
    grants: frozenset[Grant]

    @property
    def name(self) -> str:
        """The set's name in the kernel.

        The name depends on the selectors only. Pods come and go without a new name, so no rule has to change with them.
        """
        return f"{'flows' if self.with_ports else 'pods'}{self.family:d}_{digest(self)}"


Owners = Mapping[tuple[Family, int], Sequence[Identity]]
"""Addresses, and the identities of the pods that have each of them."""


def owners_of(state: State, addresses: Iterable[tuple[Family, int]]) -> Owners:
    """The identities of the pods that have each of some addresses."""
    return {address: [state.identity(member) for member in state.members_at(*address)] for address in addresses}


def owners_of_pods(state: State, of: Bitset) -> Owners:
    """The addresses of the pods of some identities, and the identities of all pods that have each of them."""
    addresses = (
        address
        for identity in state.population.identities(of)
        for member in identity.pods()
        if not member.host_network
        for address in member.addresses
    )
    return owners_of(state, addresses)


Suffixes = frozenset[bytes]
"""The rest of each key of one address: nothing, or a protocol and a port."""

_ADDRESS_ALONE: Final[Suffixes] = frozenset({b""})
_NOTHING: Final[Suffixes] = frozenset()


class TrackedSet:
    """A pod set's elements for the present state."""

    def __init__(self, what: PodSet, state: State) -> None:
        self._family = what.family
        self._state = state
        self._grants = [(grant, _numbered(grant.ports) if what.with_ports else _ADDRESS_ALONE) for grant in what.grants]
        self._namespaces = _namespaces_of(grant.peers for grant in what.grants)
        self._parts: dict[Suffixes, Bitset] = {}
        """The identities that are granted each of some suffixes; the same identity can be granted several of them."""
        self._granted: dict[int, Suffixes] = {}
        """All that each identity is granted, by its bit."""
        self._suffixes: dict[int, Suffixes] = {}
        self.set = HashSet(FLOW[what.family] if what.with_ports else ADDRESS[what.family])
        self._update(owners_of_pods(state, self._reselect()))
        self._usual_size = len(self.set.elements)

    def refresh(self, owners: Owners, namespaces: frozenset[str], *, relabelled: bool) -> None:
        """Update the keys of addresses whose pods have changed: `owners`.

        Selectors may select other pods than before if pods changed in some `namespaces`, or if namespaces were
        `relabelled`. Then the addresses of the pods that are no longer selected, or newly selected, are updated, too.
        """
        affected = owners
        if self._namespaces is None:
            may_select_others = relabelled or bool(namespaces)
        else:
            # All selections name their namespace, so the labels of namespaces do not matter to them.
            may_select_others = not self._namespaces.isdisjoint(namespaces)
        if may_select_others:
            # Bits of identities that are gone have no pods to look up. The addresses of their pods are in `owners`.
            changed = self._reselect() & self._state.population.everyone
            affected = {**owners, **owners_of_pods(self._state, changed)}
        self._update(affected)

    def has_outgrown(self) -> bool:
        """Whether the set has become so large that it may have to be shared; true once for each such growth.

        The size must have doubled, so a set whose size goes up and down around a limit is not built again each time.
        """
        if len(self.set.elements) <= 2 * max(self._usual_size, KEYS_OF_ITS_OWN):
            return False
        self._usual_size = len(self.set.elements)
        return True

    def _reselect(self) -> Bitset:
        """Find out what identities are granted; returns those that may be granted something else than before."""
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
        """Give each address the keys that all pods which claim it are granted."""
        added: set[bytes] = set()
        removed: set[bytes] = set()
        for (family, address), identities in owners.items():
            if family is not self._family:
                continue
            before = self._suffixes.get(address, _NOTHING)
            # Granting the union would let a new pod use what only the old one was allowed.
            granted = [self._granted.get(identity.bit, _NOTHING) for identity in identities]
            after = reduce(and_, granted) if granted else _NOTHING
            if before != after:
                key = address_key(family, address)
                added.update(key + suffix for suffix in after - before)
                removed.update(key + suffix for suffix in before - after)
                self._suffixes[address] = after
                if not after:
                    del self._suffixes[address]
        # Without a change the set stays the same object: comparing two programs is then cheap.
        if added or removed:
            self.set = HashSet(self.set.key, self.set.elements - removed | added)


def _namespaces_of(peers: Iterable[Peers]) -> frozenset[str] | None:
    """The namespaces of the pods that some peers can select; None if these can be in any namespace."""
    found: set[str] = set()
    for one in peers:
        if one.everyone or one.block or any(selection.namespace is None for selection in one.selections):
            return None
        found.update(selection.namespace for selection in one.selections if selection.namespace is not None)
    return frozenset(found)


def _numbered(ports: frozenset[tuple[str, int]]) -> Suffixes:
    # `flow_key` of an empty address gives what follows an address of either family.
    return frozenset(flow_key(b"", PROTOCOL_NUMBERS[protocol], port) for protocol, port in ports)
