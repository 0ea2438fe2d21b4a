"""Manages the namespace of an experiment, and creates, reads and deletes objects in it."""

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
"""The time in seconds between two reads of the cluster's state."""
_REMOVAL_SECONDS: Final = 120.0
_CREATION_SECONDS: Final = 15.0
"""How long to retry while the service account of a new namespace does not exist yet."""

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
    """The state of a pod of the experiment at one moment."""

    metadata: SeenMetadata = SeenMetadata()
    spec: SeenPodSpec = SeenPodSpec()
    status: _ProbePodStatus = _ProbePodStatus()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses. The first one has the family that the cluster prefers."""
        return tuple(one.ip for one in self.status.pod_i_ps)

    @property
    def is_ready(self) -> bool:
        """Whether its container with a readiness probe is ready. Other containers are ignored."""
        return any(one.ready for one in self.status.container_statuses if one.name in PROBED)

    @property
    def is_running(self) -> bool:
        """Whether the pod is running and has an address."""
        return self.status.phase == "Running" and bool(self.addresses)

    @property
    def waiting_reason(self) -> str:
        """Why the pod does not run, according to its node or the scheduler; empty if neither gives a reason."""
        for container in self.status.container_statuses:
            if waiting := container.state.waiting:
                return f"{waiting.reason} {waiting.message}".strip()
        for condition in self.status.conditions:
            if condition.type == "PodScheduled" and condition.status == "False":
                return "it cannot be scheduled there"
        return ""


class _OnlyMetadata(msgspec.Struct, frozen=True):
    """The metadata of a namespace or a policy."""

    metadata: SeenMetadata


class Ended(Exception):
    """The experiment was cancelled, and its namespace is about to be removed."""


class Refused(Exception):
    """The API server refused a request of the experiment. The message names the object or the path, and the reason."""


class Ground:
    """The namespace of one experiment.

    Methods raise LiveClusterError if the API server cannot be reached, and Refused if it refuses the request.
    """

    def __init__(self, api_server: ApiServer, name: str, run: str) -> None:
        self._api_server = api_server
        self._ended = threading.Event()
        self.name = name
        self.run = run

    def end(self) -> None:
        """Cancel the experiment: `wait` raises Ended in all threads."""
        self._ended.set()

    def now(self) -> float:
        """The current time in seconds, from an arbitrary start."""
        return time.monotonic()

    def wait(self, seconds: float = LOOK) -> None:
        """Wait before the state is read again. Raises Ended if the experiment was cancelled."""
        if self._ended.wait(seconds):
            raise Ended

    def create(self, manifest: Manifest) -> None:
        """Create an object."""
        deadline = time.monotonic() + _CREATION_SECONDS
        while True:
            try:
                with self._api_server.client() as client:
                    create_object(client, self._collection(manifest), manifest)
                return
            except ApiStatusError as error:
                # The controllers have not prepared the new namespace yet: "serviceaccount default not found".
                if "not found" in str(error) and time.monotonic() < deadline:
                    self.wait()
                    continue
                raise Refused(f"{manifest['kind']} {manifest['metadata']['name']}: {error}") from None

    def cluster_ip(self, service: Manifest) -> str:
        """The cluster IP of a Service that has been created; empty if it has none."""
        path = f"{self._collection(service)}/{service['metadata']['name']}"
        return self._ask("get", path, lambda client: get_document(client, path, SeenService)).spec.cluster_ip

    def delete(self, manifest: Manifest) -> None:
        """Delete an object. It is not an error if the object does not exist."""
        path = f"{self._collection(manifest)}/{manifest['metadata']['name']}"
        self._ask("delete", path, lambda client: delete_object(client, path))

    def pods(self) -> Mapping[str, ProbePod]:
        """The pods of the experiment, by the name of their ReplicaSet.

        If a ReplicaSet has several pods, the last one in the API server's list is returned.
        """
        path, labels = f"{_NAMESPACES}/{self.name}/pods", {"labelSelector": f"{RUN}={self.run}"}
        items = self._ask("list", path, lambda client: list(list_items(client, path, parameters=labels)))
        pods = (msgspec.json.decode(item, type=ProbePod) for item in items)
        return {pod.metadata.labels.get("pod", ""): pod for pod in pods}

    def foreign_policies(self) -> list[str]:
        """The names of policies that another program, such as an admission controller, created in the namespace."""
        path = _COLLECTIONS["NetworkPolicy"].format(self.name)
        items = self._ask("list", path, lambda client: list(list_items(client, path)))
        found = (msgspec.json.decode(item, type=_OnlyMetadata).metadata for item in items)
        return sorted(one.name for one in found if one.labels.get(RUN) != self.run)

    def _collection(self, manifest: Manifest) -> str:
        return _COLLECTIONS[manifest["kind"]].format(self.name)

    def _ask(self, verb: str, path: str, request: Callable[[httpx2.Client], _Found]) -> _Found:
        try:
            with self._api_server.client() as client:
                return request(client)
        except ApiStatusError as error:
            raise Refused(f"{verb} {path}: {error}") from None


@contextmanager
def ground(api_server: ApiServer, name: str, run: str) -> Iterator[Ground]:
    """Create a namespace for an experiment, and remove it at the end, even after an error. Raises Refused.

    If a signal or a lost connection interrupts the request, the server may have created the namespace. So it is removed
    in this case too.
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
    """The names of the namespaces that experiments left behind. Raises LiveClusterError if they cannot be listed."""
    labels = ",".join([*(f"{key}={value}" for key, value in MANAGED_BY.items()), RUN])
    try:
        with api_server.client() as client:
            items = list(list_items(client, _NAMESPACES, parameters={"labelSelector": labels}))
    except ApiStatusError as error:
        raise LiveClusterError(f"{api_server.server}: {error}") from None
    return sorted(msgspec.json.decode(item, type=_OnlyMetadata).metadata.name for item in items)


def remove(api_server: ApiServer, names: list[str]) -> None:
    """Delete namespaces of experiments and wait until they no longer exist.

    Raises LiveClusterError if they cannot be deleted, or still exist after `_REMOVAL_SECONDS`.
    """
    try:
        with api_server.client() as client:
            for name in names:
                delete_object(client, f"{_NAMESPACES}/{name}")
    except ApiStatusError as error:
        raise LiveClusterError(f"{api_server.server}: {' '.join(names)} cannot be deleted: {error}") from None
    deadline = time.monotonic() + _REMOVAL_SECONDS
    # A deleted namespace exists until the controller manager has deleted everything in it.
    while left := sorted(set(names) & set(leftovers(api_server))):
        if time.monotonic() > deadline:
            raise LiveClusterError(
                f"{api_server.server}: the namespace {' '.join(left)} is being deleted for "
                f"{_REMOVAL_SECONDS:.0f} s: `ringfence doctor --clean` waits for it again"
            )
        time.sleep(LOOK)
