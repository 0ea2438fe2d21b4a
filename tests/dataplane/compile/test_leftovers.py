"""Leftovers of large chains are removed in an order that the kernel accepts."""

from ringfence.dataplane.compile.leftovers import Leftovers
from ringfence.dataplane.compile.profile_chains import ProfileChain
from ringfence.dataplane.program import (
    PORT,
    Chain,
    Field,
    Goto,
    Lookup,
    Program,
    RangeMap,
    RangeSet,
    Rule,
    RuleVerdict,
    port_key,
)

PORTS = RangeSet(PORT, frozenset([(port_key(80), port_key(80))]))
END = Chain((Rule((Lookup((Field.PORT,), "ports"),), RuleVerdict.ACCEPT),))
PART = Chain((Rule((), Goto("end")),))
LEADING_TO_PARTS = RangeMap(
    PORT, {"part": frozenset([(port_key(1), port_key(9))]), "end": frozenset([(port_key(10), port_key(19))])}
)
SHARED = Program({"ports": PORTS}, {"part": PART, "end": END})
"""What a small chain needs as well."""
PRESENT = SHARED.changed({"map": LEADING_TO_PARTS}, {})


def everything_left() -> Leftovers:
    """The leftovers of a chain that is no longer needed."""
    left = Leftovers()
    large = ProfileChain(Chain(()), {"map": LEADING_TO_PARTS, "ports": PORTS}, {}, {}, {"part": PART, "end": END})
    left.expect("large", "x", large)
    left.keep(set())
    return left


def test_parts_shared_with_a_small_chain_are_left_when_that_chain_is_removed_first() -> None:
    left = everything_left()
    assert left.added_to(SHARED, PRESENT) == PRESENT, "the map is left, and what it leads to is needed anyway"
    assert left.added_to(Program(), PRESENT) == PRESENT
    for remaining in ({"part", "end", "ports"}, {"end", "ports"}, {"ports"}, set()):
        left.reduce(1, lambda namespace: True)
        held = left.added_to(Program(), PRESENT)
        assert held.collections.keys() | held.chains.keys() == remaining
