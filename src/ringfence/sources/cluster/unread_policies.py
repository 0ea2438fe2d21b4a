"""The policies of other projects in a live cluster, whose kinds are recognised and not read.

Most clusters have none of these kinds. Discovery, which every user may use, shows which of them exist, so that users
need no permissions for kinds that the cluster does not have.
"""

from collections.abc import Iterator, Sequence

import httpx2
import msgspec

from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.unread_kinds import UNREAD_KINDS, UnreadKind, unlisted, unlisted_kind
from ringfence.sources.cluster.discovery import Discovery
from ringfence.sources.cluster.responses import ApiStatusError, list_items
from ringfence.sources.loaded_objects import Found, UnreadManifest


def unread_policies(client: httpx2.Client, discovery: Discovery, server: str, namespace: str = "") -> Iterator[Found]:
    """The policies of all kinds that are not read, as far as the user may list them; with a `namespace`, only its own.

    A kind that the user may not list is a problem, and puts all pods in doubt. Raises LiveClusterError if the server
    cannot be reached or understood.
    """
    try:
        groups = discovery.groups
    except ApiStatusError as error:
        yield from _not_known(UNREAD_KINDS, server, error)
        return
    for kind in UNREAD_KINDS:
        # The API server of Calico stores its objects as custom resources of another group: they are the same policies.
        if kind.group in groups and kind.served_as not in groups:
            try:
                yield from _listed(client, kind, discovery.version_of(kind.group, kind.plural), server, namespace)
            except ApiStatusError as error:
                yield from _not_known((kind,), server, error)


def _listed(
    client: httpx2.Client, kind: UnreadKind, version: str | None, server: str, namespace: str
) -> Iterator[Found]:
    if version is None:
        return
    within = f"/namespaces/{namespace}" if namespace and kind.is_namespaced else ""
    for item in list_items(client, f"/apis/{version}{within}/{kind.plural}"):
        # The items of a list need not have these fields: the list has them.
        written = {"apiVersion": version, "kind": kind.name, **msgspec.json.decode(item, type=dict)}
        yield UnreadManifest(kind.key, written, Place(server))


def not_known(kind: str, server: str, error: ApiStatusError) -> Iterator[Found]:
    """The problem that the policies of a kind cannot be listed, and the doubt about all pods that follows."""
    yield _problem(f"policies of kind {kind}", server, error)
    yield unlisted(kind, "", Place(server))


def _not_known(kinds: Sequence[UnreadKind], server: str, error: ApiStatusError) -> Iterator[Found]:
    """As `not_known`, for kinds that are not read anyway."""
    names = f"policies of kind {kinds[0].key}" if len(kinds) == 1 else "policies of other projects"
    yield _problem(names, server, error)
    for kind in kinds:
        if doubt := unlisted_kind(kind, "", Place(server)):
            yield doubt


def _problem(names: str, server: str, error: ApiStatusError) -> Problem:
    return Problem(Place(server), ProblemCode.UNLISTED_KIND, f"{names} are left out: {error}", Severity.WARNING)
