"""Blocks with exceptions: exactly the set, in as few CIDRs as there are, against a search of all routing tables."""

from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from ringfence.sets import intervals
from ringfence.sets.address_blocks import CidrBlock, Prefix, blocks
from ringfence.sets.addresses import WHOLE, Family
from ringfence.sets.intervals import Interval, Intervals

NUMBERS_4 = st.sampled_from([0, 1, 7, 8, 1 << 24, (1 << 24) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])
RANGES_4 = st.lists(st.builds(lambda a, b: (min(a, b), max(a, b)), NUMBERS_4, NUMBERS_4), max_size=4).map(
    intervals.normalise
)

BITS = 3
SMALL: Interval = (0, 7)
PREFIXES: list[Prefix] = [
    (low, length) for length in range(BITS + 1) for low in range(0, 1 << BITS, 1 << BITS - length)
]


def span(prefix: Prefix, bits: int) -> Interval:
    low, length = prefix
    return low, low + (1 << bits - length) - 1


def covered(block: CidrBlock, bits: int) -> Intervals:
    return intervals.difference(
        (span(block.prefix, bits),), intervals.normalise(span(one, bits) for one in block.exceptions)
    )


def total(found: tuple[CidrBlock, ...]) -> int:
    return sum(1 + len(block.exceptions) for block in found)


@given(RANGES_4)
def test_the_blocks_together_are_exactly_the_set(ranges: Intervals) -> None:
    found = blocks(ranges, WHOLE[Family.IPV4])
    assert intervals.normalise(part for block in found for part in covered(block, 32)) == ranges
    assert list(found) == sorted(found)


@given(RANGES_4)
def test_every_exception_lies_in_its_block(ranges: Intervals) -> None:
    for block in blocks(ranges, WHOLE[Family.IPV4]):
        low, high = span(block.prefix, 32)
        for exception in block.exceptions:
            assert low <= span(exception, 32)[0] <= span(exception, 32)[1] <= high


def test_no_routing_table_has_fewer_routes() -> None:
    """All sets of eight addresses, against all tables with fewer routes: none of them gives the same set."""
    fewest: dict[Intervals, int] = {}
    for count in range(5):
        for table in combinations(PREFIXES, count):
            for inside in product((True, False), repeat=count):
                routes = sorted(zip(table, inside, strict=True), key=lambda route: route[0][1])
                members = [any_route(address, routes) for address in range(1 << BITS)]
                ranges = intervals.normalise((number, number) for number, is_in in enumerate(members) if is_in)
                fewest.setdefault(ranges, count)
    assert len(fewest) == 1 << (1 << BITS)
    for ranges, count in fewest.items():
        assert total(blocks(ranges, SMALL)) == count, ranges


def any_route(address: int, routes: list[tuple[Prefix, bool]]) -> bool:
    """Whether the route with the longest prefix, which is the last in `routes`, leads to the set."""
    inside = False
    for prefix, is_in in routes:
        low, high = span(prefix, BITS)
        if low <= address <= high:
            inside = is_in
    return inside


def test_between_equally_few_cidrs_those_without_exceptions_are_written() -> None:
    assert blocks(((2, 7),), SMALL) == (CidrBlock((2, 2)), CidrBlock((4, 1)))


def test_an_exception_with_addresses_in_it_can_be_shorter_than_the_blocks_around_it() -> None:
    """All but 0-7, and of these 0 and 4: four routes. The parts around the exception alone would be three blocks."""
    found = blocks(((0, 0), (4, 4), (8, 63)), (0, 63))
    assert found == (CidrBlock((0, 0), ((0, 3),)), CidrBlock((0, 6)), CidrBlock((4, 6)))
