"""Groups of peers: addresses of pods that every peer map treats alike, updated when pods are added or removed.

If each subject had a map of the addresses of all pods, the number of elements would be pods times subjects: two
million in a cluster of 10,000 pods, on a node with 100 of them. So one map contains the group of each address, and the
maps of the subjects have groups as keys.

The pods of an identity are one group, because no policy can tell them apart. An address that several pods claim is a
group of its own. If a map must change its entry for a group, the addresses get a group with a new number. A number is
never used again for another group (`dataplane.update.regrouping`).
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import reduce
from itertools import count
from operator import or_

from ringfence.dataplane.compile.peers import Owners, owners_of, owners_of_pods
from ringfence.dataplane.compile.tracked_maps import GroupMembers, Groups, TrackedMap
from ringfence.dataplane.program import (
    ADDRESS,
    FIRST_INTERIM_GROUP,
    GROUPS,
    GroupMap,
    Move,
    Program,
    address_key,
    group_key,
    group_name,
    has_groups,
    read_group,
)
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.sets import bitsets
from ringfence.sets.addresses import Family
from ringfence.sets.bitsets import Bitset


class PeerGroups:
    """The groups of the addresses of one family. Updates the entries of the peer maps for them."""

    def __init__(self, family: Family, state: State) -> None:
        self._family = family
        self._state = state
        self._maps: Mapping[str, TrackedMap] = {}
        self._selected: Bitset = 0
        self._groups = _GroupsInUse()
        self._known = Groups()
        """All groups that some address has, or that maps know until the end of an update."""
        self._sizes: defaultdict[str, int] = defaultdict(int)
        self._of_addresses: dict[bytes, str] = {}
        self._numbers = count(1)
        self._present = Program()
        self.map = GroupMap(ADDRESS[family])

    def adopt(self, present: Program) -> None:
        """Take over the group numbers in the kernel, where its maps have the entries that the new groups need.

        Does nothing if there are groups already.
        """
        if self._known.members:
            return
        groups = present.collections.get(GROUPS[self._family])
        if isinstance(groups, GroupMap):
            known = set(groups.elements)
            for one in present.collections.values():
                if isinstance(one, GroupMap) and has_groups(one):
                    known |= {read_group(key) for keys in one.elements.values() for key in keys}
            self._present = present
            # Updates use the numbers from `FIRST_INTERIM_GROUP` on (`dataplane.update.interim_groups`).
            numbers = (number for group in known if (number := int(group, 16)) < FIRST_INTERIM_GROUP)
            self._numbers = count(1 + max(numbers, default=0))

    def update(self, maps: Mapping[str, TrackedMap], owners: Owners, selected: Bitset, changed: Bitset) -> None:
        """Update the groups and the maps. `owners` are the addresses whose pods have changed.

        The maps can have entries for the `selected` identities only. Existing maps may have other entries than before
        for the identities in `changed`.
        """
        known, self._maps = self._maps, maps
        new = {one for name, one in maps.items() if known.get(name) is not one} if maps is not known else set()
        before, self._selected = self._selected, selected
        leaving = self._leaving(changed, before) if changed or before != selected else {}
        moves, made = self._regroup({**owners, **leaving})
        if moves:
            self.map = self.map.moved(moves)
        gone = {move.old for move in moves if move.old is not None and not self._sizes[move.old]}
        for group in gone:
            del self._sizes[group]
            members = self._known.remove(group)
            if self._groups.of(members) == group:
                self._groups.remove(members)
        self._present = Program()
        for one in maps.values() if gone or made.members else new:
            come = self._known if one in new else made
            if gone or come.may_concern(one.contained):
                one.lead(gone, come)

    def _leaving(self, changed: Bitset, selected_before: Bitset) -> Owners:
        """Return the addresses that must leave their group, or that need one for the first time."""
        left: Bitset = 0
        claimed: list[tuple[Family, int]] = []
        for members in self._groups.with_any(changed | selected_before & ~self._selected):
            bits = _bits_of(members)
            # The entry of a number never changes in a map, so addresses whose entry changes leave for another number.
            if bits & changed or not bits & self._selected:
                # The number stays in `_known` until no address has it any more.
                self._groups.remove(members)
                left |= bits
                if len(members.identities) > 1:
                    claimed.append((self._family, members.address))
        moving = (left | self._selected & ~self._groups.of_one) & self._state.population.everyone
        return {**owners_of_pods(self._state, moving), **owners_of(self._state, claimed)} if moving or claimed else {}

    def _regroup(self, owners: Owners) -> tuple[list[Move], Groups]:
        """Return the moves of these addresses between groups, and the new groups."""
        moves: list[Move] = []
        made = Groups()
        for (family, number), identities in owners.items():
            if family is not self._family:
                continue
            key = address_key(family, number)
            old, new = self._of_addresses.get(key), self._group_of(key, number, tuple(identities), made)
            if old == new:
                continue
            moves.append(Move(key, old, new))
            if old is not None:
                self._sizes[old] -= 1
            if new is None:
                del self._of_addresses[key]
            else:
                self._of_addresses[key] = new
                self._sizes[new] += 1
        return moves, made

    def _group_of(self, key: bytes, number: int, identities: tuple[Identity, ...], made: Groups) -> str | None:
        if not any(self._selected >> identity.bit & 1 for identity in identities):
            return None
        members = GroupMembers(identities, number if len(identities) > 1 else 0)
        group = self._groups.of(members)
        if group is None:
            group = self._number_for(key, members)
            self._groups.add(members, group)
            self._known.add(group, members)
            made.add(group, members)
        return group

    def _number_for(self, key: bytes, members: GroupMembers) -> str:
        groups = self._present.collections.get(GROUPS[self._family])
        known = groups.group_of(key) if isinstance(groups, GroupMap) else None
        if known is not None and known not in self._known.members and self._is_said_of(known, members):
            return known
        return group_name(next(self._numbers))

    def _is_said_of(self, group: str, members: GroupMembers) -> bool:
        """Whether the maps in the kernel have the entries for a group that these members need."""
        for name, one in self._maps.items():
            present = self._present.collections.get(name)
            if isinstance(present, GroupMap) and present.group_of(group_key(group)) != one.class_for(*members):
                return False
        return True


class _GroupsInUse:
    """The group of each members, found by the members and by their identities."""

    def __init__(self) -> None:
        self._groups: dict[GroupMembers, str] = {}
        self._by_bit: defaultdict[int, dict[GroupMembers, None]] = defaultdict(dict)
        self.of_one: Bitset = 0
        """The identities whose pods are a group."""

    def of(self, members: GroupMembers) -> str | None:
        """Return the group of these members; None if there is none."""
        return self._groups.get(members)

    def add(self, members: GroupMembers, group: str) -> None:
        """Note the group of these members."""
        self._groups[members] = group
        for identity in members.identities:
            self._by_bit[identity.bit][members] = None
        if len(members.identities) == 1:
            self.of_one |= _bits_of(members)

    def remove(self, members: GroupMembers) -> None:
        """Forget the group of these members."""
        del self._groups[members]
        for identity in members.identities:
            # Two pods of one identity can claim the same address.
            self._by_bit[identity.bit].pop(members, None)
        # Another identity may have got the bit of one that is gone.
        if len(members.identities) == 1 and not any(
            len(others.identities) == 1 for others in self._by_bit[members.identities[0].bit]
        ):
            self.of_one &= ~_bits_of(members)

    def with_any(self, identities: Bitset) -> list[GroupMembers]:
        """Return the members with any of these identities."""
        found = (self._by_bit.get(bit, ()) for bit in bitsets.members(identities))
        return list(dict.fromkeys(members for some in found for members in some))


def _bits_of(members: GroupMembers) -> Bitset:
    [first, *others] = members.identities
    return reduce(or_, (1 << identity.bit for identity in others), 1 << first.bit) if others else 1 << first.bit
