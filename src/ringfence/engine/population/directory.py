"""The directory: who takes part, by name and by address."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from ringfence.engine.population.pods import Member, Reference
from ringfence.model.objects import WORKLOAD_KINDS
from ringfence.sets.addresses import Family

_KINDS = ("Pod", *WORKLOAD_KINDS)


class Directory:
    """Pods, and workloads' templates that stand for pods.

    A question names a pod by two texts, and they are all that it takes to look it up.
    """

    def __init__(self) -> None:
        self._named: defaultdict[tuple[str, str], dict[str, Member]] = defaultdict(dict)
        self._at: dict[tuple[Family, int], tuple[Member, ...]] = {}

    def add(self, member: Member) -> None:
        """Enter a member, whose name must be free."""
        reference = member.reference
        self._named[reference.namespace, reference.kind][reference.name] = member
        if not member.host_network:
            for address in member.addresses:
                self._at[address] = (*self._at.get(address, ()), member)

    def discard(self, member: Member) -> None:
        """Strike out a member that is in."""
        reference = member.reference
        space = reference.namespace, reference.kind
        del self._named[space][reference.name]
        if not self._named[space]:
            del self._named[space]
        if not member.host_network:
            for address in member.addresses:
                self._at[address] = tuple(one for one in self._at[address] if one is not member)
                if not self._at[address]:
                    del self._at[address]

    def find(self, namespace: str, kind: str, name: str) -> Member | None:
        """The one of a name, if it takes part."""
        members = self._named.get((namespace, kind))
        return members.get(name) if members else None

    def get(self, reference: Reference) -> Member | None:
        """The one that a reference names, if it takes part."""
        return self.find(reference.namespace, reference.kind, reference.name)

    def named(self, namespace: str, name: str) -> list[Member]:
        """All of a name in a namespace, of whatever kind."""
        return [member for kind in _KINDS if (member := self.find(namespace, kind, name))]

    def within(self, namespace: str) -> Iterator[Member]:
        """All that take part in a namespace."""
        return chain.from_iterable(self._named.get((namespace, kind), {}).values() for kind in _KINDS)

    def at(self, family: Family, number: int) -> list[Member]:
        """Those whose own address this is: one, but for a moment. HostNetwork pods have none of their own."""
        return list(self._at.get((family, number), ()))

    def __iter__(self) -> Iterator[Member]:
        return chain.from_iterable(members.values() for members in self._named.values())
