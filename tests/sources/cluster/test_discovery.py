"""Which custom resources a server has: found by its own description of its API, which is asked for once."""

from pathlib import Path

import pytest

from ringfence.sources.cluster.discovery import Discovery
from ringfence.sources.cluster.responses import ApiStatusError

from .fake_api_server import connections_to, refuse, serving
from .test_unread_policies import groups, resources


def test_the_first_version_that_has_a_resource(tmp_path: Path) -> None:
    answers = groups("example.com/v2,v1", "apps/v1"), resources("others"), resources("things", "things/status")
    with serving(*answers) as server, connections_to(server.url, tmp_path).client() as client:
        discovery = Discovery(client)
        assert discovery.version_of("example.com", "things") == "example.com/v1"
        assert discovery.version_of("example.com", "others") == "example.com/v2"
        assert discovery.version_of("example.com", "missing") is None
        assert discovery.version_of("absent.example.com", "things") is None
    assert [asked.path for asked in server.asked] == ["/apis", "/apis/example.com/v2", "/apis/example.com/v1"]


def test_a_server_without_groups_has_no_custom_resources(tmp_path: Path) -> None:
    with serving(refuse(404, "not found")) as server, connections_to(server.url, tmp_path).client() as client:
        assert Discovery(client).version_of("example.com", "things") is None


def test_a_refusal_is_raised(tmp_path: Path) -> None:
    with (
        serving(refuse(403, "no")) as server,
        connections_to(server.url, tmp_path).client() as client,
        pytest.raises(ApiStatusError, match="no"),
    ):
        Discovery(client).version_of("example.com", "things")
