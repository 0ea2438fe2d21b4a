"""The policies of other projects in a live cluster: those of its kinds that are recognised and not read.

Most clusters have none of these kinds. Which of them there are is found by discovery, which every user may do, so that
nobody needs permissions for kinds that his cluster does not have.

Source: kubernetes.io, "The Kubernetes API", "Discovery API".
"""

from collections.abc import Iterator

import httpx2
import msgspec

from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.unread_kinds import UNREAD_KINDS, UnreadKind, unlisted
from ringfence.sources.cluster.responses import ApiStatusError, get_document, list_items
from ringfence.sources.loading import Found, UnreadManifest


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


def unread_policies(client: httpx2.Client, server: str, namespace: str = "") -> Iterator[Found]:
    """The policies of all kinds that are not read, as far as the user may list them; with a `namespace`, only its own.

    A kind that he may not list is a problem, and puts all pods in doubt. Raises LiveClusterError if the server cannot
    be reached or understood.
    """
    try:
        versions = _versions(client)
    except ApiStatusError as error:
        yield from _not_known(UNREAD_KINDS, server, error)
        return
    for kind in UNREAD_KINDS:
        # The API server of Calico stores its objects as custom resources of another group: they are the same policies.
        if kind.group in versions and kind.served_as not in versions:
            try:
                yield from _listed(client, kind, versions[kind.group], server, namespace)
            except ApiStatusError as error:
                yield from _not_known((kind,), server, error)


def _versions(client: httpx2.Client) -> dict[str, tuple[str, ...]]:
    """The versions of each group that the server has."""
    try:
        found = get_document(client, "/apis", _ApiGroups)
    except ApiStatusError as error:
        if error.code == httpx2.codes.NOT_FOUND:
            return {}
        raise
    return {group.name: tuple(one.group_version for one in group.versions) for group in found.groups}


def _listed(
    client: httpx2.Client, kind: UnreadKind, versions: tuple[str, ...], server: str, namespace: str
) -> Iterator[Found]:
    within = f"/namespaces/{namespace}" if namespace and kind.is_namespaced else ""
    for version in versions:
        resources = get_document(client, f"/apis/{version}", _ApiResources).resources
        if any(resource.name == kind.plural for resource in resources):
            for item in list_items(client, f"/apis/{version}{within}/{kind.plural}"):
                # The items of a list need not have these fields: the list has them.
                written = {"apiVersion": version, "kind": kind.name, **msgspec.json.decode(item, type=dict)}
                yield UnreadManifest(kind.key, written, Place(server))
            return


def _not_known(kinds: tuple[UnreadKind, ...], server: str, error: ApiStatusError) -> Iterator[Found]:
    """The problem that kinds could not be listed, and the doubt about all pods that follows."""
    names = f"policies of kind {kinds[0].key}" if len(kinds) == 1 else "policies of other projects"
    place = Place(server)
    yield Problem(place, ProblemCode.UNLISTED_KIND, f"{names} are left out: {error}", Severity.WARNING)
    for kind in kinds:
        yield from filter(None, [unlisted(kind, "", place)])
