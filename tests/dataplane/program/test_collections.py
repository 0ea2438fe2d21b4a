"""Sets and maps, as the kernel looks into them."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.program import ADDRESS, FLOW, HashSet, Move, RangeSet, VerdictMap, differing, moves_between
from ringfence.dataplane.program.keys import address_key, flow_key
from ringfence.sets.addresses import Family

V4 = Family.IPV4
small = st.integers(0, 12)
spans = st.tuples(small, small).map(lambda pair: (min(pair), max(pair)))
maps = st.dictionaries(st.sampled_from("abc"), st.frozensets(small, min_size=1), max_size=3)


def key(address: int) -> bytes:
    return address_key(V4, address)


@given(st.lists(spans, max_size=4), small)
def test_a_range_contains_its_borders_and_what_lies_between(some: list[tuple[int, int]], address: int) -> None:
    disjoint = [span for i, span in enumerate(some) if all(span[0] > o[1] or span[1] < o[0] for o in some[:i])]
    ranges = RangeSet(ADDRESS[V4], frozenset((key(low), key(high)) for low, high in disjoint))
    assert ranges.contains(key(address)) is any(low <= address <= high for low, high in disjoint)


@given(st.lists(st.tuples(spans, spans), max_size=4), small, small)
def test_a_range_of_several_parts_contains_what_lies_in_each(
    boxes: list[tuple[tuple[int, int], tuple[int, int]]], address: int, port: int
) -> None:
    """Wide ranges in front of narrow ones do not hide these."""
    ranges = RangeSet(
        FLOW[V4],
        frozenset((flow_key(key(low), 6, first), flow_key(key(high), 6, last)) for (low, high), (first, last) in boxes),
    )
    expected = any(low <= address <= high and first <= port <= last for (low, high), (first, last) in boxes)
    assert ranges.contains(flow_key(key(address), 6, port)) is expected
    assert not ranges.contains(flow_key(key(address), 17, port))


def verdict_map(elements: dict[str, frozenset[int]]) -> VerdictMap:
    """Each address in the last of the chains that claim it."""
    chains = {address: chain for chain, addresses in elements.items() for address in addresses}
    return VerdictMap(ADDRESS[V4]).moved(Move(key(address), None, chain) for address, chain in chains.items())


@given(maps, maps)
def test_moves_lead_from_one_map_to_another_and_are_as_few_as_can_be(
    before: dict[str, frozenset[int]], after: dict[str, frozenset[int]]
) -> None:
    old, new = verdict_map(before), verdict_map(after)
    moves = moves_between(old, new)
    assert old.moved(moves) == new
    assert all(old.chain_of(move.key) == move.old != move.new == new.chain_of(move.key) for move in moves)
    assert all(new.elements.values()), "no chain has an empty set"


def test_a_map_keeps_its_goto_as_long_as_it_has_keys() -> None:
    """The kernel keeps it with each element: a map without elements is read back as one that jumps."""
    both = VerdictMap(ADDRESS[V4], {"a": frozenset({key(1), key(2)})}, goto=True)
    one = both.moved([Move(key(1), "a", None)])
    assert one.goto
    assert not one.moved([Move(key(2), "a", None)]).goto


def test_what_differs_is_new_or_another_object_and_what_is_gone_is_not_named() -> None:
    same, one, other = HashSet(ADDRESS[V4]), HashSet(ADDRESS[V4], frozenset({key(1)})), HashSet(ADDRESS[V4])
    old, new = {"same": same, "changed": one, "gone": one}, {"same": same, "changed": other, "new": one}
    assert list(differing(old, new)) == [("changed", one, other), ("new", None, one)]
    assert list(differing(old, old)) == []
