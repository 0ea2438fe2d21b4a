"""The objects of a live cluster, listed once from its API server.

Credentials and TLS are `lightkube`'s business; the answers are decoded straight into the model, without its own.
Source: kubernetes.io, "Kubernetes API Concepts: Retrieving large results sets in chunks".
"""

from collections.abc import Iterator
from typing import Final

import httpx2 as httpx
import msgspec
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster, Context, User
from lightkube.core.exceptions import ConfigError

from ringfence.errors import DecodingError, LiveClusterError
from ringfence.model.decoding import decode_json
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.objects import Manifest
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.sources.cluster.credentials import obtained
from ringfence.sources.cluster.kubeconfig import Selection, select
from ringfence.sources.cluster.watch_events import UNREADABLE
from ringfence.sources.loading import Found, LoadedObjects, collect, name_of

PAGE: Final = 500
"""Objects in one answer, as kubectl asks for them."""

_TIMEOUT: Final = httpx.Timeout(10, read=60)


class Resource(msgspec.Struct, frozen=True):
    """A kind that is listed; without one that is `needed` there is no answer worth giving."""

    row: Kind
    needed: bool = False

    @property
    def kind(self) -> str:
        """The name of the kind."""
        return self.row.name

    @property
    def plural(self) -> str:
        """The name of the resource."""
        return self.row.plural

    @property
    def path(self) -> str:
        """Where the API server has its objects, those of all namespaces."""
        return self.row.path


RESOURCES: Final = tuple(Resource(kind, needed=kind.is_policy or kind.name in ("Namespace", "Pod")) for kind in KINDS)


def read(context: str | None = None, kubeconfig: str | None = None) -> LoadedObjects:
    """All objects of the cluster of this context, or of the current one, that have a meaning here.

    Kinds that the user may not list are problems of the reading, unless nothing can be said without them. Raises
    LiveClusterError for them, and if the cluster cannot be reached or does not accept the user.
    """
    selection = select(context, kubeconfig)
    with connect(selection) as client:
        return collect(found for resource in RESOURCES for found in _listed(client, resource, selection))


def current_namespace(context: str | None = None, kubeconfig: str | None = None) -> str:
    """The namespace of this context, or of the current one. Raises LiveClusterError if there is no such context."""
    return select(context, kubeconfig).namespace


def connect(selection: Selection) -> httpx.Client:
    """A client for the cluster with the user's credentials; it does not say a word yet. Raises LiveClusterError."""
    try:
        user = msgspec.convert(obtained(selection.user, selection.cluster), User)
        if (user.client_cert or user.client_cert_data) and not (user.client_key or user.client_key_data):
            raise ConfigError("its user has a client certificate without its key")
        cluster = msgspec.convert(selection.cluster, Cluster)
        config = SingleConfig(selection.context, Context(cluster=selection.context), cluster, user)
        return Client(config, ConnectionParams(timeout=_TIMEOUT, proxy=selection.cluster.get("proxy-url")))
    except (ConfigError, OSError, ValueError, httpx.InvalidURL, msgspec.ValidationError) as error:
        raise LiveClusterError(f'context "{selection.context}" cannot be used: {error}') from None


class ListMetadata(msgspec.Struct, frozen=True):
    """Where a list goes on, and of which version of the cluster it is."""

    continue_: str = msgspec.field(name="continue", default="")
    resource_version: str = msgspec.field(name="resourceVersion", default="")


class ListPage(msgspec.Struct, frozen=True):
    """One page of a list; its items are not decoded yet."""

    metadata: ListMetadata = ListMetadata()
    items: list[msgspec.Raw] | None = None


class _Status(msgspec.Struct, frozen=True):
    message: str = ""


class ApiStatusError(Exception):
    """The API server's answer is not what was asked for; the message says why, in its words.

    `wait` is for how many seconds it asks to be left alone, 0 if it does not.
    """

    def __init__(self, code: int, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.code = code
        self.wait = wait

    @classmethod
    def of(cls, answer: httpx.Response) -> "ApiStatusError":
        """The refusal that an answer, which was read whole, is."""
        wait = answer.headers.get("Retry-After", "")
        return cls(answer.status_code, _said(answer), float(wait) if wait.isdecimal() else 0)


def _listed(client: httpx.Client, resource: Resource, selection: Selection) -> list[Found]:
    server = str(selection.cluster.get("server"))
    try:
        return _list(client, resource, server)
    except ApiStatusError as refusal:
        if refusal.code == httpx.codes.UNAUTHORIZED:
            message = f'{server}: the credentials of context "{selection.context}" are not accepted: log in again'
            raise LiveClusterError(f"{message} ({refusal})") from None
        if resource.needed or refusal.code not in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            remedy = f": the verb list on {resource.plural} is needed" if refusal.code == httpx.codes.FORBIDDEN else ""
            raise LiveClusterError(f"{server}: {refusal}{remedy}") from None
        message = f"{resource.plural} are left out: {refusal}"
        return [Problem(Place(server), ProblemCode.UNLISTED_KIND, message, Severity.WARNING)]


def _list(client: httpx.Client, resource: Resource, server: str) -> list[Found]:
    origin = Origin(server)
    try:
        return [found for item in _items(client, resource.path, PAGE) for found in _read(item, resource.row, origin)]
    except ApiStatusError as refusal:
        if refusal.code != httpx.codes.GONE:
            raise
    # The list changed too long ago for the rest of its pages to be kept: take it all at once.
    return [found for item in _items(client, resource.path, 0) for found in _read(item, resource.row, origin)]


def _items(client: httpx.Client, path: str, limit: int) -> Iterator[msgspec.Raw]:
    position = ""
    while True:
        page = get_page(client, path, {"limit": str(limit), "continue": position})
        yield from page.items or ()
        position = page.metadata.continue_
        if not position:
            return


def get_page(client: httpx.Client, path: str, parameters: dict[str, str]) -> ListPage:
    """One page of a list.

    Raises LiveClusterError if the server cannot be reached or understood, and ApiStatusError if it refuses.
    """
    try:
        answer = client.get(path, params={name: value for name, value in parameters.items() if value})
    except (httpx.HTTPError, httpx.InvalidURL, ConfigError, OSError) as error:
        said = str(error) or type(error).__name__
        message = f"{client.base_url}: cannot be reached: {said}: is the cluster running, and is it the right context?"
        raise LiveClusterError(message) from None
    if not answer.is_success:
        raise ApiStatusError.of(answer)
    try:
        return msgspec.json.decode(answer.content, type=ListPage)
    except UNREADABLE as error:
        message = f"{client.base_url}: {path} is no list of objects ({error}): is this an API server?"
        raise LiveClusterError(message) from None


def _said(answer: httpx.Response) -> str:
    try:
        status = msgspec.json.decode(answer.content, type=_Status)
    except UNREADABLE:
        status = _Status()
    elsewhere = f" (to {answer.headers['Location']})" if answer.has_redirect_location else ""
    return status.message or f"{answer.status_code} {answer.reason_phrase}{elsewhere}"


def _read(item: msgspec.Raw, kind: Kind, origin: Origin) -> Iterator[Found]:
    try:
        read = decode_json(item, kind)
    except DecodingError as error:
        yield Problem(
            origin.at(),
            ProblemCode.WRONG_TYPE,
            str(error),
            object=name_of({"kind": kind.name} | msgspec.json.decode(item)),
        )
        return
    if read is not None:
        yield Manifest(read, origin)
