"""Calico's selector expressions, bounded by the terms of a label selector.

Conjunctions of comparisons are read: `app == 'db' && has(tier) && env in {'a', 'b'}`. A comparison that label selectors
cannot express (`contains`, an alternative in parentheses) is left out. The result then selects more, never less.

Source: docs.tigera.io, "NetworkPolicy: Selectors"; libcalico-go/lib/selector.
"""

import re
from typing import Final

from ringfence.model.selectors import Operator, Term

_NAME: Final = r"([A-Za-z0-9_./-]{1,512})"
_TEXT: Final = r"""("[^"]*"|'[^']*')"""
_TEXTS: Final = rf"\{{((?:\s*{_TEXT}\s*,?)*)\s*\}}"
_EVERYTHING: Final = re.compile(r"(?:all|global)\(\s*\)|")
_HAS: Final = re.compile(rf"(!?)\s*has\(\s*{_NAME}\s*\)")
_EQUALS: Final = re.compile(rf"{_NAME}\s*(==|!=)\s*{_TEXT}")
_IN: Final = re.compile(rf"{_NAME}\s+(in|not\s+in|notin)\s*{_TEXTS}")
_QUOTED: Final = re.compile(_TEXT)
# Quoted texts come first, so that `&&`, `||` and parentheses inside quotes do not divide an expression.
_TOKEN: Final = re.compile(rf"{_TEXT}|&&|\|\||[()]|[^&|()\"']+|.", re.S)


def bounding_terms(expression: str) -> list[Term]:
    """Terms that all hold for everything that `expression` matches; none if it is empty, or if nothing bounds it.

    A label that is missing differs from every value, as in label selectors.
    """
    return [term for part in _conjuncts(expression) if (term := _term(part))]


def _conjuncts(expression: str) -> list[str]:
    """The parts between `&&` outside parentheses; none if there is a `||` outside them: then no part has to hold."""
    parts, depth = [""], 0
    for token in _TOKEN.finditer(expression):
        text = token[0]
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth == 0 and text == "||":
            return []
        if depth == 0 and text == "&&":
            parts.append("")
        else:
            parts[-1] += text
    return [part.strip() for part in parts]


def _term(part: str) -> Term | None:
    """The term that means the same as one comparison; None if no term does, or if the comparison always holds."""
    if _EVERYTHING.fullmatch(part):
        return None
    if found := _HAS.fullmatch(part):
        return Term(found[2], Operator.DOES_NOT_EXIST if found[1] else Operator.EXISTS)
    if found := _EQUALS.fullmatch(part):
        operator = Operator.IN if found[2] == "==" else Operator.NOT_IN
        return Term(found[1], operator, frozenset({found[3][1:-1]}))
    if found := _IN.fullmatch(part):
        operator = Operator.IN if found[2] == "in" else Operator.NOT_IN
        return Term(found[1], operator, frozenset(text[1:-1] for text in _QUOTED.findall(found[3])))
    return None
