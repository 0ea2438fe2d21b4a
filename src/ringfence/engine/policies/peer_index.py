"""Uses: which rules name a pod as a peer, of all rules there are.

"Who can reach it" asks this of every policy in the cluster. The rules are indexed by the identities that they name, so
the answer looks at those only that name the one pod in question.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import or_

from ringfence.engine.policies.rules import CompiledRule
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset


class Use:
    """Rules that name the same peers, each with the subjects of its policy."""

    __slots__ = ("peers", "rules")

    def __init__(self, peers: Bitset, rules: list[tuple[CompiledRule, Bitset]]) -> None:
        self.peers = peers
        self.rules = rules


class Uses:
    """The uses by a namespace's policies of one direction over one family, and the identities that they isolate."""

    def __init__(self, isolated: Bitset, uses: Iterable[Use], everyone: Bitset) -> None:
        self.isolated = isolated
        self.naming_everyone: list[Use] = []
        self.naming: defaultdict[int, list[Use]] = defaultdict(list)
        """The other uses, by the bits of the identities that they name."""
        for use in uses:
            if use.peers == everyone:
                self.naming_everyone.append(use)
            else:
                for bit in bitsets.members(use.peers):
                    self.naming[bit].append(use)


class AllUses:
    """The uses of all namespaces: a change of policies touches those of one."""

    def __init__(self) -> None:
        self.version = -1
        """That of the policies, when these uses were theirs."""
        self.isolated: Bitset = 0
        self._of: dict[str, Uses] = {}
        self._naming_everyone: list[Use] = []

    def update(self, version: int, changed: Mapping[str, Uses]) -> None:
        """Policies have another version now, and the namespaces in which they have changed have other uses."""
        self.version = version
        self._of.update(changed)
        self.isolated = reduce(or_, (uses.isolated for uses in self._of.values()), 0)
        self._naming_everyone = [use for uses in self._of.values() for use in uses.naming_everyone]

    def naming(self, bit: int) -> Iterator[tuple[CompiledRule, Bitset]]:
        """The rules that name the identity with this bit as a peer, each with its subjects."""
        for use in self._naming_everyone:
            yield from use.rules
        for uses in self._of.values():
            for use in uses.naming.get(bit, ()):
                yield from use.rules
