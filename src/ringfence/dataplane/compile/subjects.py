"""Subjects: the node's own pods, by address, and the chain of the profile that isolates each of them.

Each look finds what changed since the last one: pods that came, went or became another identity, identities whose facts
changed, and, if the policies changed, identities that another profile isolates now. Nothing else is looked at, however
many pods the cluster has.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ringfence.dataplane.compile.profile_chains import ProfileChain, build_chain, chain_name, denies_everything
from ringfence.dataplane.program import DENIED, Move, address_key
from ringfence.engine.policies import BEFORE_EVERYTHING, OwnPorts, Stack, own_ports
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

Address = tuple[Family, int]
Side = tuple[Direction, Family]


class Changes(NamedTuple):
    """What a look at the state found: addresses whose pods changed, and moves between chains, by verdict map.

    Selectors may mean other pods than before in these `namespaces`, and, if namespaces were `relabelled`, in others.
    """

    addresses: set[Address]
    moves: dict[Side, list[Move]]
    namespaces: frozenset[str]
    relabelled: bool


class _Isolation(NamedTuple):
    """The profiles that decide about an identity in a direction, and the name of their chain.

    There is no chain where they allow everything, or where there are none.
    """

    stack: Stack
    chain: str | None


class Subjects:
    """Which chain each address of the node's own pods has, in each direction."""

    def __init__(self, state: State, is_local: Callable[[Member], bool]) -> None:
        self._state = state
        self._is_local = is_local
        self._changes = state.population.record_changes()
        self._policies_version = BEFORE_EVERYTHING
        self._namespaces_version = -1
        self._families: tuple[Family, ...] = ()
        self._homes: dict[Member, Identity] = {}
        self._pods: dict[Identity, set[Member]] = {}
        self._isolation: dict[Direction, dict[Identity, _Isolation]] = {direction: {} for direction in Direction}
        self._names: dict[tuple[Stack, OwnPorts], str | None] = {}
        self._names_in_use = 0
        self._chains: dict[str, ProfileChain] = {}
        self._placed: dict[Side, dict[bytes, str]] = {(side, family): {} for side in Direction for family in FAMILIES}

    def look(self) -> Changes:
        """Find out what changed since the last look."""
        moved, changed = self._state.population.take_changes(self._changes)
        namespaces = frozenset(one.namespace for some in (moved, changed) for one in some)
        addresses = {address for member in moved if not member.host_network for address in member.addresses}
        identities = self._rehouse(moved) | (changed & self._pods.keys())
        placed = addresses | self._look_at_policies(identities)
        moves = {side: list(self._moves(side, placed)) for side in self._placed}
        return Changes(addresses, moves, namespaces, self._were_relabelled())

    def is_known(self, address: Address) -> bool:
        """Whether a pod of the node's own has this address."""
        return any(self._is_subject(member) for member in self._state.members_at(*address))

    def chains(self, names: Iterable[str]) -> dict[str, ProfileChain]:
        """The chains of these names."""
        return {name: self._chains[name] for name in names}

    def rebuild(self, names: Iterable[str]) -> None:
        """Build these chains again, because the sizes of the sets that they look into have changed."""
        outgrown = frozenset(names)
        self._names = {key: name for key, name in self._names.items() if name not in outgrown}
        for subject, (stack, chain) in self._all_isolation():
            if chain in outgrown:
                self._chain_name(stack, subject)

    def _were_relabelled(self) -> bool:
        """Whether namespaces came, went or got other labels since the last look."""
        before, self._namespaces_version = self._namespaces_version, self._state.namespaces.version
        return before != self._namespaces_version

    def _rehouse(self, moved: set[Member]) -> set[Identity]:
        """Note where the node's own pods live now; the identities to which some of them came."""
        found: set[Identity] = set()
        for member in moved:
            home = self._homes.pop(member, None)
            if home is not None:
                self._pods[home].remove(member)
                if not self._pods[home]:
                    self._forget(home)
            if self._is_subject(member) and self._state.member(member.reference) is member:
                home = self._homes[member] = self._state.identity(member)
                self._pods.setdefault(home, set()).add(member)
                found.add(home)
        return found & self._pods.keys()

    def _forget(self, identity: Identity) -> None:
        """Let go of an identity that none of the node's own pods has any more."""
        del self._pods[identity]
        for known in self._isolation.values():
            known.pop(identity, None)

    def _with_other_policies(self) -> set[Identity]:
        """The subjects' identities in namespaces whose policies have changed."""
        tiers = self._state.tiers
        namespaces = tiers.namespaces_changed_since(self._policies_version)
        self._policies_version = tiers.version
        if namespaces is None:
            return set(self._pods)
        return {one for one in self._pods if one.namespace in namespaces} if namespaces else set()

    def _is_subject(self, member: Member) -> bool:
        return bool(member.addresses) and not member.host_network and self._is_local(member)

    def _look_at_policies(self, touched: set[Identity]) -> set[Address]:
        """The addresses of pods that another chain isolates than before; of `touched` identities nothing is known."""
        if self._families_changed():
            touched = set(self._pods)
        asked = touched | self._with_other_policies()
        changed: set[Identity] = set()
        for direction, known in self._isolation.items():
            for identity in asked:
                before = known.get(identity)
                stack = self._state.tiers.stack(identity, direction)
                if before is None or before.stack != stack or identity in touched:
                    name = self._chain_name(stack, identity)
                    known[identity] = _Isolation(stack, name)
                    if before is None or before.chain != name:
                        changed.add(identity)
        self._forget_unused()
        return {address for identity in changed for member in self._pods[identity] for address in member.addresses}

    def _all_isolation(self) -> Iterator[tuple[Identity, _Isolation]]:
        for known in self._isolation.values():
            yield from known.items()

    def _families_changed(self) -> bool:
        """Whether chains must be about other address families than they are."""
        before, self._families = self._families, tuple(filter(self._state.population.in_family, FAMILIES))
        if before == self._families:
            return False
        self._names.clear()
        return True

    def _chain_name(self, stack: Stack, subject: Identity) -> str | None:
        """The chain of a pod's profiles, built if it is not there yet; None if they allow everything."""
        if not stack:
            return None
        if denies_everything(stack):
            return DENIED[stack[0].direction]
        ports = own_ports(stack, subject)
        if (stack, ports) not in self._names:
            chain = build_chain(self._state, stack, ports, self._families)
            name = self._names[stack, ports] = chain_name(stack, ports) if chain else None
            if chain and name:
                self._chains[name] = chain
        return self._names[stack, ports]

    def _forget_unused(self) -> None:
        """Drop unused chains when there are many of them."""
        if len(self._names) <= 2 * self._names_in_use:
            return
        stacks = {isolation.stack for _, isolation in self._all_isolation()}
        names = {isolation.chain for _, isolation in self._all_isolation()}
        self._names = {key: name for key, name in self._names.items() if key[0] in stacks}
        self._chains = {name: chain for name, chain in self._chains.items() if name in names}
        self._names_in_use = len(self._names)

    def _moves(self, side: Side, addresses: Iterable[Address]) -> Iterator[Move]:
        direction, side_family = side
        placed = self._placed[side]
        for family, number in addresses:
            if family is side_family:
                key = address_key(family, number)
                old, new = placed.get(key), self._chain_at(family, number, direction)
                if old != new:
                    yield Move(key, old, new)
                    if new is None:
                        del placed[key]
                    else:
                        placed[key] = new

    def _chain_at(self, family: Family, number: int, direction: Direction) -> str | None:
        """The chain for an address. If two pods claim the address and have different chains, both are denied."""
        owners = filter(self._is_subject, self._state.members_at(family, number))
        chains = {self._isolation[direction][self._homes[member]].chain for member in owners}
        if len(chains) > 1:
            return DENIED[direction]
        return chains.pop() if chains else None
