"""Facts: all that a policy can read about a pod, one small statement at a time.

`app=web`, "tier is one of a and b", "has the label canary", "its port http/TCP is 8080", "its IPv4 address lies in this
block". A selector is a formula over facts, so two pods for which the same read facts hold are the same to every policy:
they share an identity. A fact that no policy reads is never looked at, however many labels pods have.
"""

from collections.abc import Iterator

import msgspec

from ringfence.engine.population.pods import NamedPort
from ringfence.model.selectors import Operator, Selector, Term
from ringfence.sets.addresses import Addresses, Family


class HasLabel(msgspec.Struct, frozen=True, cache_hash=True):
    """The pod has the label `key`, with whatever value."""

    key: str


class LabelIn(msgspec.Struct, frozen=True, cache_hash=True):
    """The pod's label `key` has one of these values: as a selector asks, which tells nobody which of them it is."""

    key: str
    values: frozenset[str]


class Block(msgspec.Struct, frozen=True, cache_hash=True):
    """The addresses that the ipBlocks of one rule cover together, `except` subtracted from each.

    `covers_family` says that some block covers all addresses of its family, less its `except`: then it is taken to
    match pods whose address is not known, too.
    """

    addresses: Addresses
    covers_family: bool


class InBlock(msgspec.Struct, frozen=True, cache_hash=True):
    """The pod's address of one family lies in the block (or may, see `Block.covers_family`)."""

    block: Block
    family: Family


LabelFact = HasLabel | LabelIn

StaticFact = LabelFact | NamedPort
"""A fact that follows from what pods of one template have in common."""

Fact = StaticFact | InBlock


def fact_read_by(term: Term) -> LabelFact:
    """The fact that decides whether a term is met; what is asked for by value is met or not in the same way."""
    if term.operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        return HasLabel(term.key)
    return LabelIn(term.key, term.values)


def facts_read_by(selector: Selector) -> Iterator[LabelFact]:
    """The facts that decide whether a selector matches."""
    return map(fact_read_by, selector.terms)
