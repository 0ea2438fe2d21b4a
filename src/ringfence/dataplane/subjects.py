"""Subjects: the node's own pods, by address, and the chain of the profile that isolates each of them.

Looks again only at what changed: pods that came, went or became another identity, and, when the policies or the meaning
of selectors changed, which profile isolates each identity now.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ringfence.dataplane.profiles import ProfileChain, build_chain, chain_name
from ringfence.dataplane.program import Move, address_key
from ringfence.dataplane.skeleton import DENIED
from ringfence.engine.network_policies import Profile
from ringfence.engine.pods import Member
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

Address = tuple[Family, int]
Side = tuple[Direction, Family]


class Changes(NamedTuple):
    """What a look at the state found: addresses whose pods changed, and moves between chains, by verdict map.

    With `is_restructured`, identities or the meaning of selectors may have changed, too.
    """

    addresses: set[Address]
    moves: dict[Side, list[Move]]
    is_restructured: bool


class _Built(NamedTuple):
    """A chain, and what it was built for."""

    profile: Profile
    families: tuple[Family, ...]
    chain: ProfileChain | None


class Subjects:
    """Which chain each address of the node's own pods has, in each direction."""

    def __init__(self, state: State, is_local: Callable[[Member], bool]) -> None:
        self._state = state
        self._is_local = is_local
        self._versions: tuple[int, ...] = ()
        self._homes: dict[Member, Identity] = {}
        self._profiles: dict[tuple[Identity, Direction], str | None] = {}
        self._built: dict[str, _Built] = {}
        self._placed: dict[Side, dict[bytes, str]] = {(side, family): {} for side in Direction for family in FAMILIES}

    def look(self) -> Changes:
        """Find out what changed since the last look."""
        versions = self._current_versions()
        is_restructured = versions != self._versions
        self._versions = versions
        addresses, identities = self._look_at_pods(is_restructured=is_restructured)
        addresses |= self._look_at_profiles(identities, is_restructured=is_restructured)
        moves = {side: list(self._moves(side, addresses)) for side in self._placed}
        return Changes(addresses, moves, is_restructured)

    def chains(self, names: Iterable[str]) -> dict[str, ProfileChain]:
        """The chains of these names."""
        built = ((name, self._built[name].chain) for name in names)
        return {name: chain for name, chain in built if chain}

    def rebuild(self, names: Iterable[str]) -> None:
        """Build these chains anew, because the sizes of the sets that they look into are others than they were."""
        subjects = {name: one for one, name in self._profiles.items() if name}
        for name in names:
            del self._built[name]
            self._chain_name(*subjects[name])

    def _current_versions(self) -> tuple[int, ...]:
        state = self._state
        return state.population.version, state.namespaces.version, state.network_policies.version

    def _look_at_pods(self, *, is_restructured: bool) -> tuple[set[Address], set[Identity]]:
        """The addresses of pods that came, went or moved, and the identities whose profiles must be asked for."""
        population = self._state.population
        present = set(self._state.members())
        gone = self._homes.keys() - present
        come = present - self._homes.keys()
        for member in gone:
            del self._homes[member]
        moved = (
            [member for member, home in self._homes.items() if population.identity_of(member) is not home]
            if is_restructured
            else []
        )
        for member in (*come, *moved):
            self._homes[member] = population.identity_of(member)
        local = self._homes if is_restructured else come
        identities = {self._homes[member] for member in local if self._is_subject(member)}
        changed = (member for members in (gone, come, moved) for member in members)
        return {address for member in changed if not member.host_network for address in member.addresses}, identities

    def _is_subject(self, member: Member) -> bool:
        return bool(member.addresses) and not member.host_network and self._is_local(member)

    def _look_at_profiles(self, identities: set[Identity], *, is_restructured: bool) -> set[Address]:
        """The addresses of pods that another chain isolates than before."""
        names = {
            (identity, direction): self._chain_name(identity, direction)
            for identity in identities
            for direction in Direction
        }
        changed = {one[0] for one, name in names.items() if self._profiles.get(one, "") != name}
        if is_restructured:
            self._profiles, in_use = names, set(names.values())
            self._built = {name: built for name, built in self._built.items() if name in in_use}
        else:
            self._profiles |= names
        pods = (member for identity in changed for member in identity.pods() if self._is_subject(member))
        return {address for member in pods for address in member.addresses}

    def _chain_name(self, subject: Identity, direction: Direction) -> str | None:
        """The chain that isolates an identity's pods; None if nothing isolates them."""
        profile = self._state.network_policies.profile(subject, direction)
        if profile is None:
            return None
        if not profile.rules:
            return DENIED[direction]
        name = chain_name(profile, subject)
        families = tuple(family for family in FAMILIES if self._state.population.in_family(family))
        built = self._built.get(name)
        if built is None or built.profile is not profile or built.families != families:
            built = _Built(profile, families, build_chain(self._state, profile, subject, families))
            self._built[name] = built
        return name if built.chain else None

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
        chains = {self._profiles[self._homes[member], direction] for member in owners}
        if len(chains) > 1:
            return DENIED[direction]
        return chains.pop() if chains else None
