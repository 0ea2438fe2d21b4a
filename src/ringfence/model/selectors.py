"""Label selectors: which sets of labels they match.

A selector is the AND of its terms; an empty selector matches everything. Absent and empty differ only for the
caller: a peer without a `podSelector` has none, which is not the same as one that matches all.

Source: Kubernetes API conventions, "Label selectors"; `apimachinery/pkg/labels`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from ringfence.model.metadata import LabelSelector


class Operator(StrEnum):
    """How a term compares; a `matchLabels` entry is an `In` of one value."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Term(msgspec.Struct, frozen=True, cache_hash=True):
    """One requirement on one label key."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet this requirement.

        `NotIn` and `DoesNotExist` are met by labels that lack the key.
        """
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None

    def __str__(self) -> str:
        """The requirement as kubectl writes it: `app=web`, `env in (ci,dev)`, `!canary`."""
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={next(iter(self.values))}"
            case Operator.IN:
                return f"{self.key} in ({','.join(sorted(self.values))})"
            case Operator.NOT_IN:
                return f"{self.key} notin ({','.join(sorted(self.values))})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"


class Selector(msgspec.Struct, frozen=True, cache_hash=True):
    """The AND of terms; `matchLabels` entries are `In` terms of one value."""

    terms: tuple[Term, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet every term."""
        return all(term.matches(labels) for term in self.terms)

    def mismatches(self, labels: Mapping[str, str]) -> list[Term]:
        """The terms that `labels` do not meet, for explanations."""
        return [term for term in self.terms if not term.matches(labels)]

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


EVERYTHING: Final = Selector()


def compile_selector(selector: LabelSelector) -> Selector:
    """The compiled form of `selector`, which must be valid.

    Terms are ordered by key, so that selectors that say the same in another order are equal.
    Raises ValueError for an operator that does not exist (validation reports it before).
    """
    labels = selector.match_labels
    terms = [Term(key, Operator.IN, frozenset((labels[key],))) for key in sorted(labels)]
    if not selector.match_expressions:
        return Selector(tuple(terms)) if terms else EVERYTHING
    terms += [
        Term(expression.key, Operator(expression.operator), frozenset(expression.values))
        for expression in selector.match_expressions
    ]
    return Selector(tuple(sorted(terms, key=_order)))


def _order(term: Term) -> tuple[str, str, int, str, int]:
    """The sort key of a term: equal terms are next to each other, in whatever order their values are.

    Sorting 160,000 values takes 80 ms, so the key has only the smallest value and, for equal ones, the hash of all.
    """
    return term.key, term.operator, len(term.values), min(term.values, default=""), hash(term.values)
