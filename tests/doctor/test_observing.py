"""What `doctor` reads of a cluster, if an object has an unexpected form or the connection is lost."""

from pathlib import Path
from typing import Any

import pytest

from ringfence.doctor.observing import observe
from ringfence.errors import LiveClusterError
from tests.sources.cluster.fake_api_server import Answer, connections_to, list_of, refuse, say, serving

LISTS: tuple[Answer, ...] = (list_of(),) * 4
"""No DaemonSets, Nodes, ClusterRoles or ClusterRoleBindings. Single objects are read next."""


def lose_connection(handler: Any) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(refuse(403, "you may not get it"), "you may not get it", id="refused"),
        pytest.param(say(b'{"data": "no map"}'), "is not a valid answer", id="of another form"),
    ],
)
def test_an_object_that_cannot_be_read_is_unseen(tmp_path: Path, answer: Answer, words: str) -> None:
    with serving(*LISTS, answer, refuse(404, "not found")) as server:
        found = observe(connections_to(server.url, tmp_path))
    reasons = {one.what: one.reason for one in found.unseen}
    assert words in reasons[server.asked[len(LISTS)].path]


def test_a_lost_connection_ends_the_reading(tmp_path: Path) -> None:
    """What was not read is not missing from the cluster: a report would be wrong."""
    with (
        serving(*LISTS, *(lose_connection,) * 5) as server,
        pytest.raises(LiveClusterError, match="cannot be reached"),
    ):
        observe(connections_to(server.url, tmp_path))
