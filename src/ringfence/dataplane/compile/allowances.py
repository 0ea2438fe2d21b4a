"""Allowances: rules of a profile's chain that allow something, with what they look into and where they lead."""

import msgspec

from ringfence.dataplane.compile.peers import PodSet
from ringfence.dataplane.program import Chain, Collection, Condition, Rule, RuleVerdict


class Allowance(msgspec.Struct, frozen=True):
    """A rule that allows something, the sets and maps that it looks into, and the chains to which it leads, by name.

    Those that are `fixed` hold the same for ever, and so do the chains; the sets of `pods` change as pods come and go.
    """

    rule: Rule
    fixed: dict[str, Collection] = {}
    pods: dict[str, PodSet] = {}
    chains: dict[str, Chain] = {}


def allowing(*conditions: Condition) -> Rule:
    """The rule that allows what meets all of the conditions: it returns from the chain."""
    return Rule(conditions, RuleVerdict.RETURN)
