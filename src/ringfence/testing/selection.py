"""Which tests are run: those whose name or file an expression matches.

database                        the word is in the name or the path of the file, in any case
cannot reach                    words beside each other are one phrase
web and not (db or "and more")  and, or, not and parentheses; quotes around a phrase that has one of these words
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ringfence.errors import InputError
from ringfence.testing.reachability_tests import ReachabilityTest

Selection = Callable[[ReachabilityTest], bool]
"""Whether a test is run."""

_TOKEN: Final = re.compile(r"""\s*(?:([()])|"([^"]*)"|'([^']*)'|([^\s()"']+))""")
_OPERATORS: Final = ("and", "or", "not", "(", ")")
_DEEPEST: Final = 100


def parse_selection(text: str) -> Selection:
    """The selection that an expression describes. Raises InputError for an invalid expression."""
    reader = _ExpressionReader(text)
    matches = reader.read()
    return lambda test: matches(f"{test.name}\n{test.file}".lower())


_Matches = Callable[[str], bool]


class _ExpressionReader:
    """Reads an expression from left to right: `or` of `and` of terms."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    def read(self) -> _Matches:
        found = self._any()
        if self._place < len(self._tokens):
            raise self._error()
        return found

    def _any(self) -> _Matches:
        # `or` binds weaker than `and`, as in Python and pytest, so it is read outside of it.
        terms = [self._all()]
        while self._take("or"):
            terms.append(self._all())
        return lambda text: any(term(text) for term in terms)

    def _all(self) -> _Matches:
        terms = [self._term()]
        while self._take("and"):
            terms.append(self._term())
        return lambda text: all(term(text) for term in terms)

    def _term(self) -> _Matches:
        self._depth += 1
        # Python would otherwise end with RecursionError, which says nothing about the expression.
        if self._depth > _DEEPEST:
            raise InputError(f"-k {self._text[:40]!r}...: more than {_DEEPEST} levels deep")
        found = self._negated() if self._take("not") else self._group() if self._take("(") else self._phrase()
        self._depth -= 1
        return found

    def _negated(self) -> _Matches:
        inner = self._term()
        return lambda text: not inner(text)

    def _group(self) -> _Matches:
        inner = self._any()
        if not self._take(")"):
            raise self._error()
        return inner

    def _phrase(self) -> _Matches:
        words = []
        while self._place < len(self._tokens):
            word, is_quoted = self._tokens[self._place]
            if not is_quoted and word in _OPERATORS:
                break
            words.append(word)
            self._place += 1
        if not words:
            raise self._error()
        phrase = " ".join(words).lower()
        return lambda text: phrase in text

    def _take(self, operator: str) -> bool:
        is_next = self._place < len(self._tokens) and self._tokens[self._place] == (operator, False)
        self._place += is_next
        return is_next

    def _error(self) -> InputError:
        rest: Sequence[tuple[str, bool]] = self._tokens[self._place :]
        where = f"at {rest[0][0]!r}" if rest else "at its end"
        return InputError(
            f"-k {self._text!r} is not an expression, {where}: use words, and, or, not and parentheses, "
            "such as 'database and not web'"
        )


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """The words and operators of an expression, and whether each is in quotes."""
    place, end = 0, len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if not found:
            raise InputError(f"-k {text!r} is not an expression: a quote is not closed")
        place = found.end()
        quoted = found[2] if found[2] is not None else found[3]
        yield (found[1] or found[4], False) if quoted is None else (quoted, True)
