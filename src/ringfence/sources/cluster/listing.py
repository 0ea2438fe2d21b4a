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
from ringfence.model.objects import Manifest, Namespace
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.served_versions import later_version
from ringfence.model.service_users import ServiceUser
from ringfence.model.suppressions import suppressions_in
from ringfence.sources.cluster.client import connect
from ringfence.sources.cluster.credentials import obtain
from ringfence.sources.cluster.discovery import Discovery
from ringfence.sources.cluster.kubeconfig import SelectedContext, select
from ringfence.sources.cluster.responses import PAGE, ApiStatusError, get_document, list_items
from ringfence.sources.cluster.unread_policies import not_known, unread_policies
from ringfence.sources.loaded_objects import Found, LoadedObjects, collect
from ringfence.sources.object_problems import name_of


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
    Resource(kind, needed=(kind.is_policy and not kind.is_custom) or kind.name in ("Namespace", "Pod"))
    for kind in KINDS
    if not kind.only_in_manifests
)
_SERVICE_USERS: Final = tuple(Resource(kind) for kind in KINDS if kind.model is ServiceUser)
"""The kinds of objects that use Services. No answer depends on them: only `lint` asks for them."""


class _Reading(msgspec.Struct, frozen=True):
    """What is read, and with what: the objects of one namespace, or of all if `namespace` is empty.

    With `service_users`, the objects that use Services are read as well.
    """

    client: httpx2.Client
    selected: SelectedContext
    discovery: Discovery
    namespace: str = ""
    service_users: bool = False

    @property
    def server(self) -> str:
        """The URL of the server."""
        return self.selected.cluster.server


class _NotAllowed(Exception):
    """The user may not list a kind that is needed."""


def read(
    context: str | None = None,
    kubeconfig: str | None = None,
    namespace: str | None = None,
    *,
    service_users: bool = False,
) -> LoadedObjects:
    """All objects of supported kinds in the cluster of this context, or of the current one.

    With `service_users`, also the webhooks, aggregated APIs and routes; those that may not be listed are named.

    If the user may not list a needed kind in all namespaces, only the objects of `namespace` are read, by default those
    of the context's namespace. Another kind that the user may not list is a problem. Raises LiveClusterError if the
    user may not list a needed kind in this namespace either, or if the cluster cannot be reached or refuses the
    credentials.
    """
    selected = select(context, kubeconfig)
    credential = obtain(selected.user, selected.cluster)
    with connect(msgspec.structs.replace(selected, user=credential.user)) as client:
        discovery = Discovery(client)
        try:
            return _read_all(_Reading(client, selected, discovery, service_users=service_users))
        except _NotAllowed as error:
            only = namespace or selected.namespace
            message = f"only namespace {only} is read: {error}"
        try:
            loaded = _read_all(_Reading(client, selected, discovery, only, service_users))
        except _NotAllowed as error:
            raise LiveClusterError(f"{selected.cluster.server}: {error}") from None
    limited = Problem(Place(selected.cluster.server), ProblemCode.UNLISTED_KIND, message, Severity.WARNING)
    return msgspec.structs.replace(loaded, problems=[limited, *loaded.problems], only_namespace=only)


def _read_all(reading: _Reading) -> LoadedObjects:
    listed = (found for resource in RESOURCES for found in _listed(reading, resource))
    unread = unread_policies(reading.client, reading.discovery, reading.server, reading.namespace)
    users = {resource.kind: _users_listed(reading, resource) for resource in _SERVICE_USERS}
    loaded = collect(chain(listed, unread, *(found for found in users.values() if found)))
    unlisted = frozenset(kind for kind, found in users.items() if found is None)
    return msgspec.structs.replace(loaded, unlisted_users=unlisted)


def current_namespace(context: str | None = None, kubeconfig: str | None = None) -> str:
    """The namespace of this context, or of the current one. Raises LiveClusterError if the context does not exist."""
    return select(context, kubeconfig).namespace


def _listed(reading: _Reading, resource: Resource) -> list[Found]:
    try:
        return _list_custom(reading, resource) if resource.row.is_custom else _list(reading, resource)
    except ApiStatusError as error:
        if error.code == httpx2.codes.UNAUTHORIZED:
            context = reading.selected.context
            message = f'{reading.server}: the credentials of context "{context}" are not accepted: log in again'
            raise LiveClusterError(f"{message} ({error})") from None
        if resource.row.is_custom:
            return list(not_known(resource.kind, reading.server, error))
        # In one namespace, its labels are not needed: where they matter, answers say that they are not known.
        is_needed = resource.needed and (resource.row.is_namespaced or not reading.namespace)
        if is_needed and error.code == httpx2.codes.FORBIDDEN:
            raise _NotAllowed(f"{error}: the verb list on {resource.plural} is needed") from None
        if is_needed or error.code not in (httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
            raise LiveClusterError(f"{reading.server}: {error}") from None
        message = f"{resource.plural} are left out: {error}"
        return [Problem(Place(reading.server), ProblemCode.UNLISTED_KIND, message, Severity.WARNING)]


def _users_listed(reading: _Reading, resource: Resource) -> list[Found] | None:
    """The objects of a kind that use Services, under a version that the server has; None if they are not listed."""
    if not reading.service_users:
        return None
    try:
        version = reading.discovery.served_version(resource.row)
        return _list(reading, resource, version) if version in resource.row.api_versions else []
    except ApiStatusError as error:
        if error.code in (httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND):
            return None
        raise LiveClusterError(f"{reading.server}: {error}") from None


def _list_custom(reading: _Reading, resource: Resource) -> list[Found]:
    """The objects of a kind that the server need not have, under a version that is known, or else a later one."""
    row = resource.row
    version = reading.discovery.served_version(row)
    if version is None:
        return []
    if row.is_later(version):
        return [later_version(row, version, Place(reading.server), row.key), *_list(reading, resource, version)]
    # Of an earlier version, the server answers that there are none.
    return _list(reading, resource)


def _list(reading: _Reading, resource: Resource, api_version: str = "") -> list[Found]:
    origin, row = Origin(reading.server), resource.row
    if row.model is Namespace and reading.namespace:
        namespace = get_document(reading.client, f"{row.path}/{reading.namespace}", msgspec.Raw)
        return list(_decode(namespace, row, origin))
    path = row.path_in(reading.namespace, api_version)
    try:
        return [found for item in list_items(reading.client, path, PAGE) for found in _decode(item, row, origin)]
    except ApiStatusError as error:
        if error.code != httpx2.codes.GONE:
            raise
    # etcd has compacted the revision of the list away (every five minutes by default) before all pages were read. One
    # request for everything does not depend on an old revision; client-go's pager falls back in the same way.
    return [found for item in list_items(reading.client, path, 0) for found in _decode(item, row, origin)]


def _tree(item: msgspec.Raw, kind: Kind) -> dict[str, object] | None:
    """An object of a custom resource as it is stored. A list has the types of its items, which need not have them."""
    if kind.schema is None:
        return None
    return {"apiVersion": kind.api_versions[0], "kind": kind.name, **msgspec.json.decode(item, type=dict)}


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
        suppressions = None if kind.is_policy else suppressions_in(item)
        yield Manifest(obj, origin, tree=_tree(item, kind), suppressions=suppressions)
