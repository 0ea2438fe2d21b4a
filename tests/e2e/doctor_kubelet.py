"""The kubelets, the scheduler and the controllers of the `doctor` experiment, as far as its pods need them.

The prober of the laboratory opens each new connection to a pod, from inside the client's pod. Everything else that a
container or its probe executes runs as written, in the network of the pod, with the tests' own `agnhost` and `nc`
(`agnhost.py`). A rule on each node translates Services, as kube-proxy does.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final, NamedTuple

from ringfence.lab.network.topology import LabPort
from tests.dataplane.network import nft

from . import agnhost
from .world import RANGES, Connection, World

_SERVER_PORTS: Final = (LabPort(8080, "TCP"), LabPort(8081, "UDP"), LabPort(8082, "SCTP"))
_HTTP_PORT: Final = "--http-port=8090"
"""The server that answers several requests over one connection, which those of the laboratory do not."""
_KUBELET_PORT: Final = 10250
_STATUS_SECONDS: Final = 1.0
"""How long after a pod runs its status says so, with its addresses: real kubelets take about as long."""
_ENDING_WITH_THIS_PROCESS: Final = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--pid", "--fork", "--kill-child", "--"),
)
"""Before a command: it and all that it starts end with this process, however that ends."""
_LABELLED: Final = "labelSelector=ringfence.dev/doctor-run"
_TABLE: Final = "ip doctor_services"


class _Asking(NamedTuple):
    """A pod whose readiness depends on a connection that the prober opens, or on a command that runs in the pod."""

    path: str
    connection: Connection | None
    command: tuple[str, ...] = ()


def _status(path: str, *, ready: bool) -> Any:
    """The status of the container with a probe."""
    name = "server" if path.endswith("-server") else "client"
    return {"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}


@contextmanager
def kubelet(world: World) -> Iterator["DoctorKubelet"]:
    """The kubelets, while the context is open. Every program that they have started ends with them."""
    one = DoctorKubelet(world)
    try:
        yield one
    finally:
        one.close()


class DoctorKubelet:
    """Runs the pods of the experiment, one look at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asking: dict[str, _Asking] = {}
        self._ready: dict[str, bool] = {}
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._unreported: dict[str, float] = {}
        self._services: set[str] = set()
        self._folder = Path(mkdtemp(prefix="ringfence-doctor-test-"))
        agnhost.write_programs(self._folder)
        self._listeners = [self._listen(node) for node in RANGES]
        self._has_table = False

    def close(self) -> None:
        """End all programs, and remove what was added to the nodes."""
        for path in list(self._running):
            self._end(path)
        for listener in self._listeners:
            listener.close()
        if self._has_table:
            self._on_nodes(f"delete table {_TABLE}")
        rmtree(self._folder)

    def look(self) -> None:
        """Start what has been created, end what is being deleted, and report the readiness of each client."""
        self._end_namespaces()
        self._translate_services()
        for replica_set in self._list("/apis/apps/v1/replicasets"):
            name, owner = replica_set["metadata"]["name"], replica_set["metadata"]["namespace"]
            if f"{owner}/{name}" not in self._world.topology.pod_by_name and not self._is_ending(owner):
                self._start(owner, name, replica_set["spec"]["template"])
        for pod in self._list("/api/v1/pods"):
            name, owner = pod["metadata"]["name"], pod["metadata"]["namespace"]
            if f"{owner}/{name}" not in self._world.topology.pod_by_name and not self._is_ending(owner):
                self._world.ask("DELETE", f"/api/v1/namespaces/{owner}/pods/{name}?gracePeriodSeconds=0")
                self._start(owner, name, pod)
        for path in [one for one, due in self._unreported.items() if time.monotonic() > due]:
            del self._unreported[path]
            self._world.report(path)
        self._probe()

    def until(self, is_over: Callable[[], bool], seconds: float = 400.0) -> None:
        """Look every third of a second until the experiment has ended."""
        deadline = time.monotonic() + seconds
        while not is_over():
            assert time.monotonic() < deadline, "the experiment does not end"
            self.look()
            time.sleep(0.3)

    @property
    def connected(self) -> int:
        """How many pods are ready."""
        return sum(self._ready.values())

    def _list(self, path: str) -> list[Any]:
        items: list[Any] = self._world.ask("GET", f"{path}?{_LABELLED}")["items"]
        return items

    # --- nodes ----------------------------------------------------------------------------------------------------

    def _listen(self, node: str) -> socket.socket:
        """The port of the kubelet. The kernel of the node completes the handshakes."""
        with self._world.inside(node):
            return socket.create_server(
                ("::", _KUBELET_PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096
            )

    def _translate_services(self) -> None:
        for service in self._list("/api/v1/services"):
            address, name = service["spec"]["clusterIP"], service["metadata"]["name"]
            path = f"{service['metadata']['namespace']}/{name}"
            if address in self._services or path not in self._world.topology.pod_by_name:
                continue
            [port] = service["spec"]["ports"]
            target = f"{self._world.address(path)}:{port['targetPort']}"
            self._has_table = True
            self._services.add(address)
            self._on_nodes(
                f"table {_TABLE} {{ chain translate {{ type nat hook prerouting priority -100; "
                f"ip daddr {address} tcp dport {port['port']} dnat to {target}; }}; }}"
            )

    def _on_nodes(self, rules: str) -> None:
        for node in RANGES:
            with self._world.inside(node):
                nft(rules)

    # --- pods -----------------------------------------------------------------------------------------------------

    def _start(self, owner: str, name: str, template: Any) -> None:
        """Start the network, then what runs in the pod, and last the status, as late as a kubelet may report it."""
        terms = template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        node = terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
        metadata = {"name": name, "namespace": owner, "labels": template["metadata"]["labels"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        path = self._world.schedule(pod, node)
        self._world.connect(pod, node, ports=_SERVER_PORTS)
        for container in template["spec"]["containers"]:
            self._run(path, container)
        self._unreported[path] = time.monotonic() + _STATUS_SECONDS
        probe = template["spec"]["containers"][0].get("readinessProbe")
        if probe and "httpGet" in probe:
            self._asking[path] = _Asking(path, Connection(node, path, LabPort(probe["httpGet"]["port"], "TCP")))
        elif probe:
            self._asking[path] = self._asked(path, probe["exec"]["command"])

    def _asked(self, path: str, command: list[str]) -> _Asking:
        program, *words = command
        address, _, port = words[1].rpartition(":") if program == "/agnhost" else ("", "", "")
        server = next(
            (pod for pod in self._world.topology.pods if address.strip("[]") in map(str, pod.addresses)), None
        )
        if server is None:
            return _Asking(path, None, tuple(command))
        protocol = next(word for word in words if word.startswith("--protocol="))
        lab_port = LabPort(int(port), protocol.removeprefix("--protocol=").upper())
        return _Asking(path, Connection(path, server.name, lab_port, 6 if address.startswith("[") else 4))

    def _run(self, path: str, container: Any) -> None:
        """Start what a container runs, unless the laboratory does that."""
        arguments = container["args"]
        if container.get("command") == ["sh"]:
            self._running.setdefault(path, []).append(self._execute(path, ["sh", *arguments]))
        elif _HTTP_PORT in arguments:
            self._running.setdefault(path, []).append(self._execute(path, ["/agnhost", *arguments]))

    def _execute(self, path: str, command: list[str]) -> "subprocess.Popen[bytes]":
        """Start a program in the network of a pod. TMPDIR is a folder of its own."""
        state = self._folder / path.replace("/", "-")
        state.mkdir(exist_ok=True)
        words = [word.replace("/agnhost", str(self._folder / "agnhost")) for word in command]
        environment = {**os.environ, "TMPDIR": str(state), "PATH": f"{self._folder}:{os.environ['PATH']}"}
        with self._world.inside(path):
            return subprocess.Popen(
                [*_ENDING_WITH_THIS_PROCESS, *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _end(self, path: str) -> None:
        """End what runs in a pod."""
        for one in self._running.pop(path, ()):
            os.killpg(one.pid, 9)
            one.wait()

    # --- probes ---------------------------------------------------------------------------------------------------

    def _probe(self) -> None:
        connecting = [one for one in self._asking.values() if one.connection]
        opened = self._world.open(*(one.connection for one in connecting if one.connection))
        executed = [(one, self._execute(one.path, [*one.command])) for one in self._asking.values() if one.command]
        found = [*zip(connecting, opened, strict=True), *((one, process.wait() == 0) for one, process in executed)]
        for one, ready in found:
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
                for path in [one for one in self._running if one.startswith(f"{name}/")]:
                    self._end(path)
                self._unreported = {
                    path: due for path, due in self._unreported.items() if not path.startswith(f"{name}/")
                }
                self._world.clear(name)
                self._world.ask("DELETE", f"/apis/apps/v1/namespaces/{name}/replicasets")
                self._world.ask("PUT", f"/api/v1/namespaces/{name}/finalize", {**namespace, "spec": {"finalizers": []}})
