"""Uses: which rules name a pod as a peer, of all rules there are.

"Who can reach it" asks this of every policy in the cluster. The rules are indexed by the identities that they name, so
the answer looks at those only that name the one pod in question.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ringfence.engine.rules import CompiledRule
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
        self._naming: defaultdict[int, list[Use]] = defaultdict(list)
        self._naming_everyone: list[Use] = []
        for use in uses:
            if use.peers == everyone:
                self._naming_everyone.append(use)
            else:
                for bit in bitsets.members(use.peers):
                    self._naming[bit].append(use)

    def naming(self, bit: int) -> Iterator[tuple[CompiledRule, Bitset]]:
        """The rules that name the identity with this bit as a peer, each with its subjects."""
        for use in (*self._naming_everyone, *self._naming.get(bit, ())):
            yield from use.rules
