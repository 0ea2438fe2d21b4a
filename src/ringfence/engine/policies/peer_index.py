"""The peer index: finds the rules of a tier that name one pod as a peer.

A list of sources asks this of every policy in the cluster. The rules are indexed by the identities that they name, so
the answer looks only at rules that name the one pod in question, and at the few that name a large part of all pods. To
index those as well would take rules times identities: with 1,000 cluster policies a second after each change.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from ringfence.engine.policies.rules import CompiledRule
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset

Place = tuple[int, str, str, int]
"""The position of a rule in the order of its tier: priority, name and kind of its policy, and its own index."""


class PlacedRule(NamedTuple):
    """A rule, the identities that its policy selects, and its position in the order of its tier."""

    rule: CompiledRule
    subjects: Bitset
    place: Place


class PeerGroup(NamedTuple):
    """Rules that name the same peers."""

    peers: Bitset
    rules: list[PlacedRule]


_WIDE: Final = 32
"""A group is wide if it names more than one in so many identities."""


class ScopeIndex:
    """The rules of the policies of one namespace, for one direction and family, and the identities they select.

    The cluster-scoped policies of a tier have an index of their own, under the empty namespace.
    """

    def __init__(self, selected: Bitset, groups: Iterable[PeerGroup], everyone: Bitset) -> None:
        self.selected = selected
        self.wide: list[PeerGroup] = []
        self.naming: defaultdict[int, list[PeerGroup]] = defaultdict(list)
        """The other groups, by the bits of the identities that they name."""
        most = everyone.bit_count() // _WIDE
        for group in groups:
            if group.peers.bit_count() > most:
                self.wide.append(group)
            else:
                for bit in bitsets.members(group.peers):
                    self.naming[bit].append(group)


class PeerIndex:
    """The rules of a whole tier: a change of a policy only replaces the index of its namespace."""

    def __init__(self) -> None:
        self.version = -1
        """The tier's version when this index was updated last."""
        self.selected: Bitset = 0
        """The identities that some policy selects."""
        self._scopes: dict[str, ScopeIndex] = {}
        self._wide: list[PeerGroup] = []

    def update(self, version: int, changed: Mapping[str, ScopeIndex]) -> None:
        """Replace the indexes of the namespaces whose policies have changed."""
        self.version = version
        self._scopes.update(changed)
        self.selected = reduce(or_, (scope.selected for scope in self._scopes.values()), 0)
        self._wide = [group for scope in self._scopes.values() for group in scope.wide]

    def naming(self, bit: int) -> Iterator[PlacedRule]:
        """The rules that name the identity with this bit as a peer."""
        for group in self._wide:
            if group.peers >> bit & 1:
                yield from group.rules
        for scope in self._scopes.values():
            for group in scope.naming.get(bit, ()):
                yield from group.rules
