"""The union of pairs of number sets as layers: the combinations are the same, and the size is linear in the pairs."""

from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.compile import division
from ringfence.dataplane.compile.division import FIRST, SECOND, Layer, Pair, TooComplex, layers_of
from ringfence.sets import intervals
from ringfence.sets.intervals import Intervals
from ringfence.steps import finish

EVERYTHING = (0, (1 << 32) - 1)

numbers = st.integers(0, 9)
sets = st.lists(st.tuples(numbers, numbers).map(sorted).map(tuple), min_size=1, max_size=3).map(
    lambda some: intervals.normalise(some)  # type: ignore[arg-type]
)
pairs = st.lists(st.tuples(sets, sets), max_size=6)


def combinations_of(some: list[Pair]) -> set[tuple[int, int]]:
    """All combinations that at least one of the pairs contains."""
    return {
        (one, other)
        for first, second in some
        for one in range(10)
        for other in range(10)
        if intervals.contains(first, one) and intervals.contains(second, other)
    }


def pairs_in(layer: Layer) -> list[Pair]:
    return [
        (one.members, one.contents) if layer.side == FIRST else (one.contents, one.members) for one in layer.classes
    ]


def check(some: list[Pair]) -> None:
    layers = finish(layers_of(some))
    assert combinations_of([pair for layer in layers for pair in pairs_in(layer)]) == combinations_of(some)
    for layer in layers:
        for one, other in combinations(layer.classes, 2):
            assert not intervals.intersection(one.members, other.members)
            assert one.contents != other.contents


@given(pairs)
def test_layers_have_the_combinations_of_the_pairs(some: list[Pair]) -> None:
    check(some)


@given(pairs, st.integers(2, 4))
def test_pairs_that_do_not_fit_into_a_layer_go_to_further_ones(some: list[Pair], growth: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "_ALWAYS", 0)
        patch.setattr(division, "_GROWTH", growth)
        patch.setattr(division, "MOST_LAYERS", 100)
        check(some)


def test_no_pairs_need_no_layer() -> None:
    assert finish(layers_of([])) == []


# --- sizes ------------------------------------------------------------------------------------------------------------


def block(number: int, length: int = 24) -> tuple[int, int]:
    """A CIDR block. Blocks with different numbers do not overlap."""
    first = number << 8
    return first, first + (1 << (32 - length)) - 1


def without(address: int) -> Intervals:
    """All addresses except one."""
    return intervals.difference((EVERYTHING,), ((address, address),))


def one_port(port: int) -> Intervals:
    return ((port, port),)


def nested(count: int) -> list[Pair]:
    """Nested blocks of all prefix lengths, each with its own port."""
    levels = count.bit_length()
    return [
        (((number << (level + 8), ((number + 1) << (level + 8)) - 1),), one_port(2 * (number + (1 << level))))
        for level in range(levels)
        for number in range(count >> (level + 1))
    ]


SHAPES: dict[str, Callable[[int], list[Pair]]] = {
    "one rule with many blocks and many ports": lambda n: [
        (tuple(block(2 * i) for i in range(n)), tuple((2 * i, 2 * i) for i in range(n)))
    ],
    "single addresses, each with a port": lambda n: [(((i, i),), one_port(i)) for i in range(0, 2 * n, 2)],
    "blocks, each with a range of ports": lambda n: [((block(i),), ((1, 2 * i + 1),)) for i in range(n)],
    "all addresses but one, each with a port": lambda n: [(without(256 * i), one_port(2 * i)) for i in range(n)],
    "policies with five blocks and a port": lambda n: [
        (tuple(block(10 * i + 2 * j) for j in range(5)), one_port(2 * i)) for i in range(n)
    ],
    "rules with forty blocks and forty ports": lambda n: [
        (
            tuple(block(100 * i + 2 * j) for j in range(40)),
            tuple((80 * i % 9999 + 2 * j, 80 * i % 9999 + 2 * j) for j in range(40)),
        )
        for i in range(n // 40)
    ],
    "rules that share their blocks and have ports of their own": lambda n: [
        (tuple(block(2 * ((7 * i + 11 * j) % 97)) for j in range(5)), one_port(2 * i)) for i in range(n)
    ],
    "blocks that are nested": nested,
    "wide blocks with a port each, and narrow ones with a range of ports each": lambda n: [
        *((((256 * i, EVERYTHING[1]),), one_port(40_000 + 2 * i)) for i in range(n)),
        *(((block(i),), ((1, 20_000 + i),)) for i in range(n)),
    ],
}


def total(some: list[Pair]) -> int:
    return sum(len(first) + len(second) for first, second in some)


@pytest.mark.repeats_lines
@pytest.mark.parametrize("shape", SHAPES)
def test_the_size_is_linear_in_the_pairs(shape: str) -> None:
    for count in (400, 1_600, 6_400):
        some = [(intervals.normalise(first), intervals.normalise(second)) for first, second in SHAPES[shape](count)]
        written = sum(total(pairs_in(layer)) for layer in finish(layers_of(some)))
        assert written <= 10 * total(some)


def test_most_policies_are_one_layer() -> None:
    for shape in list(SHAPES)[:-1]:
        assert len(finish(layers_of(SHAPES[shape](400)))) == 1


def test_the_side_that_divides_the_pairs_better_is_chosen() -> None:
    """Distinct ports divide rules about nearly all addresses; distinct blocks divide rules about ranges."""
    excepts, ranges = (SHAPES[name](1_600) for name in list(SHAPES)[3:1:-1])
    assert [layer.side for layer in finish(layers_of(excepts))] == [SECOND]
    assert [layer.side for layer in finish(layers_of(ranges))] == [FIRST]


# --- limits -----------------------------------------------------------------------------------------------------------


def test_pairs_that_overlap_too_much_on_both_sides_are_refused() -> None:
    """Every address is in half of the 5,000 pairs, each with other ports."""
    some: list[Pair] = [(((10 * i, 10 * i + 25_000),), ((7 * i, 7 * i + 3_000),)) for i in range(5_000)]
    with pytest.raises(TooComplex, match="overlap both in addresses and in ports"):
        finish(layers_of(some))


def test_too_many_ranges_are_refused() -> None:
    count = division.MOST_RANGES
    many = tuple((2 * i, 2 * i) for i in range(count))
    with pytest.raises(TooComplex, match="250,001 ranges of addresses and ports, more than 250,000"):
        finish(layers_of([(many, one_port(1))]))
