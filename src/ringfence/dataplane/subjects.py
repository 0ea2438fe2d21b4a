"""Subjects: the node's own pods, by address, and the chain of the profile that isolates each of them.

Each look finds what changed since the last one: pods that came, went or became another identity, and, if the policies
changed, identities that another profile isolates now. Nothing else is looked at.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ringfence.dataplane.profiles import OwnPorts, ProfileChain, build_chain, chain_name, own_ports
from ringfence.dataplane.program import Move, address_key
from ringfence.dataplane.skeleton import DENIED
from ringfence.engine.identities import Identity
from ringfence.engine.pods import Member
from ringfence.engine.profiles import Profile
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

Address = tuple[Family, int]
Side = tuple[Direction, Family]


class Changes(NamedTuple):
    """What a look at the state found: addresses whose pods changed, and moves between chains, by verdict map.

    With `selections_changed`, selectors may mean other identities than before.
    """

    addresses: set[Address]
    moves: dict[Side, list[Move]]
    selections_changed: bool


class _Isolation(NamedTuple):
    """The profile that isolates an identity in a direction, and its chain's name; neither if nothing isolates it."""

    profile: Profile | None
    chain: str | None


class Subjects:
    """Which chain each address of the node's own pods has, in each direction."""

    def __init__(self, state: State, is_local: Callable[[Member], bool]) -> None:
        self._state = state
        self._is_local = is_local
        self._versions: tuple[int, int, int] = (-1, -1, -1)
        self._families: tuple[Family, ...] = ()
        self._homes: dict[Member, Identity] = {}
        self._isolation: dict[Direction, dict[Identity, _Isolation]] = {direction: {} for direction in Direction}
        self._names: dict[tuple[Profile, OwnPorts], str | None] = {}
        self._names_in_use = 0
        self._chains: dict[str, ProfileChain] = {}
        self._placed: dict[Side, dict[bytes, str]] = {(side, family): {} for side in Direction for family in FAMILIES}

    def look(self) -> Changes:
        """Find out what changed since the last look."""
        before, self._versions = self._versions, self._current_versions()
        facts_changed = before[0] != self._versions[0]
        addresses, identities = self._look_at_pods(facts_changed=facts_changed)
        if not facts_changed:
            identities |= self._with_other_policies(before[2])
        placed = addresses | self._look_at_policies(identities, facts_changed=facts_changed)
        moves = {side: list(self._moves(side, placed)) for side in self._placed}
        return Changes(addresses, moves, selections_changed=before[:2] != self._versions[:2])

    def is_known(self, address: Address) -> bool:
        """Whether a pod of the node's own has this address."""
        return any(self._is_subject(member) for member in self._state.members_at(*address))

    def chains(self, names: Iterable[str]) -> dict[str, ProfileChain]:
        """The chains of these names."""
        return {name: self._chains[name] for name in names}

    def rebuild(self, names: Iterable[str]) -> None:
        """Build these chains anew, because the sizes of the sets that they look into are others than they were."""
        outgrown = frozenset(names)
        self._names = {key: name for key, name in self._names.items() if name not in outgrown}
        for subject, (profile, chain) in self._all_isolation():
            if profile and chain in outgrown:
                self._chain_name(profile, subject)

    def _current_versions(self) -> tuple[int, int, int]:
        """Of the population, the namespaces and the policies."""
        state = self._state
        return state.population.version, state.namespaces.version, state.network_policies.version

    def _look_at_pods(self, *, facts_changed: bool) -> tuple[set[Address], set[Identity]]:
        """The addresses of pods that came, went or moved, and the identities whose policies must be looked at."""
        population = self._state.population
        present = set(self._state.members())
        gone = self._homes.keys() - present
        touched = present - self._homes.keys()
        for member in gone:
            del self._homes[member]
        if facts_changed:
            touched |= {member for member, home in self._homes.items() if population.identity_of(member) is not home}
        for member in touched:
            self._homes[member] = population.identity_of(member)
        addresses = {address for member in gone | touched if not member.host_network for address in member.addresses}
        asked = self._homes if facts_changed else touched
        return addresses, {self._homes[member] for member in asked if self._is_subject(member)}

    def _with_other_policies(self, version: int) -> set[Identity]:
        """The subjects' identities in namespaces whose policies have changed since `version`."""
        namespaces = self._state.network_policies.namespaces_changed_since(version)
        if not namespaces:
            return set()
        return {one for one in self._isolation[Direction.INGRESS] if one.namespace in namespaces}

    def _is_subject(self, member: Member) -> bool:
        return bool(member.addresses) and not member.host_network and self._is_local(member)

    def _look_at_policies(self, identities: set[Identity], *, facts_changed: bool) -> set[Address]:
        """The addresses of pods that another chain isolates than before.

        If facts changed, what is known of an identity tells nothing any more, and `identities` are all there are.
        """
        self._look_at_families()
        changed: set[Identity] = set()
        for direction, known in self._isolation.items():
            found: dict[Identity, _Isolation] = {}
            for identity in identities:
                before = known.get(identity)
                profile = self._state.network_policies.profile(identity, direction)
                if before is None or before.profile is not profile or facts_changed:
                    name = self._chain_name(profile, identity) if profile else None
                    found[identity] = _Isolation(profile, name)
                    if before is None or before.chain != name:
                        changed.add(identity)
            self._isolation[direction] = found if facts_changed else {**known, **found}
        self._forget_unused()
        pods = (member for identity in changed for member in identity.pods() if self._is_subject(member))
        return {address for member in pods for address in member.addresses}

    def _all_isolation(self) -> Iterator[tuple[Identity, _Isolation]]:
        for known in self._isolation.values():
            yield from known.items()

    def _look_at_families(self) -> None:
        families = tuple(family for family in FAMILIES if self._state.population.in_family(family))
        if families != self._families:
            self._families = families
            self._names.clear()

    def _chain_name(self, profile: Profile, subject: Identity) -> str | None:
        """The chain of a profile, built if it is not there yet; None if it allows everything."""
        if not profile.rules:
            return DENIED[profile.direction]
        ports = own_ports(profile, subject)
        if (profile, ports) not in self._names:
            chain = build_chain(self._state, profile, subject, self._families)
            name = self._names[profile, ports] = chain_name(profile, ports) if chain else None
            if chain and name:
                self._chains[name] = chain
        return self._names[profile, ports]

    def _forget_unused(self) -> None:
        """Let go of chains that nobody has any more, when they have become many."""
        if len(self._names) <= 2 * self._names_in_use:
            return
        profiles = {isolation.profile for _, isolation in self._all_isolation()}
        names = {isolation.chain for _, isolation in self._all_isolation()}
        self._names = {key: name for key, name in self._names.items() if key[0] in profiles}
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
        """The chain for an address. Two pods that claim the same one and are to be treated differently are denied."""
        owners = filter(self._is_subject, self._state.members_at(family, number))
        chains = {self._isolation[direction][self._homes[member]].chain for member in owners}
        if len(chains) > 1:
            return DENIED[direction]
        return chains.pop() if chains else None
