"""The definitions of cluster policies on a real API server, as their project publishes them.

    install(server, "experimental")

There are two channels. The fields of the standard channel are a subset of those of the experimental channel.
"""

from http import HTTPStatus
from typing import Final

from . import parts
from .control_plane import ControlPlane
from .server import wait_until

GROUP: Final = "policy.networking.k8s.io"
VERSIONS: Final = {
    "clusternetworkpolicies": "v1alpha2",
    "adminnetworkpolicies": "v1alpha1",
    "baselineadminnetworkpolicies": "v1alpha1",
}
"""The version of each resource."""


def path_of(resource: str) -> str:
    """Where the API server serves the policies of a kind."""
    return f"/apis/{GROUP}/{VERSIONS[resource]}/{resource}"


def install(server: ControlPlane, channel: str) -> None:
    """Create the definitions of a channel, or replace those of the other. Return when the kinds are served.

    Where definitions are replaced, the server may still check policies against the former ones for a moment.
    """
    files = [f"--filename={file}" for file in parts.definitions(channel)]
    assert files, f"the definitions are missing: `{parts.BUILD_COMMAND}` fetches them first"
    server.kubectl("apply", "--server-side", "--force-conflicts", *files)
    # A definition is established before its resource is served.
    wait_until(lambda: all(_is_served(server, resource) for resource in VERSIONS), "the kinds are served")


def remove(server: ControlPlane) -> None:
    """Delete the definitions with all policies of these kinds. Return when the kinds are no longer served."""
    server.kubectl("delete", "customresourcedefinitions", *(f"{resource}.{GROUP}" for resource in VERSIONS))
    wait_until(lambda: not any(_is_served(server, resource) for resource in VERSIONS), "the kinds are not served")


def _is_served(server: ControlPlane, resource: str) -> bool:
    return server.request("GET", path_of(resource)).status == HTTPStatus.OK
