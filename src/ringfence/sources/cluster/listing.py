"""The objects of a live cluster, listed once from its API server.

Source: kubernetes.io, "Kubernetes API Concepts: Retrieving large results sets in chunks".
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final

import httpx2
import msgspec

from ringfence.errors import DecodingError, LiveClusterError
from ringfence.model.decoding import decode_json
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.objects import Manifest
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.sources.cluster.client import connect
from ringfence.sources.cluster.credentials import obtain
from ringfence.sources.cluster.kubeconfig import SelectedContext, select
from ringfence.sources.cluster.responses import PAGE, ApiStatusError, list_items
from ringfence.sources.cluster.unread_policies import unread_policies
from ringfence.sources.loading import Found, LoadedObjects, collect, name_of


class Resource(msgspec.Struct, frozen=True):
    """A kind that is listed. A kind that is `needed` must be readable: no answer is right without it."""

    row: Kind
    needed: bool = False

    @property
    def kind(self) -> str:
        """The key of the kind: its name, with the group of a custom resource."""
        return self.row.key

    @property
    def plural(self) -> str:
        """The name of the resource."""
        return self.row.plural

    @property
    def path(self) -> str:
        """The path of its objects, those of all namespaces."""
        return self.row.path


RESOURCES: Final = tuple(
    Resource(kind, needed=kind.is_policy or kind.name in ("Namespace", "Pod"))
    for kind in KINDS
    if not kind.is_about_templates
)


def read(context: str | None = None, kubeconfig: str | None = None) -> LoadedObjects:
    """All objects of supported kinds in the cluster of this context, or of the current one.

    A kind that the user may not list is a problem, unless it is needed. Raises LiveClusterError for a needed kind, and
    if the cluster cannot be reached or does not accept the user.
    """
    selected = select(context, kubeconfig)
    credential = obtain(selected.user, selected.cluster)
    with connect(msgspec.structs.replace(selected, user=credential.user)) as client:
        listed = (found for resource in RESOURCES for found in _listed(client, resource, selected))
        return collect(chain(listed, unread_policies(client, selected.cluster.server)))


def current_namespace(context: str | None = None, kubeconfig: str | None = None) -> str:
    """The namespace of this context, or of the current one. Raises LiveClusterError if the context does not exist."""
    return select(context, kubeconfig).namespace


def _listed(client: httpx2.Client, resource: Resource, selected: SelectedContext) -> list[Found]:
    server = selected.cluster.server
    try:
        return _list(client, resource, server)
    except ApiStatusError as error:
        if error.code == httpx2.codes.UNAUTHORIZED:
            message = f'{server}: the credentials of context "{selected.context}" are not accepted: log in again'
            raise LiveClusterError(f"{message} ({error})") from None
        if resource.needed or error.code not in (httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
            remedy = f": the verb list on {resource.plural} is needed" if error.code == httpx2.codes.FORBIDDEN else ""
            raise LiveClusterError(f"{server}: {error}{remedy}") from None
        message = f"{resource.plural} are left out: {error}"
        return [Problem(Place(server), ProblemCode.UNLISTED_KIND, message, Severity.WARNING)]


def _list(client: httpx2.Client, resource: Resource, server: str) -> list[Found]:
    origin = Origin(server)
    try:
        return [
            found for item in list_items(client, resource.path, PAGE) for found in _decode(item, resource.row, origin)
        ]
    except ApiStatusError as error:
        if error.code != httpx2.codes.GONE:
            raise
    # etcd has compacted the revision of the list away (every five minutes by default) before all pages were read. One
    # request for everything does not depend on an old revision; client-go's pager falls back in the same way.
    return [found for item in list_items(client, resource.path, 0) for found in _decode(item, resource.row, origin)]


def _decode(item: msgspec.Raw, kind: Kind, origin: Origin) -> Iterator[Found]:
    try:
        obj = decode_json(item, kind)
    except DecodingError as error:
        name = name_of({"kind": kind.name} | msgspec.json.decode(item))
        yield Problem(
            origin.at(), ProblemCode.WRONG_TYPE, str(error), object=name, may_concern_policies=kind.may_concern_policies
        )
        return
    if obj is None:
        message = f"an object of kind {kind.name} is expected in the list"
        yield Problem(origin.at(), ProblemCode.NOT_AN_OBJECT, message)
    else:
        yield Manifest(obj, origin)
