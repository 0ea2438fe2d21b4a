"""The definitions of cluster policies are those of their project, and the API server serves their kinds."""

import json

import pytest

from .control_plane import ControlPlane
from .policy_definitions import GROUP, VERSIONS, install, path_of, remove


@pytest.mark.parametrize("channel", ["standard", "experimental"])
def test_the_kinds_of_a_channel_are_served(channel: str, request: pytest.FixtureRequest) -> None:
    server: ControlPlane = request.getfixturevalue(f"{channel}_server")
    for resource, version in VERSIONS.items():
        definition = json.loads(server.kubectl("get", "crd", f"{resource}.{GROUP}", "-o", "json").stdout)
        assert definition["metadata"]["annotations"][f"{GROUP}/channel"] == channel
        assert [served["name"] for served in definition["spec"]["versions"]] == [version]
        assert server.request("GET", path_of(resource)).status == 200


def test_definitions_can_be_removed_and_come_back(own_api_server: ControlPlane, policy_definitions: None) -> None:
    install(own_api_server, "standard")
    remove(own_api_server)
    install(own_api_server, "experimental")
