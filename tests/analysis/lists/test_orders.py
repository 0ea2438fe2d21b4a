"""The order of rows and columns: nothing but the order changes, and what it is about comes first."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.lists.test_folded_lists import PODS, SETS, random_connections

from ringfence.analysis.lists import FoldedList, MatrixOrder, folded, ordered
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.folded_lists import Folding
from ringfence.engine.population import Reference
from ringfence.render.matrix import is_wide
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

HTTP, DNS = Traffic.of("TCP", ((80, 80),)), Traffic.of("UDP", ((53, 53),))
ENDS = PODS + SETS


def listed(found: list[Connection], ends: list[Reference]) -> FoldedList:
    """The connections between classes that are within namespaces; none are joined."""
    return folded(ends, ends, found, folding=Folding(least=len(ends) + 1, within_namespaces=True))


def names(found: FoldedList) -> list[str]:
    return [found.classes[place][0].name for place in found.destinations]


@given(random_connections, st.sampled_from(MatrixOrder))
def test_an_order_changes_no_cell_and_keeps_namespaces_together(found: list[Connection], order: MatrixOrder) -> None:
    before = listed(found, ENDS)
    rows = [before.row(source) for source in before.sources]  # what is remembered of the old order must not be used
    after = ordered(before, order)
    assert sorted(after.sources) == before.sources
    assert after.sources == after.destinations
    assert after.classes == before.classes
    for source in after.sources:
        assert after.row(source) == tuple(
            before.row(source)[before.destinations.index(destination)] for destination in after.destinations
        )
    assert [before.row(source) for source in before.sources] == rows
    spaces = [after.classes[place][0].namespace for place in after.sources]
    assert len(list(groupby(spaces))) == len(set(spaces))
    assert ordered(before, order).sources == after.sources


@given(random_connections)
def test_by_exposure_no_member_of_a_namespace_is_more_exposed_than_the_one_before(found: list[Connection]) -> None:
    after = ordered(listed(found, ENDS), MatrixOrder.EXPOSURE)
    exposed = {
        place: (
            any(is_wide(one.source) for one in after.incoming(place)),
            sum(source != place and after.between(source, place) is not None for source in after.sources)
            + len(after.incoming(place)),
        )
        for place in after.destinations
    }
    for _, places in groupby(after.destinations, lambda place: after.classes[place][0].namespace):
        ranks = [exposed[place] for place in places]
        assert ranks == sorted(ranks, reverse=True)


def test_the_namespace_of_the_most_exposed_comes_first() -> None:
    ends = [Reference(space, "Deployment", name) for space, name in ("aa", "ab", "zx", "zy")]
    found = [
        Connection(ALL_ADDRESSES, ends[3], HTTP),
        *(Connection(one, ends[1], DNS) for one in ends if one != ends[1]),
    ]
    assert names(ordered(listed(found, ends), MatrixOrder.EXPOSURE)) == ["y", "x", "b", "a"]


def test_those_with_the_same_connections_are_beside_each_other() -> None:
    webs = [Reference("shop", "Deployment", name) for name in ("a", "c", "e")]
    batches = [Reference("shop", "Deployment", name) for name in ("b", "d", "f")]
    db, mail = Reference("out", "Deployment", "db"), Reference("out", "Deployment", "mail")
    found = [Connection(one, db, HTTP) for one in webs] + [Connection(one, mail, ALL_TRAFFIC) for one in batches]
    made = listed(found, [*webs, *batches, db, mail])
    assert names(made) == ["db", "mail", "a", "b", "c", "d", "e", "f"]
    assert names(ordered(made, MatrixOrder.LIKENESS)) == ["db", "mail", "a", "c", "e", "b", "d", "f"]


@pytest.mark.parametrize("order", MatrixOrder)
def test_a_list_of_nothing_has_every_order(order: MatrixOrder) -> None:
    assert ordered(listed([], []), order).sources == []
