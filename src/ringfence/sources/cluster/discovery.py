"""Which kinds of custom resources a server has, and in which versions: those that have a definition (CRD).

Every user may ask for it. A list request does not show it: the server refuses a user who may not list the kind before
it checks whether it has the kind.

Source: kubernetes.io, "The Kubernetes API", "Discovery API".
"""

from functools import cache, cached_property

import httpx2
import msgspec

from ringfence.model.kinds import Kind
from ringfence.sources.cluster.responses import ApiStatusError, get_document


class _ApiVersion(msgspec.Struct, frozen=True, rename="camel"):
    """`group/version`, as in an `apiVersion`."""

    group_version: str = ""


class _ApiGroup(msgspec.Struct, frozen=True):
    """An API group and its versions, the preferred one first."""

    name: str = ""
    versions: tuple[_ApiVersion, ...] = ()


class _ApiGroups(msgspec.Struct, frozen=True):
    """What `/apis` answers (`APIGroupList` of meta/v1)."""

    groups: tuple[_ApiGroup, ...] = ()


class _ApiResource(msgspec.Struct, frozen=True):
    """A resource, by its plural."""

    name: str = ""


class _ApiResources(msgspec.Struct, frozen=True):
    """What `/apis/GROUP/VERSION` answers (`APIResourceList` of meta/v1)."""

    resources: tuple[_ApiResource, ...] = ()


class Discovery:
    """The groups of a server, asked for once, and the resources of those that are asked about.

    Raises ApiStatusError if the server refuses to answer, LiveClusterError if it cannot be reached or understood.
    """

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        # Caches of this object. A cache of the methods would be shared by all servers, and would keep the clients
        # alive.
        self._resources = cache(self._find_resources)
        self._versions = cache(self._find_versions)

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The versions of each group, the preferred one first, as in an `apiVersion`."""
        try:
            found = get_document(self._client, "/apis", _ApiGroups)
        except ApiStatusError as error:
            if error.code == httpx2.codes.NOT_FOUND:
                return {}
            raise
        return {group.name: tuple(one.group_version for one in group.versions) for group in found.groups}

    def version_of(self, group: str, plural: str) -> str | None:
        """The first version of a group that has a resource; None if the server does not have the resource."""
        versions = self.groups.get(group, ())
        return next((version for version in versions if plural in self._resources(version)), None)

    def served_version(self, kind: Kind) -> str | None:
        """The `apiVersion` under which the server has a kind, one of those that are read if it has any of them.

        None if the server does not have the kind. Only its group is asked for: while a server starts, its list of all
        groups may lack some, and what it has under a path is answered with 503.
        """
        # sorted() is stable: among known versions, and among others, the server's order of preference stays.
        versions = sorted(self._versions(kind.group), key=lambda version: version not in kind.api_versions)
        return next((version for version in versions if kind.plural in self._resources(version)), None)

    def _find_versions(self, group: str) -> tuple[str, ...]:
        try:
            found = get_document(self._client, f"/apis/{group}", _ApiGroup)
        except ApiStatusError as error:
            if error.code == httpx2.codes.NOT_FOUND:
                return ()
            raise
        return tuple(one.group_version for one in found.versions)

    def _find_resources(self, version: str) -> frozenset[str]:
        found = get_document(self._client, f"/apis/{version}", _ApiResources)
        return frozenset(resource.name for resource in found.resources)
