"""Chains that allow what an old and a new chain both allow.

A profile's chain returns what it allows, and denies everything else in the chain that counts and drops. So a chain that
jumps to the old one, and goes to the new one if that returns, is their intersection, whatever rules the two have.
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
    """The intersections that an update needs, made as they are asked for; `chains` are all that were made so far."""

    def __init__(self, old: Program, new: Program, rewritten: frozenset[str]) -> None:
        self._old = old
        self._new = new
        self._rewritten = rewritten
        self.chains: dict[str, Chain] = {}
        self._between: dict[tuple[str, str], str] = {}
        self._copies: dict[tuple[str, bool], str] = {}

    def between(self, old: str | None, new: str | None) -> str | None:
        """The chain that allows what an old and a new one both allow; None, which is not a chain, allows everything."""
        if old is None or new is None:
            return self._unchanged(old, self._old) if new is None else self._unchanged(new, self._new)
        if old in DENYING or new in DENYING:
            return old if old in DENYING else new
        if (old, new) not in self._between:
            self._between[old, new] = self._add(self._intersection(old, new))
        return self._between[old, new]

    def in_place_of(self, name: str) -> Chain:
        """The rules of a rewritten chain as long as it must allow only what it did and will allow."""
        if is_fixed(name):
            return self._new.chains[name]
        return self._intersection(name, name)

    def _unchanged(self, chain: str | None, program: Program) -> str | None:
        """A chain as it is in one of the programs, under a name under which its rules stay."""
        return self._copy(chain, program) if chain in self._rewritten else chain

    def _intersection(self, old: str, new: str) -> Chain:
        rules = self._old.chains[old].rules
        if not all(isinstance(rule, Rule) and _is_of_profile(rule) for rule in rules):
            return self._new.chains[new]  # not a profile of ringfence, so nothing in it has to stay in force
        before = old if old not in self._rewritten else self._copy(old, self._old)
        return Chain((Rule((), Jump(before)), Rule((), Goto(self._copy(new, self._new)))))

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
    """Whether a rule is one that chains of profiles, or intersections of them, have."""
    return rule.action is RuleVerdict.RETURN or isinstance(rule.action, Goto | Jump | Dispatch | DispatchGroup)


def unused_name(word: str, *taken: Mapping[str, object]) -> str:
    """A name that begins with `word` and that none of some mappings has."""
    for i in count():
        name = f"{word}_{i}"
        if not any(name in names for names in taken):
            return name
    raise AssertionError  # there is always a larger number
