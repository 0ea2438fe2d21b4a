"""Label selectors as kubectl's `-l` writes them: `app=web,tier!=db,env in (ci,dev),release,!canary,size>3`.

The grammar, its leniency and its messages are those of the API server, which parses them for every list.

Source: `labels.Parse` in `apimachinery/pkg/labels/selector.go`.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from ringfence.model.field_errors import go_quoted
from ringfence.model.names import label_key_errors, label_value_errors
from ringfence.model.selectors import Operator, Selector, Term

# Two-character operators before single ones: the first alternative that matches is taken.
_TOKEN: Final = re.compile(r"==|!=|[=!<>(),]|[^=!<>(), \t\r\n]+")
_SYMBOLS: Final = frozenset(("==", "!=", *"=!<>(),", ""))
_END: Final = ""
_OPERATORS: Final = "in, notin, =, ==, !=, gt, lt"
_INTEGER: Final = re.compile("[-+]?[0-9]+")


class IntegerTerm(msgspec.Struct, frozen=True):
    """A requirement on a label whose value is an integer: greater (`key>bound`) or less (`key<bound`).

    Lists accept it; selectors of policies do not, because `matchExpressions` has no such operator.
    """

    key: str
    is_greater: bool
    bound: int

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet this requirement; a value that is not a 64-bit integer does not."""
        value = _integer(labels.get(self.key, ""))
        if value is None:
            return False
        return value > self.bound if self.is_greater else value < self.bound


class ListSelector(msgspec.Struct, frozen=True):
    """The AND of terms by which a list is filtered."""

    terms: tuple[Term | IntegerTerm, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet every term."""
        return all(term.matches(labels) for term in self.terms)


def parse_list_selector(text: str) -> ListSelector:
    """The selector that `text` means. Raises ValueError, with the API server's message, for text that is not one."""
    return ListSelector(tuple(_Parser(text).terms()))


def parse_selector(text: str) -> Selector:
    """The selector that `text` means, of terms that a policy can have as well.

    Raises ValueError for text that is not a selector, and for `>` and `<`: the engine indexes labels by value, not by
    size.
    """
    terms: list[Term] = []
    for term in parse_list_selector(text).terms:
        if isinstance(term, IntegerTerm):
            sign = ">" if term.is_greater else "<"
            raise ValueError(f"{term.key}{sign}{term.bound} compares integers, which selectors of policies cannot do")
        terms.append(term)
    return Selector(tuple(terms))


class _Parser:
    """Reads the tokens of a selector from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [*_TOKEN.findall(text), _END]
        self._position = 0

    def terms(self) -> list[Term | IntegerTerm]:
        found: list[Term | IntegerTerm] = []
        while self._next is not _END:
            if self._next in _SYMBOLS and self._next != "!":
                raise _unexpected(self._next, "!, identifier, or 'end of string'")
            try:
                found.append(self._term())
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from None
            separator = self._take()
            if separator is _END:
                break
            if separator != ",":
                raise _unexpected(separator, "',' or 'end of string'")
            if self._next in _SYMBOLS and self._next != "!":
                raise _unexpected(self._next, "identifier after ','")
        return found

    @property
    def _next(self) -> str:
        return self._tokens[self._position]

    def _take(self) -> str:
        token = self._next
        if token is not _END:
            self._position += 1
        return token

    def _term(self) -> Term | IntegerTerm:
        if self._next == "!":
            self._take()
            return Term(self._key(), Operator.DOES_NOT_EXIST)
        key = self._key()
        if self._next in (_END, ","):
            return Term(key, Operator.EXISTS)
        match operator := self._take():
            case "in" | "notin":
                return Term(key, Operator.IN if operator == "in" else Operator.NOT_IN, self._values(key))
            case "=" | "==":
                return Term(key, Operator.IN, _valid(key, {self._value()}))
            case "!=":
                return Term(key, Operator.NOT_IN, _valid(key, {self._value()}))
            case "<" | ">":
                return IntegerTerm(key, operator == ">", self._bound(key))
        raise _unexpected(operator, _OPERATORS)

    def _key(self) -> str:
        key = self._identifier()
        _refuse_for([f"key: Invalid value: {go_quoted(key)}: {error}" for error in label_key_errors(key)])
        return key

    def _identifier(self) -> str:
        token = self._take()
        if token in _SYMBOLS:
            raise _unexpected(token, "identifier")
        return token

    def _value(self) -> str:
        """The text behind `=`, which may be empty."""
        return "" if self._next in (_END, ",") else self._identifier()

    def _bound(self, key: str) -> int:
        value = self._value()
        bound = _integer(value)
        if bound is None:
            message = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise ValueError(f"values[0]: Invalid value: {go_quoted(value)}: {message}")
        _valid(key, {value})
        return bound

    def _values(self, key: str) -> frozenset[str]:
        """The texts between parentheses; where one is missing it is the empty text: `()`, `(a,)`."""
        if (opening := self._take()) != "(":
            raise ValueError(f"found '{opening}' expected: '('")
        values: set[str] = set()
        value = ""
        while (token := self._take()) != ")":
            if token == ",":
                values.add(value)
                value = ""
            elif token in _SYMBOLS or value:
                raise _unexpected(token, "',' or ')'" if value else "',', ')' or identifier")
            else:
                value = token
        values.add(value)
        return _valid(key, values)


def _valid(key: str, values: set[str]) -> frozenset[str]:
    _refuse_for(
        [
            f"values[{index}][{key}]: Invalid value: {go_quoted(value)}: {error}"
            for index, value in enumerate(sorted(values))
            for error in label_value_errors(value)
        ]
    )
    return frozenset(values)


def _refuse_for(errors: list[str]) -> None:
    if errors:
        raise ValueError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")


def _integer(text: str) -> int | None:
    """The integer that Go's `strconv.ParseInt` reads: in decimal digits, of at most 64 bits."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text) if len(text) < 4_000 else 1 << 64  # Python refuses to read more digits; no label has them
    return number if -(1 << 63) <= number < 1 << 63 else None


def _unexpected(token: str, expected: str) -> ValueError:
    return ValueError(f"found '{token}', expected: {expected}")
