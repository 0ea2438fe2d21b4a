"""The questions that tests ask of a state that changes."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod

from ringfence.errors import EndpointError
from ringfence.testing.asking import Asking


def test_what_a_text_names_is_found_anew_after_a_change() -> None:
    """A test file and a page in the browser ask the same state before and after an edit."""
    cluster = cluster_of([pod("x/old", {"app": "web"})])
    asking = Asking(cluster.state, "x")
    (before,) = asking.alternatives("app=web", None)
    assert asking.alternatives("app=web", None) == (before,)
    cluster.upsert(pod("x/new", {"app": "web"}))
    (after,) = asking.alternatives("app=web", None)
    assert {str(one) for one in after.ends} == {"x/old", "x/new"}
    cluster.remove("Pod", "x", "new")
    cluster.remove("Pod", "x", "old")
    with pytest.raises(EndpointError):
        asking.alternatives("app=web", None)
