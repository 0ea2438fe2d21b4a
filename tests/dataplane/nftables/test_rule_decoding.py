"""Rules: the reader decodes expressions to the rules that the writer encoded; any other rule is foreign."""

import pytest

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.expressions import LOGGED_BYTES
from ringfence.dataplane.nftables.rule_decoding import decode_rule
from ringfence.dataplane.nftables.rule_encoding import encode_rule
from ringfence.dataplane.program import (
    DENIED_PREFIX,
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
    RuleVerdict,
    ToMany,
    ToPodLink,
)
from ringfence.model.policies import Direction
from ringfence.netlink.codec import attributes, each_attribute, nested, uint32
from ringfence.sets.addresses import FAMILIES

IDENTIFIER = bytes(range(16))
"""That of a class."""

CONDITIONS: list[Condition] = [
    Established(),
    EstablishedOrRelated(),
    NeighbourDiscovery(),
    OverLoopback(),
    FromNode(),
    FromPodLink(),
    ToPodLink(),
    ToMany(),
    HopLimitIs(255),
    OffRoute(),
    FromLinkLocal(),
    *map(Icmpv6Is, ROUTERS_MESSAGES),
    RateLimit(10),
    ProtocolIs(6),
    PortBetween(80, 80),
    PortBetween(8000, 65535),
    *(OfFamily(family) for family in FAMILIES),
    *map(FrameTypeIs, (0x0800, 0x0806, 0x86DD)),
    *(Lookup((field,), "set", absent) for field in Field for absent in (False, True)),
    *(Lookup((SOURCE[family], DESTINATION[family]), "set") for family in FAMILIES),
    Lookup((Field.LINK, Field.FRAME_SOURCE_6), "set"),
    Lookup((Field.OUT_LINK, Field.FRAME_DESTINATION_4), "set"),
    Lookup((Field.LINK, Field.FRAME_HARDWARE_SOURCE), "set", absent=True),
    Lookup((Field.LINK, Field.FRAME_HARDWARE_SOURCE, Field.FRAME_SOURCE_4), "set"),
    ClassLookup(IDENTIFIER, (Field.PROTOCOL, Field.PORT), "set"),
    *(ClassLookup(IDENTIFIER, (end[family],), "set") for family in FAMILIES for end in (SOURCE, DESTINATION)),
    *(Lookup((end[family], Field.PROTOCOL, Field.PORT), "set") for family in FAMILIES for end in (SOURCE, DESTINATION)),
]
ACTIONS: list[Action] = [
    *RuleVerdict,
    Goto("chain"),
    Log(77, DENIED_PREFIX[Direction.INGRESS]),
    Dispatch((Field.PROTOCOL, Field.PORT), "map"),
    *(DispatchGroup(end[family], "groups", "classes", "map") for family in FAMILIES for end in (SOURCE, DESTINATION)),
    *(Dispatch((end[family],), "map") for family in FAMILIES for end in (SOURCE, DESTINATION)),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_conditions_are_read_back(condition: Condition) -> None:
    rule = Rule((condition,), RuleVerdict.RETURN)
    assert decode_rule(encode_rule(rule)) == rule


@pytest.mark.parametrize("action", ACTIONS, ids=str)
def test_actions_are_read_back(action: Action) -> None:
    rule = Rule((), action)
    assert decode_rule(encode_rule(rule)) == rule


@pytest.mark.parametrize("action", ACTIONS, ids=str)
def test_several_conditions_of_a_rule_are_read_back(action: Action) -> None:
    rule = Rule((CONDITIONS[0], *CONDITIONS[-6:]), action)
    assert decode_rule(encode_rule(rule)) == rule


def test_a_rule_with_anything_else_in_it_is_foreign() -> None:
    code = encode_rule(Rule((Established(),), RuleVerdict.ACCEPT))
    expressions = [nested(type, value) for type, value in each_attribute(code)]
    for i in range(len(expressions)):
        less = b"".join(expressions[:i] + expressions[i + 1 :])
        assert decode_rule(less) != Rule((Established(),), RuleVerdict.ACCEPT)
    assert decode_rule(code + expressions[-1]) == ForeignRule(code + expressions[-1])
    assert decode_rule(b"") == ForeignRule(b"")
    for at in range(0, len(code), 4):
        changed = code[:at] + bytes(4) + code[at + 4 :]
        if changed != code:
            assert decode_rule(changed) != Rule((Established(),), RuleVerdict.ACCEPT)


def settings_of(condition: Condition) -> list[dict[int, bytes]]:
    """The settings of each expression of a condition, without the return of the rule."""
    code = encode_rule(Rule((condition,), RuleVerdict.RETURN))
    return [attributes(attributes(one)[nf.NFTA_EXPR_DATA]) for _, one in each_attribute(code)][:-1]


def test_a_rate_is_one_of_packets_per_second() -> None:
    (limit,) = settings_of(RateLimit(10))
    rate, unit = limit[nf.NFTA_LIMIT_RATE], limit[nf.NFTA_LIMIT_UNIT]
    assert (int.from_bytes(rate, "big"), int.from_bytes(unit, "big")) == (10, 1)
    assert limit[nf.NFTA_LIMIT_TYPE] == bytes(4), "packets, not bytes"


def test_a_limit_of_another_program_is_foreign() -> None:
    code = encode_rule(Rule((RateLimit(10),), RuleVerdict.RETURN))
    ten, one = (number.to_bytes(8, "big") for number in (10, 1))
    assert decode_rule(code.replace(one, (60).to_bytes(8, "big"))) != Rule((RateLimit(10),), RuleVerdict.RETURN)
    assert decode_rule(code.replace(ten, (11).to_bytes(8, "big"))) != Rule((RateLimit(10),), RuleVerdict.RETURN)


def test_another_comparison_of_the_protocol_is_foreign() -> None:
    """`meta l4proto != tcp` accepts what `meta l4proto tcp` does not."""
    code = encode_rule(Rule((ProtocolIs(6),), RuleVerdict.ACCEPT))
    equal, unequal = (uint32(nf.NFTA_CMP_OP, operator) for operator in (nf.NFT_CMP_EQ, nf.NFT_CMP_NEQ))
    assert equal in code
    changed = code.replace(equal, unequal)
    assert decode_rule(changed) == ForeignRule(changed)


def test_a_class_with_an_identifier_of_another_length_is_foreign() -> None:
    code = encode_rule(Rule((ClassLookup(IDENTIFIER[:4], (Field.PROTOCOL, Field.PORT), "set"),), RuleVerdict.RETURN))
    assert decode_rule(code) == ForeignRule(code)


def test_a_constant_in_another_register_is_no_verdict() -> None:
    """If it were read as a verdict, the number 0 would be a drop."""
    code = encode_rule(Rule((ClassLookup(bytes(16), (Field.PROTOCOL, Field.PORT), "set"),), RuleVerdict.RETURN))
    constant = next(nested(type, value) for type, value in each_attribute(code) if b"immediate" in value)
    assert decode_rule(constant) == ForeignRule(constant)


def test_a_log_with_another_length_of_copies_is_foreign() -> None:
    code = encode_rule(Rule((), Log(77, "x")))
    length = uint32(nf.NFTA_LOG_SNAPLEN, LOGGED_BYTES)
    assert length in code
    changed = code.replace(length, uint32(nf.NFTA_LOG_SNAPLEN, 16))
    assert decode_rule(changed) == ForeignRule(changed)
