"""The directory: the pods that take part, by name and by address."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from ringfence.engine.population.pods import Member, Reference
from ringfence.model.objects import WORKLOAD_KINDS
from ringfence.sets.addresses import Addresses, Family

_KINDS = ("Pod", *WORKLOAD_KINDS)


class Directory:
    """Pods, and workload templates that stand for pods."""

    def __init__(self) -> None:
        # By namespace and kind first, then by name: a question gives two texts, and a look-up with them needs no
        # `Reference` to be built. `can` does this twice.
        self._named: defaultdict[tuple[str, str], dict[str, Member]] = defaultdict(dict)
        self._at: dict[tuple[Family, int], Member] = {}
        """The first of the members that claim an address, by address."""
        self._contested: dict[tuple[Family, int], tuple[Member, ...]] = {}
        """All members that claim an address, if there are several."""

    def add(self, member: Member) -> None:
        """Add a member. No other may have its name."""
        reference = member.reference
        self._named[reference.namespace, reference.kind][reference.name] = member
        if not member.host_network:
            for address in member.addresses:
                # Nearly all addresses have one claimant: it is kept without a collection, which takes more memory.
                first = self._at.setdefault(address, member)
                if first is not member:
                    self._contested[address] = (*self._contested.get(address, (first,)), member)

    def discard(self, member: Member) -> None:
        """Remove a member, which must be in the directory."""
        reference = member.reference
        space = reference.namespace, reference.kind
        del self._named[space][reference.name]
        if not self._named[space]:
            del self._named[space]
        if not member.host_network:
            for address in member.addresses:
                left = tuple(one for one in self._contested.pop(address, ()) if one is not member)
                if len(left) > 1:
                    self._contested[address] = left
                if left:
                    self._at[address] = left[0]
                else:
                    del self._at[address]

    def find(self, namespace: str, kind: str, name: str) -> Member | None:
        """The member with this name, if there is one."""
        members = self._named.get((namespace, kind))
        return members.get(name) if members else None

    def get(self, reference: Reference) -> Member | None:
        """The member that a reference names, if there is one."""
        return self.find(reference.namespace, reference.kind, reference.name)

    def named(self, namespace: str, name: str) -> list[Member]:
        """All members with a name in a namespace, of any kind."""
        return [member for kind in _KINDS if (member := self.find(namespace, kind, name))]

    def within(self, namespace: str) -> Iterator[Member]:
        """All members in a namespace."""
        return chain.from_iterable(self._named.get((namespace, kind), {}).values() for kind in _KINDS)

    def at(self, family: Family, number: int) -> list[Member]:
        """The members that claim this address; hostNetwork pods have no address of their own.

        There may be several: an address may be given to a new pod before the end of the old one is seen.
        """
        address = family, number
        if address in self._contested:
            return list(self._contested[address])
        return [self._at[address]] if address in self._at else []

    def is_contested(self, member: Member) -> bool:
        """Whether another member claims an address of this one."""
        return any(address in self._contested for address in member.addresses)

    def contested(self) -> Iterator[Member]:
        """The members that claim addresses which others claim as well."""
        return chain.from_iterable(self._contested.values())

    def inside(self, addresses: Addresses) -> Iterator[tuple[Family, int]]:
        """The addresses among `addresses` that some member claims."""
        return ((family, number) for family, number in self._at if addresses.contains(family, number))

    def __iter__(self) -> Iterator[Member]:
        return chain.from_iterable(members.values() for members in self._named.values())
