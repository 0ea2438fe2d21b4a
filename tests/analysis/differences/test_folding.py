"""Equal changes in few rows: the same pairs, none twice, and never more rows than by sources or by destinations."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.analysis.differences.folding import FoldedCell, fold
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC

_pairs = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20)


def rows(pairs: set[tuple[int, int]]) -> list[FoldedCell]:
    return fold(
        FoldedCell("opened", ALL_TRAFFIC, NO_TRAFFIC, ALL_TRAFFIC, (), 1 << source, 1 << destination)
        for source, destination in pairs
    )


def shown(found: list[FoldedCell]) -> list[tuple[int, int]]:
    return [(s, d) for row in found for s in range(6) for d in range(6) if row.sources >> s & row.destinations >> d & 1]


@given(_pairs)
def test_rows_are_the_pairs_each_once_and_few(pairs: set[tuple[int, int]]) -> None:
    found = rows(pairs)
    assert sorted(shown(found)) == sorted(pairs)
    sources = {frozenset(d for s, d in pairs if s == one) for one, _ in pairs}
    destinations = {frozenset(s for s, d in pairs if d == one) for _, one in pairs}
    assert len(found) <= min(len(sources), len(destinations))


def test_parts_that_have_nothing_in_common_are_folded_each_in_its_way() -> None:
    by_source = {(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 3)}
    by_destination = {(3, 4), (4, 4), (3, 5), (5, 5)}
    assert len(rows(by_source)) == 3
    assert len(rows(by_source | by_destination)) == 5


def test_the_largest_rectangle_comes_first_where_that_is_fewer_rows() -> None:
    masks = [(10, 44), (44, 47), (29, 38), (5, 54)]
    pairs = {(s, d) for some, ends in masks for s in range(6) for d in range(6) if some >> s & ends >> d & 1}
    assert len(rows(pairs)) == 4
