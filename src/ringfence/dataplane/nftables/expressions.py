"""Rules as expressions of nf_tables, and back.

Rules are encoded as the nft program would encode them, so that it can list them. Reading back goes through the same
table of encodings, so the two directions cannot drift apart; what it does not know is a foreign rule.

Source: the output of `nft --debug=netlink`; `<linux/netfilter/nf_tables.h>`.
"""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.program import (
    DESTINATION,
    SOURCE,
    Action,
    Condition,
    Dispatch,
    Established,
    Field,
    ForeignRule,
    FromNode,
    Goto,
    Log,
    Lookup,
    NeighbourDiscovery,
    OverLoopback,
    ProtocolIs,
    RateLimit,
    Rule,
    RuleVerdict,
)
from ringfence.netlink.messages import attribute, attributes, each_attribute, nested, number, read_text, text
from ringfence.sets.addresses import FAMILIES, Family

_ADDRESS_FAMILY: Final = {Family.IPV4: 2, Family.IPV6: 10}
_ICMPV6: Final = 58
_ROUTER_SOLICITATION, _REDIRECT = 133, 137
_ONLY_FROM_THIS_LINK: Final = 255
"""The hop limit of a packet that no router has passed on."""

_LOOPBACK: Final = (772).to_bytes(2, sys.byteorder)
"""The type of link that only the loopback interface is (ARPHRD_LOOPBACK)."""

_LOCAL: Final = (2).to_bytes(4, sys.byteorder)
"""The type of a route to an address of this very host (RTN_LOCAL)."""

LOGGED_BYTES: Final = 256
"""So much of a packet is sent to a log group: its headers."""

_ESTABLISHED_OR_RELATED: Final = (6).to_bytes(4, sys.byteorder)
_ZERO: Final = bytes(4)

_CODES: Final = {RuleVerdict.DROP: nf.Code.DROP, RuleVerdict.ACCEPT: nf.Code.ACCEPT, RuleVerdict.RETURN: nf.Code.RETURN}

_PAYLOADS: Final = {
    Field.SOURCE_4: (nf.PayloadBase.NETWORK_HEADER, 12),
    Field.DESTINATION_4: (nf.PayloadBase.NETWORK_HEADER, 16),
    Field.SOURCE_6: (nf.PayloadBase.NETWORK_HEADER, 8),
    Field.DESTINATION_6: (nf.PayloadBase.NETWORK_HEADER, 24),
    Field.PORT: (nf.PayloadBase.TRANSPORT_HEADER, 2),
}
"""Fields that are read from the packet itself: from which header, and at which offset."""


# --- encoding ---------------------------------------------------------------------------------------------------------


@cache
def encode_rule(rule: Rule) -> bytes:
    """The expressions of a rule."""
    conditions = (expression for condition in rule.conditions for expression in _condition(condition))
    return b"".join((*conditions, *_action(rule.action)))


def _condition(condition: Condition) -> Iterator[bytes]:
    """The expressions that go on only with packets that meet the condition."""
    match condition:
        case Lookup(fields, name, absent):
            yield from _load(fields)
            yield _lookup(name, *([number(nf.Lookup.FLAGS, nf.ABSENT)] if absent else []))
        case ProtocolIs(protocol):
            yield from _load((Field.PROTOCOL,))
            yield _compare(nf.Operator.EQUAL, bytes([protocol]))
        case Established():
            yield _expression(
                "ct", number(nf.Connection.RESULT_REGISTER, 1), number(nf.Connection.KEY, nf.ConnectionKey.STATE)
            )
            yield _expression(
                "bitwise",
                number(nf.Bitwise.SOURCE_REGISTER, nf.FIRST_REGISTER),
                number(nf.Bitwise.RESULT_REGISTER, nf.FIRST_REGISTER),
                number(nf.Bitwise.LENGTH, 4),
                nested(nf.Bitwise.MASK, attribute(nf.Data.VALUE, _ESTABLISHED_OR_RELATED)),
                nested(nf.Bitwise.XOR, attribute(nf.Data.VALUE, _ZERO)),
            )
            yield _compare(nf.Operator.NOT_EQUAL, _ZERO)
        case NeighbourDiscovery():
            yield from _only(Family.IPV6)
            yield from _condition(ProtocolIs(_ICMPV6))
            yield _payload(nf.PayloadBase.TRANSPORT_HEADER, 0, 1, nf.FIRST_REGISTER)
            yield _compare(nf.Operator.AT_LEAST, bytes([_ROUTER_SOLICITATION]))
            yield _compare(nf.Operator.AT_MOST, bytes([_REDIRECT]))
            yield _payload(nf.PayloadBase.NETWORK_HEADER, 7, 1, nf.FIRST_REGISTER)
            yield _compare(nf.Operator.EQUAL, bytes([_ONLY_FROM_THIS_LINK]))
        case OverLoopback():
            yield _meta(nf.MetaKey.INCOMING_LINK_TYPE, nf.FIRST_REGISTER)
            yield _compare(nf.Operator.EQUAL, _LOOPBACK)
        case FromNode():
            yield _expression(
                "fib",
                number(nf.Fib.RESULT_REGISTER, nf.FIRST_REGISTER),
                number(nf.Fib.RESULT, nf.FibResult.ADDRESS_TYPE),
                number(nf.Fib.FLAGS, nf.FibFlag.SOURCE),
            )
            yield _compare(nf.Operator.EQUAL, _LOCAL)
        case RateLimit(packets):
            yield _expression(
                "limit",
                _long(nf.Limit.RATE, packets),
                _long(nf.Limit.SECONDS, 1),
                number(nf.Limit.BURST, packets),
                number(nf.Limit.TYPE, 0),
            )


def _action(action: Action) -> Iterator[bytes]:
    match action:
        case RuleVerdict():
            yield _immediate(number(nf.Verdict.CODE, _CODES[action]))
        case Goto(chain):
            yield _immediate(number(nf.Verdict.CODE, nf.Code.GOTO), text(nf.Verdict.CHAIN, chain))
        case Dispatch(field, name):
            yield from _load((field,))
            yield _lookup(name, number(nf.Lookup.RESULT_REGISTER, nf.VERDICT_REGISTER))
        case Log(group, prefix):
            yield _expression(
                "log",
                attribute(nf.Log.GROUP, group.to_bytes(2, "big")),
                text(nf.Log.PREFIX, prefix),
                number(nf.Log.LENGTH, LOGGED_BYTES),
            )


def _load(fields: tuple[Field, ...]) -> Iterator[bytes]:
    """Put fields one behind the other, beginning with the first register."""
    family = next((field.family for field in fields if field.family), None)
    if family:
        yield from _only(family)
    offset = 0
    for field in fields:
        yield _load_field(field, _register(offset))
        offset += -(-field.part.length // 4) * 4


def _register(offset: int) -> int:
    """The register that begins so many bytes behind the beginning of the first one, as the kernel itself counts."""
    return nf.FIRST_REGISTER + offset // 16 if offset % 16 == 0 else nf.FIRST_SMALL_REGISTER + offset // 4


def _load_field(field: Field, register: int) -> bytes:
    match field:
        case Field.PROTOCOL:
            return _meta(nf.MetaKey.TRANSPORT_PROTOCOL, register)
        case Field.CONNECTION:
            key = number(nf.Connection.KEY, nf.ConnectionKey.IDENTIFIER)
            return _expression("ct", number(nf.Connection.RESULT_REGISTER, register), key)
        case _:
            base, offset = _PAYLOADS[field]
            return _payload(base, offset, field.part.length, register)


def _only(family: Family) -> Iterator[bytes]:
    yield _meta(nf.MetaKey.ADDRESS_FAMILY, nf.FIRST_REGISTER)
    yield _compare(nf.Operator.EQUAL, bytes([_ADDRESS_FAMILY[family]]))


def _meta(key: int, register: int) -> bytes:
    return _expression("meta", number(nf.Meta.RESULT_REGISTER, register), number(nf.Meta.KEY, key))


def _payload(base: int, offset: int, length: int, register: int) -> bytes:
    return _expression(
        "payload",
        number(nf.Payload.RESULT_REGISTER, register),
        number(nf.Payload.BASE, base),
        number(nf.Payload.OFFSET, offset),
        number(nf.Payload.LENGTH, length),
    )


def _compare(operator: int, value: bytes) -> bytes:
    return _expression(
        "cmp",
        number(nf.Compare.SOURCE_REGISTER, nf.FIRST_REGISTER),
        number(nf.Compare.OPERATOR, operator),
        nested(nf.Compare.VALUE, attribute(nf.Data.VALUE, value)),
    )


def _lookup(name: str, *result: bytes) -> bytes:
    source = number(nf.Lookup.SOURCE_REGISTER, nf.FIRST_REGISTER)
    return _expression("lookup", text(nf.Lookup.SET, name), source, *result)


def _immediate(*verdict: bytes) -> bytes:
    return _expression(
        "immediate",
        number(nf.Immediate.RESULT_REGISTER, nf.VERDICT_REGISTER),
        nested(nf.Immediate.DATA, nested(nf.Data.VERDICT, *verdict)),
    )


def _long(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(8, "big"))


def _expression(name: str, *settings: bytes) -> bytes:
    return nested(nf.LIST_ELEMENT, text(nf.Expression.NAME, name), nested(nf.Expression.SETTINGS, *settings))


# --- decoding ---------------------------------------------------------------------------------------------------------


class _Parsed(NamedTuple):
    """An expression in a form that does not depend on the order of its settings or on defaults that are spelt out."""

    name: str
    settings: frozenset[tuple[int, bytes]]

    def get(self, kind: int) -> bytes:
        return dict(self.settings).get(kind, b"")


_DEFAULTS: Final[dict[tuple[str, int], bytes]] = {
    ("lookup", nf.Lookup.FLAGS): _ZERO,
    ("bitwise", nf.Bitwise.OPERATION): _ZERO,
    ("limit", nf.Limit.FLAGS): _ZERO,
}


def decode_rule(code: bytes) -> Rule | ForeignRule:
    """The rule that these expressions are; a foreign one if it is none of ours."""
    left = _parse(code)
    conditions: list[Condition] = []
    while left:
        if action := _decode_action(left):
            return Rule(tuple(conditions), action)
        found = _decode_condition(left)
        if found is None:
            break
        condition, length = found
        conditions.append(condition)
        left = left[length:]
    return ForeignRule(code)


def _parse(code: bytes) -> tuple[_Parsed, ...]:
    parsed = []
    for _, encoded in each_attribute(code):
        expression = attributes(encoded)
        name = read_text(expression.get(nf.Expression.NAME, b""))
        settings = each_attribute(expression.get(nf.Expression.SETTINGS, b""))
        parsed.append(_Parsed(name, frozenset(one for one in settings if _DEFAULTS.get((name, one[0])) != one[1])))
    return tuple(parsed)


def _decode_condition(left: tuple[_Parsed, ...]) -> tuple[Condition, int] | None:
    for expressions, condition in _constant_conditions():
        if left[: len(expressions)] == expressions:
            return condition, len(expressions)
    if left[0].name == "limit":
        within = RateLimit(int.from_bytes(left[0].get(nf.Limit.RATE), "big"))
        return (within, 1) if left[:1] == _parse(b"".join(_condition(within))) else None
    for expressions, fields in _loads():
        length = len(expressions)
        if left[:length] == expressions and len(left) > length:
            asked = _condition_on(fields, left[length])
            if asked:
                return asked, length + 1
    return None


def _condition_on(fields: tuple[Field, ...], test: _Parsed) -> Condition | None:
    """What `test` asks about the fields that were loaded."""
    if test.name == "lookup":
        name = read_text(test.get(nf.Lookup.SET))
        lookups = (Lookup(fields, name, absent) for absent in (False, True))
        return next((one for one in lookups if _parse(b"".join(_condition(one)))[-1] == test), None)
    if fields == (Field.PROTOCOL,) and test.name == "cmp":
        value = attributes(test.get(nf.Compare.VALUE)).get(nf.Data.VALUE, b"")
        return ProtocolIs(value[0]) if (test,) == _parse(_compare(nf.Operator.EQUAL, value[:1])) else None
    return None


def _decode_action(left: tuple[_Parsed, ...]) -> Action | None:
    last = left[-1]
    if len(left) == 1 and last.name == "immediate":
        data = attributes(attributes(last.get(nf.Immediate.DATA)).get(nf.Data.VERDICT, b""))
        code = int.from_bytes(data.get(nf.Verdict.CODE, b""), "big", signed=True)
        if code == nf.Code.GOTO:
            return Goto(read_text(data.get(nf.Verdict.CHAIN, b"")))
        return next((verdict for verdict, one in _CODES.items() if one == code), None)
    if len(left) == 1 and last.name == "log":
        log = Log(int.from_bytes(last.get(nf.Log.GROUP), "big"), read_text(last.get(nf.Log.PREFIX)))
        return log if left == _parse(b"".join(_action(log))) else None
    if last.name == "lookup":
        for expressions, fields in _loads():
            dispatch = Dispatch(fields[0], read_text(last.get(nf.Lookup.SET)))
            if left[:-1] == expressions and left == _parse(b"".join(_action(dispatch))):
                return dispatch
    return None


@cache
def _constant_conditions() -> list[tuple[tuple[_Parsed, ...], Condition]]:
    constant: tuple[Condition, ...] = (Established(), NeighbourDiscovery(), OverLoopback(), FromNode())
    return [(_parse(b"".join(_condition(condition))), condition) for condition in constant]


@cache
def _loads() -> list[tuple[tuple[_Parsed, ...], tuple[Field, ...]]]:
    """Every combination of fields that is ever loaded, the longest first: a shorter one may begin like it."""
    ends = [end[family] for family in FAMILIES for end in (SOURCE, DESTINATION)]
    combinations: list[tuple[Field, ...]] = [
        *((end, Field.PROTOCOL, Field.PORT) for end in ends),
        *((SOURCE[family], DESTINATION[family]) for family in FAMILIES),
        *((field,) for field in Field),
    ]
    return [(_parse(b"".join(_load(fields))), fields) for fields in combinations]
