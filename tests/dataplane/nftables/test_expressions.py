"""Rules are read from expressions as they were written to them; anything else is a foreign rule."""

import pytest

from ringfence.dataplane.nftables.expressions import decode_rule, encode_rule
from ringfence.dataplane.program import (
    DENIED_PREFIX,
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
from ringfence.model.policies import Direction
from ringfence.netlink.codec import each_attribute, nested
from ringfence.sets.addresses import FAMILIES

CONDITIONS: list[Condition] = [
    Established(),
    NeighbourDiscovery(),
    OverLoopback(),
    FromNode(),
    RateLimit(10),
    ProtocolIs(6),
    *(Lookup((field,), "set", absent) for field in Field for absent in (False, True)),
    *(Lookup((SOURCE[family], DESTINATION[family]), "set") for family in FAMILIES),
    *(Lookup((end[family], Field.PROTOCOL, Field.PORT), "set") for family in FAMILIES for end in (SOURCE, DESTINATION)),
]
ACTIONS: list[Action] = [
    *RuleVerdict,
    Goto("chain"),
    Log(77, DENIED_PREFIX[Direction.INGRESS]),
    *(Dispatch(end[family], "map") for family in FAMILIES for end in (SOURCE, DESTINATION)),
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_condition(condition: Condition) -> None:
    rule = Rule((condition,), RuleVerdict.RETURN)
    assert decode_rule(encode_rule(rule)) == rule


@pytest.mark.parametrize("action", ACTIONS, ids=str)
def test_action(action: Action) -> None:
    rule = Rule((), action)
    assert decode_rule(encode_rule(rule)) == rule


@pytest.mark.parametrize("action", ACTIONS, ids=str)
def test_conditions_in_a_row(action: Action) -> None:
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
