"""What matrices and maps show, with pods that no policy tells apart listed once, as if all of them were listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.analysis.lists import folded_views
from ringfence.analysis.lists.connection_filters import ALL_CONNECTIONS
from ringfence.analysis.lists.folded_views import BY_POD, BY_WORKLOAD, FoldedView, graph_view

Shown = dict[tuple[object, object], object]


def shown(view: FoldedView) -> tuple[tuple[object, ...], Shown]:
    """The classes of a view, and what passes between them and the outside."""
    found, cells = view.found, Shown()
    for source in found.sources:
        for destination in found.destinations:
            one = found.between(source, destination)
            cells[source, destination] = one and (one.traffic, one.is_partial)
        cells[source, None] = [(one.destination, one.traffic) for one in found.outgoing(source)]
    for destination in found.destinations:
        cells[None, destination] = [(one.source, one.traffic) for one in found.incoming(destination)]
    return found.classes, cells


@given(strategies.clusters(), st.sampled_from([BY_WORKLOAD, BY_POD]))
def test_listing_pods_once_that_no_policy_tells_apart_changes_nothing(objects: list[Object], by: str) -> None:
    state = cluster_of(objects).state
    views = []
    for many in (0, 1_000_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folded_views, "_MANY", many)
            views.append(shown(graph_view(state, ALL_CONNECTIONS, by)))
    assert views[0] == views[1]
