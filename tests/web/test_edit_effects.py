"""The rows from which the map of the edits is drawn, against the pairs that the edits change."""

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.lists.test_folded_lists import random_connections

from ringfence.analysis.differences import ConnectionChange
from ringfence.analysis.lists import Connection
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import NO_TRAFFIC
from ringfence.web.edit_effects import _rows


@given(random_connections, st.sampled_from(list(ConnectionChange)))
def test_the_rows_are_exactly_the_connections(found: list[Connection], kind: ConnectionChange) -> None:
    said = []
    for row in _rows(kind, found):
        assert row.kind is kind
        drawn = (NO_TRAFFIC, row.traffic) if kind is ConnectionChange.OPENED else (row.traffic, NO_TRAFFIC)
        assert (row.before, row.after) == drawn
        for source in [row.sources] if isinstance(row.sources, Addresses) else row.sources:
            ends = row.destinations
            for destination in [ends] if isinstance(ends, Addresses) else ends:
                said.append(Connection(source, destination, row.traffic))
    assert sorted(map(str, said)) == sorted(map(str, found))
