"""The kubelets, the scheduler and the controllers of the experiment of `doctor`: as much as its pods need of them.

What a pod's readiness probe runs is done by the prober of the laboratory, from inside the pod: a real connection.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ringfence.lab.network.topology import LabPort

from .world import Connection, World

_SERVER_PORTS: Final = tuple(
    LabPort(number, protocol) for number, protocol in ((8080, "TCP"), (8090, "TCP"), (8081, "UDP"), (8082, "SCTP"))
)
_LABELLED: Final = "labelSelector=ringfence.dev/doctor-run"


class _Asking(NamedTuple):
    """A pod whose readiness is a connection."""

    path: str
    connection: Connection


def _status(path: str, *, ready: bool) -> Any:
    """The status of the container with a probe."""
    name = "server" if path.endswith("-server") else "client"
    return {"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}


class DoctorKubelet:
    """Runs the pods of the experiment, look by look."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asking: dict[str, _Asking] = {}
        self._ready: dict[str, bool] = {}

    def look(self) -> None:
        """Start what has been created, end what is being deleted, and report the readiness of each client."""
        self._end_namespaces()
        for replica_set in self._list("/apis/apps/v1/replicasets"):
            name, owner = replica_set["metadata"]["name"], replica_set["metadata"]["namespace"]
            if f"{owner}/{name}" not in self._world.topology.pod_by_name and not self._is_ending(owner):
                self._start(owner, name, replica_set["spec"]["template"])
        for pod in self._list("/api/v1/pods"):
            name, owner = pod["metadata"]["name"], pod["metadata"]["namespace"]
            if f"{owner}/{name}" not in self._world.topology.pod_by_name and not self._is_ending(owner):
                self._world.ask("DELETE", f"/api/v1/namespaces/{owner}/pods/{name}?gracePeriodSeconds=0")
                self._start(owner, name, pod)
        self._probe()

    def until(self, is_over: Callable[[], bool], seconds: float = 240.0) -> None:
        """Look every half second until the experiment is over."""
        deadline = time.monotonic() + seconds
        while not is_over():
            assert time.monotonic() < deadline, "the experiment does not end"
            self.look()
            time.sleep(0.3)

    def _list(self, path: str) -> list[Any]:
        items: list[Any] = self._world.ask("GET", f"{path}?{_LABELLED}")["items"]
        return items

    def _start(self, owner: str, name: str, template: Any) -> None:
        terms = template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        node = terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
        metadata = {"name": name, "namespace": owner, "labels": template["metadata"]["labels"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        path = self._world.run(pod, node, ports=_SERVER_PORTS)
        probe = template["spec"]["containers"][0].get("readinessProbe")
        if probe and "httpGet" in probe:
            self._asking[path] = _Asking(path, Connection(node, path, LabPort(probe["httpGet"]["port"], "TCP")))
        elif probe:
            target = probe["exec"]["command"][2]
            protocol = next(word for word in probe["exec"]["command"] if word.startswith("--protocol="))
            address, _, port = target.rpartition(":")
            family = 6 if address.startswith("[") else 4
            server = next(pod for pod in self._world.topology.pods if address.strip("[]") in map(str, pod.addresses))
            lab_port = LabPort(int(port), protocol.removeprefix("--protocol=").upper())
            self._asking[path] = _Asking(path, Connection(path, server.name, lab_port, family))

    def _probe(self) -> None:
        asking = list(self._asking.values())
        opened = self._world.open(*(one.connection for one in asking))
        for one, ready in zip(asking, opened, strict=True):
            if self._ready.get(one.path) != ready:
                self._world.set_status(one.path, {"containerStatuses": [_status(one.path, ready=ready)]})
                self._ready[one.path] = ready

    def _is_ending(self, owner: str) -> bool:
        namespace = self._world.ask("GET", f"/api/v1/namespaces/{owner}")
        return "deletionTimestamp" in namespace["metadata"]

    def _end_namespaces(self) -> None:
        for namespace in self._list("/api/v1/namespaces"):
            if namespace["metadata"].get("deletionTimestamp"):
                name = namespace["metadata"]["name"]
                self._asking = {path: one for path, one in self._asking.items() if not path.startswith(f"{name}/")}
                self._world.clear(name)
                self._world.ask("DELETE", f"/apis/apps/v1/namespaces/{name}/replicasets")
                self._world.ask("PUT", f"/api/v1/namespaces/{name}/finalize", {**namespace, "spec": {"finalizers": []}})
