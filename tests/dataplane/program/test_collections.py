"""Sets and maps, with the lookups that the kernel does in them."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.program import (
    ADDRESS,
    TRAFFIC,
    HashSet,
    Move,
    RangeMap,
    RangeSet,
    VerdictMap,
    address_key,
    differing,
    moves_between,
    traffic_key,
)
from ringfence.sets.addresses import Family

V4 = Family.IPV4
small = st.integers(0, 12)
spans = st.tuples(small, small).map(lambda pair: (min(pair), max(pair)))
maps = st.dictionaries(st.sampled_from("abc"), st.frozensets(small, min_size=1), max_size=3)


def key(address: int) -> bytes:
    return address_key(V4, address)


@given(st.lists(spans, max_size=4), small)
def test_a_range_contains_its_borders_and_what_lies_between(some: list[tuple[int, int]], address: int) -> None:
    separate = [span for _, span in disjoint([(0, span) for span in some])]
    ranges = RangeSet(ADDRESS[V4], frozenset((key(low), key(high)) for low, high in separate))
    assert ranges.contains(key(address)) is any(low <= address <= high for low, high in separate)


@given(st.lists(st.tuples(small, spans), max_size=4), small, small)
def test_a_range_of_keys_of_several_parts_has_the_first_ones_in_common(
    some: list[tuple[int, tuple[int, int]]], protocol: int, port: int
) -> None:
    ranges = RangeSet(
        TRAFFIC, frozenset((traffic_key(one, low), traffic_key(one, high)) for one, (low, high) in disjoint(some))
    )
    expected = any(one == protocol and low <= port <= high for one, (low, high) in disjoint(some))
    assert ranges.contains(traffic_key(protocol, port)) is expected


def disjoint(some: list[tuple[int, tuple[int, int]]]) -> list[tuple[int, tuple[int, int]]]:
    """The ranges that overlap no range before them."""
    return [
        (one, (low, high))
        for i, (one, (low, high)) in enumerate(some)
        if all(one != other or low > last or high < first for other, (first, last) in some[:i])
    ]


@given(st.lists(spans, max_size=4), small)
def test_a_map_of_ranges_leads_to_the_chain_of_the_range_that_contains_a_key(
    some: list[tuple[int, int]], address: int
) -> None:
    chains = {f"chain_{i}": span for i, (_, span) in enumerate(disjoint([(0, span) for span in some]))}
    ranges = RangeMap(ADDRESS[V4], {name: frozenset({(key(low), key(high))}) for name, (low, high) in chains.items()})
    expected = next((name for name, (low, high) in chains.items() if low <= address <= high), None)
    assert ranges.chain_of(key(address)) == expected


def verdict_map(elements: dict[str, frozenset[int]]) -> VerdictMap:
    """A map from each address to the last of the chains that claim it."""
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
    """The kernel stores it with each element: a map without elements is read back as a map of jumps."""
    both = VerdictMap(ADDRESS[V4], {"a": frozenset({key(1), key(2)})}, goto=True)
    one = both.moved([Move(key(1), "a", None)])
    assert one.goto
    assert not one.moved([Move(key(2), "a", None)]).goto


def test_collections_that_differ_are_new_or_other_objects_and_those_that_are_gone_are_left_out() -> None:
    same, one, other = HashSet(ADDRESS[V4]), HashSet(ADDRESS[V4], frozenset({key(1)})), HashSet(ADDRESS[V4])
    old, new = {"same": same, "changed": one, "gone": one}, {"same": same, "changed": other, "new": one}
    assert list(differing(old, new)) == [("changed", one, other), ("new", None, one)]
    assert list(differing(old, old)) == []
