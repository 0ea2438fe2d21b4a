"""The place of the experiment in a cluster: its namespace, and what is created and looked at there."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar

import httpx2
import msgspec

from ringfence.doctor.objects import SeenCondition, SeenMetadata, SeenPodSpec, SeenService
from ringfence.doctor.probe.manifests import MANAGED_BY, PROBED, RUN, Manifest, namespace
from ringfence.errors import LiveClusterError
from ringfence.sources.cluster import (
    ApiServer,
    ApiStatusError,
    create_object,
    delete_object,
    get_document,
    list_items,
)

_COLLECTIONS: Final = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Service": "/api/v1/namespaces/{}/services",
}
_NAMESPACES: Final = "/api/v1/namespaces"
LOOK: Final = 0.5
"""Seconds between two looks."""
_REMOVAL_SECONDS: Final = 120.0
_CREATION_SECONDS: Final = 15.0
"""How long to try again while the service account of a new namespace is not there yet."""

_Found = TypeVar("_Found")


class _Waiting(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _ProbeContainerState(msgspec.Struct, frozen=True):
    waiting: _Waiting | None = None


class _ProbeContainer(msgspec.Struct, frozen=True):
    name: str = ""
    ready: bool = False
    state: _ProbeContainerState = _ProbeContainerState()


class _PodAddress(msgspec.Struct, frozen=True):
    ip: str = ""


class _ProbePodStatus(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    host_ip: str = msgspec.field(name="hostIP", default="")
    conditions: tuple[SeenCondition, ...] = ()
    container_statuses: tuple[_ProbeContainer, ...] = ()
    pod_i_ps: tuple[_PodAddress, ...] = msgspec.field(name="podIPs", default=())


class ProbePod(msgspec.Struct, frozen=True):
    """A pod of the experiment, as it is at one moment."""

    metadata: SeenMetadata = SeenMetadata()
    spec: SeenPodSpec = SeenPodSpec()
    status: _ProbePodStatus = _ProbePodStatus()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, the first of which is of the family that the cluster prefers."""
        return tuple(one.ip for one in self.status.pod_i_ps)

    @property
    def is_ready(self) -> bool:
        """Whether the connection of its readiness probe can be opened; other containers do not count."""
        return any(one.ready for one in self.status.container_statuses if one.name in PROBED)

    @property
    def is_running(self) -> bool:
        """Whether its containers run."""
        return self.status.phase == "Running" and bool(self.addresses)

    @property
    def trouble(self) -> str:
        """Why it does not run, as its node or the scheduler says; empty if nothing says so."""
        for container in self.status.container_statuses:
            if waiting := container.state.waiting:
                return f"{waiting.reason} {waiting.message}".strip()
        for condition in self.status.conditions:
            if condition.type == "PodScheduled" and condition.status == "False":
                return "it cannot be scheduled there"
        return ""


class _OnlyMetadata(msgspec.Struct, frozen=True):
    """A namespace or a policy."""

    metadata: SeenMetadata


class Ended(Exception):
    """The experiment is given up: its namespace is about to be removed."""


class Refused(Exception):
    """The API server refused to create an object of the experiment; the message says which, and why."""


class Ground:
    """A namespace of the cluster, made for one experiment. Every method raises LiveClusterError if it is cut off."""

    def __init__(self, api_server: ApiServer, name: str, run: str) -> None:
        self._api_server = api_server
        self._ended = threading.Event()
        self.name = name
        self.run = run

    def end(self) -> None:
        """Have all threads that wait in this place give up."""
        self._ended.set()

    def now(self) -> float:
        """The time in seconds, from some point on."""
        return time.monotonic()

    def wait(self, seconds: float = LOOK) -> None:
        """Wait between two looks. Raises Ended."""
        if self._ended.wait(seconds):
            raise Ended

    def create(self, manifest: Manifest) -> None:
        """Create an object. Raises Refused."""
        deadline = time.monotonic() + _CREATION_SECONDS
        while True:
            try:
                self._ask(lambda client: create_object(client, self._collection(manifest), manifest))
                return
            except ApiStatusError as error:
                # The controllers of a new namespace have not prepared it: "serviceaccount default not found".
                if "not found" in str(error) and time.monotonic() < deadline:
                    self.wait()
                    continue
                raise Refused(f"{manifest['kind']} {manifest['metadata']['name']}: {error}") from None

    def cluster_ip(self, service: Manifest) -> str:
        """The address of a Service that has been created; empty if it has none."""
        path = f"{self._collection(service)}/{service['metadata']['name']}"
        return self._ask(lambda client: get_document(client, path, SeenService)).spec.cluster_ip

    def delete(self, manifest: Manifest) -> None:
        """Delete an object; one that does not exist is not an error."""
        path = f"{self._collection(manifest)}/{manifest['metadata']['name']}"
        self._ask(lambda client: delete_object(client, path))

    def pods(self) -> Mapping[str, ProbePod]:
        """The pods of the experiment by the names of their ReplicaSets; the newest of each."""
        path, labels = f"{_NAMESPACES}/{self.name}/pods", {"labelSelector": f"{RUN}={self.run}"}
        items = self._ask(lambda client: list(list_items(client, path, parameters=labels)))
        pods = (msgspec.json.decode(item, type=ProbePod) for item in items)
        return {pod.metadata.labels.get("pod", ""): pod for pod in pods}

    def foreign_policies(self) -> list[str]:
        """The names of policies that another program, such as an admission controller, has created in the namespace."""
        path = _COLLECTIONS["NetworkPolicy"].format(self.name)
        items = self._ask(lambda client: list(list_items(client, path)))
        found = (msgspec.json.decode(item, type=_OnlyMetadata).metadata for item in items)
        return sorted(one.name for one in found if one.labels.get(RUN) != self.run)

    def _collection(self, manifest: Manifest) -> str:
        return _COLLECTIONS[manifest["kind"]].format(self.name)

    def _ask(self, request: Callable[[httpx2.Client], _Found]) -> _Found:
        with self._api_server.client() as client:
            return request(client)


@contextmanager
def ground(api_server: ApiServer, name: str, run: str) -> Iterator[Ground]:
    """A new namespace for an experiment, which is removed at the end, however that comes. Raises Refused.

    That is so too if a signal or a lost connection cuts off the answer of the server, which may have created it.
    """
    place, is_refused = Ground(api_server, name, run), False
    try:
        try:
            with api_server.client() as client:
                create_object(client, _NAMESPACES, namespace(name, run))
        except ApiStatusError as error:
            is_refused = True
            raise Refused(f"Namespace {name}: {error}") from None
        yield place
    finally:
        place.end()
        if not is_refused:
            remove(api_server, [name])


def leftovers(api_server: ApiServer) -> list[str]:
    """The names of the namespaces that experiments have left. Raises LiveClusterError if they cannot be listed."""
    labels = ",".join([*(f"{key}={value}" for key, value in MANAGED_BY.items()), RUN])
    try:
        with api_server.client() as client:
            items = list(list_items(client, _NAMESPACES, parameters={"labelSelector": labels}))
    except ApiStatusError as error:
        raise LiveClusterError(f"{api_server.server}: {error}") from None
    return sorted(msgspec.json.decode(item, type=_OnlyMetadata).metadata.name for item in items)


def remove(api_server: ApiServer, names: list[str]) -> None:
    """Delete namespaces of experiments and wait until they are gone. Raises LiveClusterError if they stay."""
    try:
        with api_server.client() as client:
            for name in names:
                delete_object(client, f"{_NAMESPACES}/{name}")
    except ApiStatusError as error:
        raise LiveClusterError(f"{api_server.server}: {' '.join(names)} cannot be deleted: {error}") from None
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while left := sorted(set(names) & set(leftovers(api_server))):
        if time.monotonic() > deadline:
            raise LiveClusterError(
                f"{api_server.server}: the namespace {' '.join(left)} is being deleted for "
                f"{_REMOVAL_SECONDS:.0f} s: `ringfence doctor --clean` waits for it again"
            )
        time.sleep(LOOK)
