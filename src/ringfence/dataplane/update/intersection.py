"""Intersections: chains that allow only what an old and a new chain both allow.

A profile's chain returns for packets that it allows, and sends all others to the chain that counts and drops them. So
the intersection of any two chains is a chain that jumps to the old one and then goes to the new one.
"""

from collections.abc import Mapping
from itertools import count

from ringfence.dataplane.program import (
    DENYING,
    Chain,
    Dispatch,
    DispatchGroup,
    Goto,
    Jump,
    Program,
    Rule,
    RuleVerdict,
    is_fixed,
)


class Intersections:
    """The intersections that an update needs. They are created on request; `chains` contains all created chains."""

    def __init__(self, old: Program, new: Program, rewritten: frozenset[str]) -> None:
        self._old = old
        self._new = new
        self._rewritten = rewritten
        self.chains: dict[str, Chain] = {}
        self._between: dict[tuple[str, str], str] = {}
        self._copies: dict[tuple[str, bool], str] = {}

    def between(self, old: str | None, new: str | None) -> str | None:
        """Return the chain that allows what both chains allow. None stands for no chain, which allows everything."""
        if old is None or new is None:
            return self._unchanged(old, self._old) if new is None else self._unchanged(new, self._new)
        if old in DENYING or new in DENYING:
            # A chain that allows nothing is its own intersection with any other chain.
            return old if old in DENYING else new
        if (old, new) not in self._between:
            self._between[old, new] = self._add(self._intersection(old, new))
        return self._between[old, new]

    def in_place_of(self, name: str) -> Chain:
        """Return the temporary rules of a rewritten chain: they allow what both its old and its new rules allow."""
        if is_fixed(name):
            return self._new.chains[name]
        return self._intersection(name, name)

    def _unchanged(self, chain: str | None, program: Program) -> str | None:
        """Return the name of a chain with the rules from `program`: of a copy if the update rewrites the chain."""
        return self._copy(chain, program) if chain in self._rewritten else chain

    def _intersection(self, old: str, new: str) -> Chain:
        rules = self._old.chains[old].rules
        if not all(isinstance(rule, Rule) and _is_of_profile(rule) for rule in rules):
            return self._new.chains[new]  # the old chain is not a profile of ringfence, so it need not stay in force
        before = old if old not in self._rewritten else self._copy(old, self._old)
        # A copy of a chain that looks up groups of addresses costs the kernel as much as all of these addresses.
        after = new if new not in self._rewritten else self._copy(new, self._new)
        return Chain((Rule((), Jump(before)), Rule((), Goto(after))))

    def _copy(self, chain: str, program: Program) -> str:
        which = (chain, program is self._old)
        if which not in self._copies:
            self._copies[which] = self._add(program.chains[chain])
        return self._copies[which]

    def _add(self, chain: Chain) -> str:
        name = unused_name("both", self._old.chains, self._new.chains, self.chains)
        self.chains[name] = chain
        return name


def _is_of_profile(rule: Rule) -> bool:
    """Whether a rule can be in a profile's chain or in an intersection."""
    return rule.action is RuleVerdict.RETURN or isinstance(rule.action, Goto | Jump | Dispatch | DispatchGroup)


def unused_name(word: str, *taken: Mapping[str, object]) -> str:
    """Return a name that begins with `word` and that is in none of these mappings."""
    for i in count():
        name = f"{word}_{i}"
        if not any(name in names for names in taken):
            return name
    raise AssertionError  # there is always a larger number
