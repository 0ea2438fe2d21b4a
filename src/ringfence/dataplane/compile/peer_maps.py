"""Peer maps: what a pod whose policies also deny or pass is allowed, by the address of the peer.

Where all rules allow, their order does not matter, and a chain looks into one set after another (`pod_rules`). Where
some rules deny or pass, the first that matches decides. That is settled here, for each peer, when the program is
compiled: a map leads from the peer's address to a chain that allows exactly what is allowed with this peer. So

- precedence cannot get lost in the kernel, and a packet costs one lookup and a few rules, however many policies and
  rules there are;
- a change of a peer is the change of one element: no packet finds it half done.

Peers that are not in the map are decided by their address alone (`address_rules`): those outside the cluster, and all
pods that are allowed just what their address is. The chains are named after the traffic that they allow, and shared.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_

import msgspec

from ringfence.dataplane.compile.allowances import allowing
from ringfence.dataplane.compile.peers import Owners, owners_of
from ringfence.dataplane.compile.traffic_rules import traffic_conditions
from ringfence.dataplane.program import (
    ADDRESS,
    DENIED,
    Chain,
    Collection,
    Move,
    Rule,
    VerdictMap,
    address_key,
    digest,
    profile_chain,
)
from ringfence.engine.policies import OwnPorts, Stack
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class PeerMap(msgspec.Struct, frozen=True, eq=False):
    """The map of a stack for subjects with these ports of their own, in one address family."""

    family: Family
    stack: Stack
    own: OwnPorts

    @property
    def direction(self) -> Direction:
        """The direction that the stack is about."""
        return self.stack[0].direction

    @property
    def name(self) -> str:
        """The map's name in the kernel: made from what the rules say, so that other rules have another map."""
        rules = tuple(
            (
                profile.otherwise,
                tuple((rule.action, rule.peers, rule.traffic, rule.port_names) for rule in profile.rules),
            )
            for profile in self.stack
        )
        return f"peers{self.family:d}_{digest((self.direction, rules, self.own))}"


class PeerChain(msgspec.Struct, frozen=True):
    """A chain that allows some traffic to every peer, and the sets that it looks into."""

    chain: Chain
    fixed: dict[str, Collection]


class TrackedMap:
    """A peer map's elements for the present state."""

    def __init__(self, what: PeerMap, state: State) -> None:
        self._what = what
        self._state = state
        self._by_address = state.tiers.addresses_of(what.stack, what.own)
        self._by_peer = self._current()
        self._traffic_of: dict[str, Traffic] = {}
        self.map = VerdictMap(ADDRESS[what.family])
        self._update(self._owners(state.population.everyone))

    def refresh(self, owners: Owners, *, others_selected: bool) -> None:
        """Update the elements of some addresses, because their pods have changed.

        Where selectors may select other pods than before, the pods that are allowed something else are updated, too.
        """
        touched = owners
        if others_selected:
            before, self._by_peer = self._by_peer, self._current()
            touched = {**owners, **self._owners(self._changed_since(before))}
        self._update(touched)

    def chains(self) -> Iterator[tuple[str, PeerChain]]:
        """The chains to which the elements lead, by name; that of denials, which is fixed, excepted."""
        for name in self.map.elements:
            if name != DENIED[self._what.direction]:
                yield name, peer_chain(self._what.direction, self._traffic_of[name])

    def _current(self) -> Partition[Bitset, Traffic]:
        return self._state.tiers.peers_of(self._what.stack, self._what.own, self._what.family)

    def _changed_since(self, before: Partition[Bitset, Traffic]) -> Bitset:
        """The identities that are allowed something else than before, or that were not there."""
        old = {traffic: bits for bits, traffic in before}
        changed: Bitset = 0
        for bits, traffic in self._by_peer:
            changed |= bits & ~old.get(traffic, 0)
        return changed

    def _owners(self, bits: Bitset) -> Owners:
        addresses = (
            address
            for identity in self._state.population.identities(bits)
            for member in identity.pods()
            if not member.host_network
            for address in member.addresses
        )
        return owners_of(self._state, addresses)

    def _update(self, owners: Owners) -> None:
        moves: list[Move] = []
        for (family, number), identities in owners.items():
            if family is self._what.family:
                key = address_key(family, number)
                old, new = self.map.chain_of(key), self._chain_for(number, identities)
                if old != new:
                    moves.append(Move(key, old, new))
        if moves:
            self.map = VerdictMap(self.map.key, self.map.elements, goto=True).moved(moves)

    def _chain_for(self, number: int, identities: Sequence[Identity]) -> str | None:
        """The chain for an address. Two pods that claim it are allowed only what both of them are."""
        if not identities:
            return None
        allowed = reduce(and_, (self._allowed_to(identity) for identity in identities))
        if allowed == self._allowed_by_address(number):
            return None
        name = peer_chain_name(self._what.direction, allowed)
        self._traffic_of[name] = allowed
        return name

    def _allowed_to(self, identity: Identity) -> Traffic:
        return next(traffic for bits, traffic in self._by_peer if bits >> identity.bit & 1)

    def _allowed_by_address(self, number: int) -> Traffic:
        addresses: Partition[Addresses, Traffic] = self._by_address
        return next(traffic for within, traffic in addresses if within.contains(self._what.family, number))


def peer_chain_name(direction: Direction, allowed: Traffic) -> str:
    """The name of the chain that allows this traffic."""
    return f"{direction.field}_peers_{digest(allowed)}" if allowed else DENIED[direction]


def peer_chain(direction: Direction, allowed: Traffic) -> PeerChain:
    """The chain that allows this traffic, and denies everything else."""
    if allowed == ALL_TRAFFIC:
        return PeerChain(profile_chain(direction, (allowing(),)), {})
    rules: list[Rule] = []
    fixed: dict[str, Collection] = {}
    for conditions, sets in traffic_conditions(allowed):
        rules.append(allowing(*conditions))
        fixed |= sets
    return PeerChain(profile_chain(direction, tuple(rules)), fixed)
