"""Facts: everything that a policy can read about a pod, as small statements.

Examples: `app=web`; "the label tier is one of a and b"; "there is a label canary"; "the port http/TCP is 8080"; "the
IPv4 address lies in this block". A selector is a formula over facts. Two pods for which the same read facts hold are
the same to every policy: they share an identity. A fact that no policy reads is never evaluated, however many labels
pods have.
"""

from collections.abc import Iterator

import msgspec

from ringfence.engine.population.pods import NamedPort, PortName
from ringfence.model.selectors import Operator, Selector, Term
from ringfence.sets.addresses import Addresses


class HasLabel(msgspec.Struct, frozen=True, cache_hash=True):
    """The pod has the label `key`, with any value."""

    key: str


class LabelIn(msgspec.Struct, frozen=True, cache_hash=True):
    """The pod's label `key` has one of these values.

    A term with several values is one fact, not one for each value: the selector does not tell the values apart, so pods
    with different ones of them may share an identity.
    """

    key: str
    values: frozenset[str]


class Block(msgspec.Struct, frozen=True, cache_hash=True):
    """The addresses that the ipBlocks of one rule cover together, with each `except` subtracted.

    That a pod's address of one family lies in it is a fact, one for each family. `covers_family` says that some block
    covers all addresses of its family, less its `except`. Such a block is assumed to match pods whose address is not
    known, too (docs/architecture.md, "Decisions"). `pods` and `nodes` say whether it matches pods with a network of
    their own, and hostNetwork pods: with some network plugins it does not (`plugins.traits`).
    """

    addresses: Addresses
    covers_family: bool
    pods: bool = True
    nodes: bool = True


LabelFact = HasLabel | LabelIn

StaticFact = LabelFact | NamedPort
"""A fact that follows from a pod's template, that is from its labels and ports."""

ReadableFact = LabelFact | PortName
"""What a policy can read: a fact about a label, or a port name, which is one fact for each number that pods give it."""


def fact_read_by(term: Term) -> LabelFact:
    """The fact that decides whether a label meets `term`. A negated term reads the same fact as its opposite."""
    if term.operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        return HasLabel(term.key)
    return LabelIn(term.key, term.values)


def facts_read_by(selector: Selector) -> Iterator[LabelFact]:
    """The facts that decide whether labels match `selector`."""
    return map(fact_read_by, selector.terms)
