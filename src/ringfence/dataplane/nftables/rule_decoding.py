"""Decodes rules from nf_tables expressions.

The decoder guesses a rule, encodes it and compares the expressions. So the decoder cannot disagree with the encoder.
A rule that ringfence does not write is foreign.
"""

from functools import cache, lru_cache
from typing import Final

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.expressions import Parsed, compare, constant_of, parse
from ringfence.dataplane.nftables.rule_encoding import (
    ONLY_FROM_THIS_LINK,
    VERDICT_CODES,
    encode_action,
    encode_condition,
    load,
)
from ringfence.dataplane.program import (
    DESTINATION,
    ROUTERS_MESSAGES,
    SOURCE,
    Action,
    ClassLookup,
    Condition,
    Dispatch,
    DispatchGroup,
    Established,
    EstablishedOrRelated,
    Field,
    ForeignRule,
    FrameTypeIs,
    FromLinkLocal,
    FromNode,
    FromPodLink,
    Goto,
    HopLimitIs,
    Icmpv6Is,
    Jump,
    KeyPart,
    Log,
    Lookup,
    NeighbourDiscovery,
    OfFamily,
    OffRoute,
    OverLoopback,
    PortBetween,
    ProtocolIs,
    RateLimit,
    Rule,
    ToMany,
    ToOthers,
    ToPodLink,
    Track,
    Untracked,
)
from ringfence.netlink.codec import attributes, read_string
from ringfence.sets.addresses import FAMILIES

_MOST_REMEMBERED: Final = 4096
"""How many decoded rules are remembered. To decode a rule takes 0.1 ms. Many rules of a table are equal, and a table is
read again after each disturbance.
"""


@lru_cache(maxsize=_MOST_REMEMBERED)
def decode_rule(code: bytes) -> Rule | ForeignRule:
    """The rule with these expressions; a ForeignRule if ringfence does not write such a rule."""
    left = parse(code)
    conditions: list[Condition] = []
    while left:
        # The action of a rule is the last part of it, so it has to be all that is left.
        if action := _decode_action(left):
            return Rule(tuple(conditions), action)
        found = _decode_condition(left)
        if found is None:
            break
        condition, length = found
        conditions.append(condition)
        left = left[length:]
    return ForeignRule(code)


def _decode_condition(left: tuple[Parsed, ...]) -> tuple[Condition, int] | None:
    for expressions, condition in _constant_conditions():
        if left[: len(expressions)] == expressions:
            return condition, len(expressions)
    # There are too many rates to list them among the constant conditions.
    if left[0].name == "limit":
        within = RateLimit(int.from_bytes(left[0].get(nf.NFTA_LIMIT_RATE), "big"))
        return (within, 1) if left[:1] == parse(b"".join(encode_condition(within))) else None
    for expressions, fields in _loads():
        length = len(expressions)
        if left[:length] == expressions and len(left) > length:
            asked = _condition_on(fields, left[length])
            if asked:
                return asked, length + 1
    return _decode_class_lookup(left) or _decode_ports(left) or _decode_first_comparison(left)


def _decode_first_comparison(left: tuple[Parsed, ...]) -> tuple[Condition, int] | None:
    """Decode a condition on the family or on the frame type.

    This is tried last, because other conditions on addresses begin with the same comparison.
    """
    for expressions, condition in _first_comparisons():
        if left[: len(expressions)] == expressions:
            return condition, len(expressions)
    return None


@cache
def _first_comparisons() -> list[tuple[tuple[Parsed, ...], Condition]]:
    types = sorted({field.frame_type for field in Field if field.frame_type})
    conditions: list[Condition] = [*map(OfFamily, FAMILIES), *map(FrameTypeIs, types)]
    return [(parse(b"".join(encode_condition(condition))), condition) for condition in conditions]


def _decode_class_lookup(left: tuple[Parsed, ...]) -> tuple[Condition, int] | None:
    identifier = next((constant_of(one) for one in left if one.name == "immediate"), b"")
    if len(identifier) != KeyPart.CLASS.length:
        return None
    for fields in _CLASS_FIELDS:
        length = len(parse(b"".join(load(fields, identifier)))) + 1
        name = read_string(left[length - 1].get(nf.NFTA_LOOKUP_SET)) if len(left) >= length else ""
        asked = ClassLookup(identifier, fields, name)
        if left[:length] == parse(b"".join(encode_condition(asked))):
            return asked, length
    return None


def _decode_ports(left: tuple[Parsed, ...]) -> tuple[Condition, int] | None:
    length = len(parse(b"".join(load((Field.PORT,)))))
    bounds = [_compared_with(one) for one in left[length : length + 2] if one.name == "cmp"]
    numbers = [int.from_bytes(one, "big") for one in bounds if len(one) == KeyPart.PORT.length]
    # Two bounds are a range and one is a single port. The range is tried first, because a port is its beginning.
    for asked in (PortBetween(numbers[0], last) for last in reversed(numbers)):
        code = parse(b"".join(encode_condition(asked)))
        if left[: len(code)] == code:
            return asked, len(code)
    return None


def _compared_with(comparison: Parsed) -> bytes:
    return attributes(comparison.get(nf.NFTA_CMP_DATA)).get(nf.NFTA_DATA_VALUE, b"")


def _condition_on(fields: tuple[Field, ...], test: Parsed) -> Condition | None:
    """The condition that `test` applies to the loaded fields; None if ringfence does not write such a condition."""
    if test.name == "lookup":
        name = read_string(test.get(nf.NFTA_LOOKUP_SET))
        lookups = (Lookup(fields, name, absent) for absent in (False, True))
        return next((one for one in lookups if parse(b"".join(encode_condition(one)))[-1] == test), None)
    if fields == (Field.PROTOCOL,) and test.name == "cmp":
        value = _compared_with(test)
        return ProtocolIs(value[0]) if (test,) == parse(compare(nf.NFT_CMP_EQ, value[:1])) else None
    return None


def _decode_action(left: tuple[Parsed, ...]) -> Action | None:
    last = left[-1]
    if left == parse(b"".join(encode_action(Track()))):
        return Track()
    if len(left) == 1 and last.name == "immediate" and not constant_of(last):
        data = attributes(attributes(last.get(nf.NFTA_IMMEDIATE_DATA)).get(nf.NFTA_DATA_VERDICT, b""))
        code = int.from_bytes(data.get(nf.NFTA_VERDICT_CODE, b""), "big", signed=True)
        if code == nf.NFT_GOTO:
            return Goto(read_string(data.get(nf.NFTA_VERDICT_CHAIN, b"")))
        if code == nf.NFT_JUMP:
            return Jump(read_string(data.get(nf.NFTA_VERDICT_CHAIN, b"")))
        return next((verdict for verdict, one in VERDICT_CODES.items() if one == code), None)
    if len(left) == 1 and last.name == "log":
        log = Log(int.from_bytes(last.get(nf.NFTA_LOG_GROUP), "big"), read_string(last.get(nf.NFTA_LOG_PREFIX)))
        return log if left == parse(b"".join(encode_action(log))) else None
    if last.name == "lookup":
        for expressions, fields in _loads():
            dispatch = Dispatch(fields, read_string(last.get(nf.NFTA_LOOKUP_SET)))
            if left[:-1] == expressions and left == parse(b"".join(encode_action(dispatch))):
                return dispatch
        return _decode_dispatch_of_groups(left)
    return None


def _decode_dispatch_of_groups(left: tuple[Parsed, ...]) -> Action | None:
    names = [read_string(one.get(nf.NFTA_LOOKUP_SET)) for one in left if one.name == "lookup"]
    dispatches = (DispatchGroup(field, *names) for field in _ENDS) if len(names) == _LOOKUPS_OF_GROUPS else ()
    return next((one for one in dispatches if left == parse(b"".join(encode_action(one)))), None)


_LOOKUPS_OF_GROUPS: Final = 3
"""The lookups of the group of an address, of the class of this group, and of the chain for this class."""

_ENDS: Final = tuple(end[family] for family in FAMILIES for end in (SOURCE, DESTINATION))

_CLASS_FIELDS: Final[tuple[tuple[Field, ...], ...]] = ((Field.PROTOCOL, Field.PORT), *((end,) for end in _ENDS))
"""The fields that are looked up together with the identifier of a class."""


@cache
def _constant_conditions() -> list[tuple[tuple[Parsed, ...], Condition]]:
    constant: tuple[Condition, ...] = (
        Established(),
        EstablishedOrRelated(),
        Untracked(),
        ToOthers(),
        NeighbourDiscovery(),
        OverLoopback(),
        FromNode(),
        FromPodLink(),
        ToPodLink(),
        ToMany(),
        HopLimitIs(ONLY_FROM_THIS_LINK),
        OffRoute(),
        FromLinkLocal(),
        *map(Icmpv6Is, ROUTERS_MESSAGES),
    )
    return [(parse(b"".join(encode_condition(condition))), condition) for condition in constant]


_OF_PORTS: Final = (
    Field.FRAME_HARDWARE_SOURCE,
    Field.FRAME_SOURCE_4,
    Field.FRAME_DESTINATION_4,
    Field.FRAME_SOURCE_6,
    Field.FRAME_DESTINATION_6,
    Field.NEIGHBOUR_TARGET,
    Field.ARP_SOURCE,
)
"""The fields that are looked up together with a port of a bridge."""


@cache
def _loads() -> list[tuple[tuple[Parsed, ...], tuple[Field, ...]]]:
    """All combinations of fields that rules load.

    The longest come first, because the expressions of a shorter one can be the beginning of a longer one.
    """
    combinations: list[tuple[Field, ...]] = [
        *((end, Field.PROTOCOL, Field.PORT) for end in _ENDS),
        *((SOURCE[family], DESTINATION[family]) for family in FAMILIES),
        (Field.PROTOCOL, Field.PORT),
        (Field.LINK, Field.FRAME_HARDWARE_SOURCE, Field.FRAME_SOURCE_4),
        *((link, field) for link in (Field.LINK, Field.OUT_LINK) for field in _OF_PORTS),
        *((field,) for field in Field),
    ]
    return [(parse(b"".join(load(fields))), fields) for fields in combinations]
