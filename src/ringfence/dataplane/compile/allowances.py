"""Allowances: rules of a profile's chain that allow something, with the sets that they look into."""

from typing import NamedTuple

from ringfence.dataplane.compile.peers import PodSet
from ringfence.dataplane.program import Collection, Condition, Rule, RuleVerdict


class Allowance(NamedTuple):
    """A rule that allows something, and the sets that it looks into, by name.

    Those that are `fixed` hold the same for ever, the sets of `pods` change as pods come and go.
    """

    rule: Rule
    fixed: dict[str, Collection]
    pods: dict[str, PodSet]


def allowing(*conditions: Condition) -> Rule:
    """The rule that allows what meets all of the conditions: it returns from the chain."""
    return Rule(conditions, RuleVerdict.RETURN)
