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
    ROUTERS_MESSAGES,
    SOURCE,
    Action,
    ClassLookup,
    Condition,
    Dispatch,
    Established,
    Field,
    ForeignRule,
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
    ProtocolIs,
    RateLimit,
    Rule,
    RuleVerdict,
    ToMany,
    ToOthers,
    ToPodLink,
    Track,
    Untracked,
)
from ringfence.netlink.codec import attribute, attributes, each_attribute, nested, read_string, string, uint32
from ringfence.sets.addresses import FAMILIES, Family

_ADDRESS_FAMILY: Final = {Family.IPV4: 2, Family.IPV6: 10}
_ICMPV6: Final = 58
_ROUTER_SOLICITATION, _REDIRECT = 133, 137
_ONLY_FROM_THIS_LINK: Final = 255
"""The hop limit of a packet that no router has passed on."""

_LOOPBACK: Final = (772).to_bytes(2, sys.byteorder)
"""The type of link that only the loopback interface is (ARPHRD_LOOPBACK)."""

_VETH: Final = b"veth".ljust(16, b"\0")
"""The kind of a virtual cable between two network namespaces, as long as the name of an interface (IFNAMSIZ)."""

_NO_LINK: Final = bytes(4)
"""The number of no interface: what `fib` finds where the node does not route an address over the one it asks about."""

_LINK_LOCAL, _LINK_LOCAL_MASK = bytes.fromhex("fe80"), bytes.fromhex("ffc0")

_GROUP_BIT: Final = bytes([1])
"""The bit in the first byte of a hardware address that is set in those of groups, and of everybody."""

_LOCAL: Final = (2).to_bytes(4, sys.byteorder)
"""The type of a route to an address of this very host (RTN_LOCAL)."""

_USUAL_ZONE: Final = bytes(2)

LOGGED_BYTES: Final = 256
"""So much of a packet is sent to a log group: its headers."""

_ESTABLISHED_OR_RELATED: Final = (6).to_bytes(4, sys.byteorder)
_UNTRACKED: Final = (64).to_bytes(4, sys.byteorder)
_ZERO: Final = bytes(4)

_CODES: Final = {RuleVerdict.DROP: nf.NF_DROP, RuleVerdict.ACCEPT: nf.NF_ACCEPT, RuleVerdict.RETURN: nf.NFT_RETURN}

_PAYLOADS: Final = {
    Field.SOURCE_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 12),
    Field.DESTINATION_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 16),
    Field.SOURCE_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 8),
    Field.DESTINATION_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 24),
    Field.PORT: (nf.NFT_PAYLOAD_TRANSPORT_HEADER, 2),
    Field.FRAME_TYPE: (nf.NFT_PAYLOAD_LL_HEADER, 12),
    Field.FRAME_HARDWARE_SOURCE: (nf.NFT_PAYLOAD_LL_HEADER, 6),
    Field.FRAME_HARDWARE_DESTINATION: (nf.NFT_PAYLOAD_LL_HEADER, 0),
    Field.FRAME_SOURCE_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 12),
    Field.FRAME_DESTINATION_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 16),
    Field.FRAME_SOURCE_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 8),
    Field.FRAME_DESTINATION_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 24),
    Field.FRAME_ICMPV6_TYPE: (nf.NFT_PAYLOAD_TRANSPORT_HEADER, 0),
    Field.NEIGHBOUR_TARGET: (nf.NFT_PAYLOAD_TRANSPORT_HEADER, 8),
    Field.ARP_SOURCE: (nf.NFT_PAYLOAD_NETWORK_HEADER, 14),
}
"""Fields that are read from the packet itself: from which header, and at which offset."""

_METAS: Final = {
    Field.PROTOCOL: nf.NFT_META_L4PROTO,
    Field.FAMILY: nf.NFT_META_NFPROTO,
    Field.LINK: nf.NFT_META_IIF,
    Field.OUT_LINK: nf.NFT_META_OIF,
}
"""Fields that the kernel knows of a packet without reading it."""


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
            yield _lookup(name, *([uint32(nf.NFTA_LOOKUP_FLAGS, nf.NFT_LOOKUP_F_INV)] if absent else []))
        case ClassLookup(identifier, fields, name):
            yield from _load(fields, identifier)
            yield _lookup(name)
        case OfFamily(family):
            yield from _only(family)
        case ProtocolIs(protocol):
            yield from _load((Field.PROTOCOL,))
            yield _compare(nf.NFT_CMP_EQ, bytes([protocol]))
        case Established():
            yield _expression("ct", uint32(nf.NFTA_CT_DREG, 1), uint32(nf.NFTA_CT_KEY, nf.NFT_CT_STATE))
            yield _masked(_ESTABLISHED_OR_RELATED)
            yield _compare(nf.NFT_CMP_NEQ, _ZERO)
        case Untracked():
            yield _expression("ct", uint32(nf.NFTA_CT_DREG, 1), uint32(nf.NFTA_CT_KEY, nf.NFT_CT_STATE))
            yield _masked(_UNTRACKED)
            yield _compare(nf.NFT_CMP_NEQ, _ZERO)
        case ToOthers():
            yield _fib(nf.NFT_FIB_RESULT_ADDRTYPE, nf.NFTA_FIB_F_DADDR)
            yield _compare(nf.NFT_CMP_NEQ, _LOCAL)
        case NeighbourDiscovery():
            yield from _icmpv6_type()
            yield _compare(nf.NFT_CMP_GTE, bytes([_ROUTER_SOLICITATION]))
            yield _compare(nf.NFT_CMP_LTE, bytes([_REDIRECT]))
            yield _payload(nf.NFT_PAYLOAD_NETWORK_HEADER, 7, 1, nf.NFT_REG_1)
            yield _compare(nf.NFT_CMP_EQ, bytes([_ONLY_FROM_THIS_LINK]))
        case OverLoopback():
            yield _meta(nf.NFT_META_IIFTYPE, nf.NFT_REG_1)
            yield _compare(nf.NFT_CMP_EQ, _LOOPBACK)
        case FromNode():
            yield _fib(nf.NFT_FIB_RESULT_ADDRTYPE, nf.NFTA_FIB_F_SADDR)
            yield _compare(nf.NFT_CMP_EQ, _LOCAL)
        case FromPodLink():
            yield _meta(nf.NFT_META_IIFKIND, nf.NFT_REG_1)
            yield _compare(nf.NFT_CMP_EQ, _VETH)
        case ToPodLink():
            yield _meta(nf.NFT_META_OIFKIND, nf.NFT_REG_1)
            yield _compare(nf.NFT_CMP_EQ, _VETH)
        case ToMany():
            yield _payload(nf.NFT_PAYLOAD_LL_HEADER, 0, 1, nf.NFT_REG_1)
            yield _masked(_GROUP_BIT)
            yield _compare(nf.NFT_CMP_NEQ, bytes(1))
        case HopLimitIs(number):
            yield _payload(nf.NFT_PAYLOAD_NETWORK_HEADER, 7, 1, nf.NFT_REG_1)
            yield _compare(nf.NFT_CMP_EQ, bytes([number]))
        case OffRoute():
            yield _fib(nf.NFT_FIB_RESULT_OIF, nf.NFTA_FIB_F_SADDR | nf.NFTA_FIB_F_IIF)
            yield _compare(nf.NFT_CMP_EQ, _NO_LINK)
        case FromLinkLocal():
            yield from _only(Family.IPV6)
            yield _payload(nf.NFT_PAYLOAD_NETWORK_HEADER, 8, len(_LINK_LOCAL), nf.NFT_REG_1)
            yield _masked(_LINK_LOCAL_MASK)
            yield _compare(nf.NFT_CMP_EQ, _LINK_LOCAL)
        case Icmpv6Is(message):
            yield from _icmpv6_type()
            yield _compare(nf.NFT_CMP_EQ, bytes([message]))
        case RateLimit(packets):
            yield _expression(
                "limit",
                _long(nf.NFTA_LIMIT_RATE, packets),
                _long(nf.NFTA_LIMIT_UNIT, 1),
                uint32(nf.NFTA_LIMIT_BURST, packets),
                uint32(nf.NFTA_LIMIT_TYPE, 0),
            )


def _action(action: Action) -> Iterator[bytes]:
    match action:
        case RuleVerdict():
            yield _verdict(uint32(nf.NFTA_VERDICT_CODE, _CODES[action]))
        case Goto(chain):
            yield _verdict(uint32(nf.NFTA_VERDICT_CODE, nf.NFT_GOTO), string(nf.NFTA_VERDICT_CHAIN, chain))
        case Jump(chain):
            yield _verdict(uint32(nf.NFTA_VERDICT_CODE, nf.NFT_JUMP), string(nf.NFTA_VERDICT_CHAIN, chain))
        case Dispatch(fields, name):
            yield from _load(fields)
            yield _lookup(name, uint32(nf.NFTA_LOOKUP_DREG, nf.NFT_REG_VERDICT))
        case Log(group, prefix):
            yield _expression(
                "log",
                attribute(nf.NFTA_LOG_GROUP, group.to_bytes(2, "big")),
                string(nf.NFTA_LOG_PREFIX, prefix),
                uint32(nf.NFTA_LOG_SNAPLEN, LOGGED_BYTES),
            )
        case Track():
            # To set the zone of a packet gives it a template of a connection (nft_ct_set_zone_eval() of the kernel),
            # and what has one is tracked, also if it was exempted. This is the zone that packets have without.
            yield _immediate(nf.NFT_REG_1, attribute(nf.NFTA_DATA_VALUE, _USUAL_ZONE))
            yield _expression("ct", uint32(nf.NFTA_CT_KEY, nf.NFT_CT_ZONE), uint32(nf.NFTA_CT_SREG, nf.NFT_REG_1))


def _load(fields: tuple[Field, ...], constant: bytes = b"") -> Iterator[bytes]:
    """Put a constant, if there is one, and fields one behind the other, beginning with the first register."""
    family = next((field.family for field in fields if field.family), None)
    if family:
        yield from _only(family)
    frame_type = next((field.frame_type for field in fields if field.frame_type), None)
    if frame_type:
        yield _load_field(Field.FRAME_TYPE, nf.NFT_REG_1)
        yield _compare(nf.NFT_CMP_EQ, frame_type.to_bytes(2, "big"))
    if Field.FRAME_ICMPV6_TYPE in fields:
        yield from _condition(ProtocolIs(_ICMPV6))
    if constant:
        yield _immediate(nf.NFT_REG_1, attribute(nf.NFTA_DATA_VALUE, constant))
    offset = len(constant)
    for field in fields:
        yield _load_field(field, _register(offset))
        offset += -(-field.part.length // 4) * 4


def _register(offset: int) -> int:
    """The register that begins this number of bytes after the beginning of the first one, as the kernel counts."""
    return nf.NFT_REG_1 + offset // 16 if offset % 16 == 0 else nf.NFT_REG32_00 + offset // 4


def _load_field(field: Field, register: int) -> bytes:
    match field:
        case Field.PROTOCOL | Field.FAMILY | Field.LINK | Field.OUT_LINK:
            return _meta(_METAS[field], register)
        case Field.CONNECTION:
            key = uint32(nf.NFTA_CT_KEY, nf.NFT_CT_ID)
            return _expression("ct", uint32(nf.NFTA_CT_DREG, register), key)
        case _:
            base, offset = _PAYLOADS[field]
            return _payload(base, offset, field.part.length, register)


def _only(family: Family) -> Iterator[bytes]:
    yield _meta(nf.NFT_META_NFPROTO, nf.NFT_REG_1)
    yield _compare(nf.NFT_CMP_EQ, bytes([_ADDRESS_FAMILY[family]]))


def _meta(key: int, register: int) -> bytes:
    return _expression("meta", uint32(nf.NFTA_META_DREG, register), uint32(nf.NFTA_META_KEY, key))


def _payload(base: int, offset: int, length: int, register: int) -> bytes:
    return _expression(
        "payload",
        uint32(nf.NFTA_PAYLOAD_DREG, register),
        uint32(nf.NFTA_PAYLOAD_BASE, base),
        uint32(nf.NFTA_PAYLOAD_OFFSET, offset),
        uint32(nf.NFTA_PAYLOAD_LEN, length),
    )


def _icmpv6_type() -> Iterator[bytes]:
    yield from _only(Family.IPV6)
    yield from _condition(ProtocolIs(_ICMPV6))
    yield _payload(nf.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, nf.NFT_REG_1)


def _fib(result: int, flags: int) -> bytes:
    return _expression(
        "fib",
        uint32(nf.NFTA_FIB_DREG, nf.NFT_REG_1),
        uint32(nf.NFTA_FIB_RESULT, result),
        uint32(nf.NFTA_FIB_FLAGS, flags),
    )


def _masked(mask: bytes) -> bytes:
    return _expression(
        "bitwise",
        uint32(nf.NFTA_BITWISE_SREG, nf.NFT_REG_1),
        uint32(nf.NFTA_BITWISE_DREG, nf.NFT_REG_1),
        uint32(nf.NFTA_BITWISE_LEN, len(mask)),
        nested(nf.NFTA_BITWISE_MASK, attribute(nf.NFTA_DATA_VALUE, mask)),
        nested(nf.NFTA_BITWISE_XOR, attribute(nf.NFTA_DATA_VALUE, bytes(len(mask)))),
    )


def _compare(operator: int, value: bytes) -> bytes:
    return _expression(
        "cmp",
        uint32(nf.NFTA_CMP_SREG, nf.NFT_REG_1),
        uint32(nf.NFTA_CMP_OP, operator),
        nested(nf.NFTA_CMP_DATA, attribute(nf.NFTA_DATA_VALUE, value)),
    )


def _lookup(name: str, *result: bytes) -> bytes:
    source = uint32(nf.NFTA_LOOKUP_SREG, nf.NFT_REG_1)
    return _expression("lookup", string(nf.NFTA_LOOKUP_SET, name), source, *result)


def _verdict(*verdict: bytes) -> bytes:
    return _immediate(nf.NFT_REG_VERDICT, nested(nf.NFTA_DATA_VERDICT, *verdict))


def _immediate(register: int, data: bytes) -> bytes:
    return _expression("immediate", uint32(nf.NFTA_IMMEDIATE_DREG, register), nested(nf.NFTA_IMMEDIATE_DATA, data))


def _long(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(8, "big"))


def _expression(name: str, *settings: bytes) -> bytes:
    return nested(nf.NFTA_LIST_ELEM, string(nf.NFTA_EXPR_NAME, name), nested(nf.NFTA_EXPR_DATA, *settings))


# --- decoding ---------------------------------------------------------------------------------------------------------


class _Parsed(NamedTuple):
    """An expression in a form that does not depend on the order of its settings or on defaults that are spelt out."""

    name: str
    settings: frozenset[tuple[int, bytes]]

    def get(self, kind: int) -> bytes:
        return dict(self.settings).get(kind, b"")


_DEFAULTS: Final[dict[tuple[str, int], bytes]] = {
    ("lookup", nf.NFTA_LOOKUP_FLAGS): _ZERO,
    ("bitwise", nf.NFTA_BITWISE_OP): _ZERO,
    ("limit", nf.NFTA_LIMIT_FLAGS): _ZERO,
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
        name = read_string(expression.get(nf.NFTA_EXPR_NAME, b""))
        settings = each_attribute(expression.get(nf.NFTA_EXPR_DATA, b""))
        parsed.append(_Parsed(name, frozenset(one for one in settings if _DEFAULTS.get((name, one[0])) != one[1])))
    return tuple(parsed)


def _decode_condition(left: tuple[_Parsed, ...]) -> tuple[Condition, int] | None:
    for expressions, condition in _constant_conditions():
        if left[: len(expressions)] == expressions:
            return condition, len(expressions)
    if left[0].name == "limit":
        within = RateLimit(int.from_bytes(left[0].get(nf.NFTA_LIMIT_RATE), "big"))
        return (within, 1) if left[:1] == _parse(b"".join(_condition(within))) else None
    for expressions, fields in _loads():
        length = len(expressions)
        if left[:length] == expressions and len(left) > length:
            asked = _condition_on(fields, left[length])
            if asked:
                return asked, length + 1
    return _decode_class_lookup(left) or _decode_family(left)


def _decode_family(left: tuple[_Parsed, ...]) -> tuple[Condition, int] | None:
    """Comes last: whatever is about addresses begins with such a comparison."""
    for family in FAMILIES:
        expressions = _parse(b"".join(_only(family)))
        if left[: len(expressions)] == expressions:
            return OfFamily(family), len(expressions)
    return None


def _decode_class_lookup(left: tuple[_Parsed, ...]) -> tuple[Condition, int] | None:
    identifier = next((_constant(one) for one in left if one.name == "immediate"), b"")
    if len(identifier) != KeyPart.CLASS.length:
        return None
    for fields in _CLASS_FIELDS:
        length = len(_parse(b"".join(_load(fields, identifier)))) + 1
        name = read_string(left[length - 1].get(nf.NFTA_LOOKUP_SET)) if len(left) >= length else ""
        asked = ClassLookup(identifier, fields, name)
        if left[:length] == _parse(b"".join(_condition(asked))):
            return asked, length
    return None


def _constant(immediate: _Parsed) -> bytes:
    return attributes(immediate.get(nf.NFTA_IMMEDIATE_DATA)).get(nf.NFTA_DATA_VALUE, b"")


def _condition_on(fields: tuple[Field, ...], test: _Parsed) -> Condition | None:
    """What `test` asks about the fields that were loaded."""
    if test.name == "lookup":
        name = read_string(test.get(nf.NFTA_LOOKUP_SET))
        lookups = (Lookup(fields, name, absent) for absent in (False, True))
        return next((one for one in lookups if _parse(b"".join(_condition(one)))[-1] == test), None)
    if fields == (Field.PROTOCOL,) and test.name == "cmp":
        value = attributes(test.get(nf.NFTA_CMP_DATA)).get(nf.NFTA_DATA_VALUE, b"")
        return ProtocolIs(value[0]) if (test,) == _parse(_compare(nf.NFT_CMP_EQ, value[:1])) else None
    return None


def _decode_action(left: tuple[_Parsed, ...]) -> Action | None:
    last = left[-1]
    if left == _parse(b"".join(_action(Track()))):
        return Track()
    if len(left) == 1 and last.name == "immediate" and not _constant(last):
        data = attributes(attributes(last.get(nf.NFTA_IMMEDIATE_DATA)).get(nf.NFTA_DATA_VERDICT, b""))
        code = int.from_bytes(data.get(nf.NFTA_VERDICT_CODE, b""), "big", signed=True)
        if code == nf.NFT_GOTO:
            return Goto(read_string(data.get(nf.NFTA_VERDICT_CHAIN, b"")))
        if code == nf.NFT_JUMP:
            return Jump(read_string(data.get(nf.NFTA_VERDICT_CHAIN, b"")))
        return next((verdict for verdict, one in _CODES.items() if one == code), None)
    if len(left) == 1 and last.name == "log":
        log = Log(int.from_bytes(last.get(nf.NFTA_LOG_GROUP), "big"), read_string(last.get(nf.NFTA_LOG_PREFIX)))
        return log if left == _parse(b"".join(_action(log))) else None
    if last.name == "lookup":
        for expressions, fields in _loads():
            dispatch = Dispatch(fields, read_string(last.get(nf.NFTA_LOOKUP_SET)))
            if left[:-1] == expressions and left == _parse(b"".join(_action(dispatch))):
                return dispatch
    return None


_ENDS: Final = tuple(end[family] for family in FAMILIES for end in (SOURCE, DESTINATION))

_CLASS_FIELDS: Final[tuple[tuple[Field, ...], ...]] = ((Field.PROTOCOL, Field.PORT), *((end,) for end in _ENDS))
"""What is looked up together with the identifier of a class."""


@cache
def _constant_conditions() -> list[tuple[tuple[_Parsed, ...], Condition]]:
    constant: tuple[Condition, ...] = (
        Established(),
        Untracked(),
        ToOthers(),
        NeighbourDiscovery(),
        OverLoopback(),
        FromNode(),
        FromPodLink(),
        ToPodLink(),
        ToMany(),
        HopLimitIs(_ONLY_FROM_THIS_LINK),
        OffRoute(),
        FromLinkLocal(),
        *map(Icmpv6Is, ROUTERS_MESSAGES),
    )
    return [(_parse(b"".join(_condition(condition))), condition) for condition in constant]


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
def _loads() -> list[tuple[tuple[_Parsed, ...], tuple[Field, ...]]]:
    """Every combination of fields that is ever loaded, the longest first: a shorter one may begin like it."""
    combinations: list[tuple[Field, ...]] = [
        *((end, Field.PROTOCOL, Field.PORT) for end in _ENDS),
        *((SOURCE[family], DESTINATION[family]) for family in FAMILIES),
        (Field.PROTOCOL, Field.PORT),
        *((link, field) for link in (Field.LINK, Field.OUT_LINK) for field in _OF_PORTS),
        *((field,) for field in Field),
    ]
    return [(_parse(b"".join(_load(fields))), fields) for fields in combinations]
