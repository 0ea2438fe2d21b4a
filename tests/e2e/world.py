"""A small cluster in which agents run, with a real API server and a real kernel.

The test acts as the kubelets and as the network plugin.

    with living(folder) as world:
        world.put(policy(...))                    # through the API server
        world.run(pod(...), "n1")                 # the Pod object, its network namespace and link, its status
        world.reaches("x/a", "x/b", TCP_80)       # a real probe

Nodes, pods and the control plane are network namespaces. Only file descriptors of this process keep them open, and
every program in them ends with this process. So nothing stays behind, not even after SIGKILL.
"""

import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ringfence.lab.network import linux
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork
from ringfence.lab.network.topology import IPAddress, LabNode, LabPod, LabPort, Topology
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.prober import Attempt, observe
from ringfence.lab.probing.server_set import ServerSet
from ringfence.model.node_addresses import FLANNEL_BACKEND
from tests.dataplane.network import nft
from tests.semantics.objects import Object, key_of, namespace

from .control_plane import Answer, ControlPlane
from .policy_definitions import GROUP
from .policy_definitions import path_of as policies_path

CONTROL_PLANE: Final = "control-plane"
RANGES: Final = {"n1": ("10.244.0.0/23", "fd00:10:244::/63"), "n2": ("10.244.2.0/23", "fd00:10:244:2::/63")}
"""The nodes on which pods run, and the ranges from which those have their addresses."""

NODES: Final = (
    LabNode(CONTROL_PLANE, (ip_address("172.18.0.2"), ip_address("fd00:172:18::2"))),
    *(
        LabNode(name, (ip_address(f"172.18.0.{i}"), ip_address(f"fd00:172:18::{i}")), tuple(map(ip_network, ranges)))
        for i, (name, ranges) in enumerate(RANGES.items(), 11)
    ),
)
AGENT_READS: Final = ("namespaces", "pods", "nodes", "networkpolicies.networking.k8s.io")
PORTS: Final = tuple(LabPort(number, protocol) for number in (80, 81) for protocol in ("TCP", "UDP", "SCTP"))
"""Where every pod answers."""

_SERVICES: Final = (
    "table inet services { chain forward { type filter hook forward priority 0; ct state new counter; }; }"
)
"""What every node has that translates Services: its kernel tracks connections, whether an agent runs or not."""

PATIENCE: Final = 0.25
_FIRST_HOST: Final = 20
_HOSTS: Final = 200
_DELETIONS: Final = 10
_PLURALS: Final = {
    "Namespace": "api/v1/namespaces",
    "Node": "api/v1/nodes",
    "Pod": "api/v1/{}/pods",
    "NetworkPolicy": "apis/networking.k8s.io/v1/{}/networkpolicies",
    **{
        f"{kind}.{GROUP}": policies_path(kind.lower().removesuffix("y") + "ies").removeprefix("/")
        for kind in ("ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")
    },
}


class Connection(NamedTuple):
    """A question: may this pod or node open this connection to another?"""

    source: str
    destination: str
    port: LabPort
    family: int = 4


class World:
    """The cluster. A pod is named `NAMESPACE/NAME`, a node by its name."""

    def __init__(self, folder: Path) -> None:
        self.network = Network()
        self.topology = Topology((), ())
        self._loop = EventLoop()
        self._serving = ServerSet(self._loop, self.network, serve=True)
        self._next_host = 0
        self._kept: set[str] = set()
        self._connections: list[socket.socket] = []
        self._become(nodes=NODES)
        with self.inside(CONTROL_PLANE):
            self.control_plane = ControlPlane(folder, address=str(NODES[0].addresses[0]))

    def start(self) -> None:
        """Start the control plane, and register the nodes with it."""
        self.start_control_plane()
        for node in RANGES:
            self.join(node)
        with self.inside(CONTROL_PLANE):
            self.agents_kubeconfig = self.control_plane.service_account("agent", AGENT_READS)

    def tend(self) -> None:
        """Start what does not run, and restore what was removed from the nodes."""
        self.start_control_plane()
        for node in RANGES:
            with self.inside(node):
                nft(_SERVICES)
        self._connect_nodes()

    def _connect_nodes(self) -> None:
        """Make each node hold a connection, as its kubelet does: so the node's kernel tracks one at any time."""
        self._disconnect_nodes()
        with self.inside(CONTROL_PLANE):
            listener = socket.create_server((str(NODES[0].addresses[0]), 0))
        with listener:
            for node in RANGES:
                with self.inside(node):
                    calling = socket.create_connection(listener.getsockname())
                self._connections += [calling, listener.accept()[0]]

    def _disconnect_nodes(self) -> None:
        for one in self._connections:
            one.close()
        self._connections.clear()

    def link_pods(self, network: NodeNetwork) -> None:
        """Set how the nodes link their pods. No pod may run at that time: the nodes are built again."""
        assert not self.topology.pods
        nodes = [msgspec.structs.replace(one, network=network) for one in self.topology.nodes if one.pod_ranges]
        self._become(nodes=[*(one for one in self.topology.nodes if not one.pod_ranges), *nodes])
        for node in RANGES:
            self.annotate(node)

    def close(self) -> None:
        """Close the cluster and everything in it."""
        self._disconnect_nodes()
        self.control_plane.apiserver.kill()  # It would wait for all open watches.
        self.control_plane.stop()
        self.control_plane.forget()
        self._serving.close()
        self._loop.close()
        self.network.close()

    # --- places ---------------------------------------------------------------------------------------------------

    def inside(self, place: str) -> AbstractContextManager[None]:
        """Enter the network of a node or a pod while the context is open."""
        return linux.in_network_namespace(self.place(place))

    def place(self, name: str) -> int:
        """The network namespace of a node or a pod."""
        return self.network.pod(self.pod(name)) if "/" in name else self.network.node(name)

    def pod(self, path: str) -> LabPod:
        """A pod that runs."""
        return self.topology.pod_by_name[path]

    def address(self, name: str, family: int = 4) -> IPAddress:
        """The address of a node or a pod."""
        owner = self.pod(name) if "/" in name else self.topology.node_by_name[name]
        return next(ip for ip in owner.addresses if ip.version == family)

    # --- the API server -------------------------------------------------------------------------------------------

    def start_control_plane(self) -> None:
        """Start the parts of the control plane that do not run."""
        with self.inside(CONTROL_PLANE):
            self.control_plane.start()

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run the real kubectl; return its output."""
        with self.inside(CONTROL_PLANE):
            return self.control_plane.kubectl(*arguments, stdin=stdin).stdout

    def kubectl_apply(self, *objects: Object) -> None:
        """Apply objects with the real kubectl."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def ask(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:
        """Send a request to the API server and return the answer. A refusal is an error."""
        answer = self._request(method, path, body, content_type)
        assert answer.status < 300, f"{method} {path}: {answer.body}"
        return answer.body

    def _request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Answer:
        with self.inside(CONTROL_PLANE):
            return self.control_plane.request(method, path, body, content_type)

    def put(self, *objects: Object) -> None:
        """Create objects, or replace them by the given ones."""
        for obj in objects:
            self.ask("PATCH", f"{path_of(obj)}?fieldManager=test&force=true", obj, "application/apply-patch+yaml")

    def set_labels(self, obj: Object, labels: Mapping[str, str | None]) -> None:
        """Set labels of an object. Labels with the value None are removed; labels that are not named stay."""
        self.ask("PATCH", path_of(obj), {"metadata": {"labels": labels}}, "application/merge-patch+json")

    def delete(self, *objects: Object) -> None:
        """Delete objects at once."""
        for obj in objects:
            self.ask("DELETE", f"{path_of(obj)}?gracePeriodSeconds=0")

    def clear(self, owner: str) -> None:
        """Remove all pods and policies of a namespace."""
        self._become(pods=[pod for pod in self.topology.pods if pod.namespace != owner])
        while self._kept:
            self._set_finalizers(self._kept.pop(), [])
        for kind in ("Pod", "NetworkPolicy"):
            self.delete_all(kind, owner)

    def delete_all(self, kind: str, owner: str, **labels: str) -> None:
        """Delete all objects of a kind in a namespace that have these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        collection = _PLURALS[kind].format(f"namespaces/{owner}")
        path = f"/{collection}?gracePeriodSeconds=0&labelSelector={selector}"
        # The API server gives up after a minute, and has deleted some of them by then.
        for _ in range(_DELETIONS):
            answer = self._request("DELETE", path)
            if answer.status != HTTPStatus.GATEWAY_TIMEOUT:
                break
        assert answer.status < 300, f"{path}: {answer.body}"

    def join(self, name: str) -> None:
        """Register a node, as its kubelet does."""
        ranges = RANGES[name]
        spec = {"podCIDR": ranges[0], "podCIDRs": list(ranges)}
        self.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec})
        own = self.topology.node_by_name[name].addresses
        addresses = [*({"type": "InternalIP", "address": str(ip)} for ip in own), {"type": "Hostname", "address": name}]
        patch = {"status": {"addresses": addresses}}
        self.ask("PATCH", f"/api/v1/nodes/{name}/status", patch, "application/merge-patch+json")

    def annotate(self, name: str) -> None:
        """Write into a Node what its network plugin writes."""
        is_flannel = self.topology.node_by_name[name].network.kind is PodNetwork.FLANNEL
        annotations = {FLANNEL_BACKEND: "vxlan" if is_flannel else None}
        patch = {"metadata": {"annotations": annotations}}
        self.ask("PATCH", f"/api/v1/nodes/{name}", patch, "application/merge-patch+json")

    # --- the kubelet and the network plugin -----------------------------------------------------------------------

    def run(self, obj: Object, node: str, *addresses: str, ports: tuple[LabPort, ...] = PORTS) -> str:
        """Run a pod on a node, with addresses of its range unless others are given; return its path."""
        path = self.schedule(obj, node)
        self.connect(obj, node, *addresses, ports=ports)
        self.report(path)
        return path

    def schedule(self, obj: Object, node: str) -> str:
        """Create the Pod object, bound to a node. No part of the pod runs yet."""
        given = obj | {"spec": obj["spec"] | {"nodeName": node}}
        self.put({field: value for field, value in given.items() if field != "status"})
        return _path(obj)

    def connect(self, obj: Object, node: str, *addresses: str, ports: tuple[LabPort, ...] = PORTS) -> None:
        """Create the pod's network on the node. The API server does not know about it yet."""
        self.replace((), self._placed(obj, node, addresses, ports))

    def disconnect(self, path: str) -> None:
        """Remove the pod's network. The API server does not know about it yet."""
        self.replace((path,))

    def replace(self, going: Iterable[str], *coming: LabPod) -> None:
        """Remove the networks of pods and create others in their place, at once."""
        gone = set(going)
        self._become(pods=[*(pod for pod in self.topology.pods if pod.name not in gone), *coming])

    def report(self, path: str, phase: str = "Running") -> None:
        """Report the state and the addresses of the pod to the API server."""
        pod = self.pod(path)
        status = {
            "phase": phase,
            "podIP": str(pod.addresses[0]),
            "podIPs": [{"ip": str(ip)} for ip in pod.addresses],
            "hostIP": str(self.address(pod.node)),
            "hostIPs": [{"ip": str(ip)} for ip in self.topology.node_by_name[pod.node].addresses],
        }
        self.set_status(path, status)

    def set_status(self, path: str, status: Object) -> None:
        """Write a part of a pod's status, as its kubelet does."""
        owner, name = path.split("/")
        patch = {"status": status}
        self.ask("PATCH", f"/api/v1/namespaces/{owner}/pods/{name}/status", patch, "application/merge-patch+json")

    def remove(self, path: str) -> None:
        """End a pod: remove its network first, then its object."""
        self.disconnect(path)
        self.forget(path)

    def keep(self, path: str) -> None:
        """Add a finalizer that keeps the deleted Pod object until its namespace is cleared."""
        self._set_finalizers(path, ["example.org/keep"])
        self._kept.add(path)

    def _set_finalizers(self, path: str, finalizers: list[str]) -> None:
        owner, name = path.split("/")
        patch = {"metadata": {"finalizers": finalizers}}
        self.ask("PATCH", f"/api/v1/namespaces/{owner}/pods/{name}", patch, "application/merge-patch+json")

    def forget(self, path: str) -> None:
        """Delete the Pod object."""
        owner, name = path.split("/")
        self.ask("DELETE", f"/api/v1/namespaces/{owner}/pods/{name}?gracePeriodSeconds=0")

    def free_addresses(self, node: str) -> tuple[IPAddress, ...]:
        """Addresses for a pod on a node. They differ from those of the previous pod while there are others."""
        taken = {ip for pod in self.topology.pods for ip in pod.addresses}
        while True:
            self._next_host = (self._next_host + 1) % _HOSTS
            found = tuple(ip_network(one)[_FIRST_HOST + self._next_host] for one in RANGES[node])
            if taken.isdisjoint(found):
                return found

    def _placed(self, obj: Object, node: str, addresses: tuple[str, ...], ports: tuple[LabPort, ...]) -> LabPod:
        if obj["spec"].get("hostNetwork"):
            return LabPod(_path(obj), node, self.topology.node_by_name[node].addresses, ports, host_network=True)
        return LabPod(_path(obj), node, tuple(map(ip_address, addresses)) or self.free_addresses(node), ports)

    def _become(self, *, nodes: Iterable[LabNode] | None = None, pods: Iterable[LabPod] | None = None) -> None:
        present = self.topology
        topology = Topology(
            present.nodes if nodes is None else tuple(nodes), present.pods if pods is None else tuple(pods)
        )
        self._serving.close_missing(topology)
        self.network.apply(topology)
        self._serving.open_missing(topology)
        self.topology = topology

    # --- probes ---------------------------------------------------------------------------------------------------

    def reaches(self, source: str, destination: str, port: LabPort = PORTS[0], family: int = 4) -> bool:
        """Whether a connection can be opened now."""
        return self.open(Connection(source, destination, port, family))[0]

    def open(self, *connections: Connection, patience: float = PATIENCE) -> list[bool]:
        """Which of these connections can be opened now."""
        probes = [
            Attempt(self.place(one.source), self.address(one.destination, one.family), one.port) for one in connections
        ]
        return observe(self._loop, probes, patience)


@contextmanager
def living(folder: Path) -> Iterator[World]:
    """A world with a running control plane, while the context is open."""
    world = World(folder)
    try:
        world.start()
        yield world
    finally:
        world.close()


def path_of(obj: Object) -> str:
    """The path of an object in the API server."""
    kind, owner, name = key_of(obj)
    return f"/{_PLURALS[kind].format(f'namespaces/{owner}')}/{name}"


def new_namespace(world: World, name: str, **labels: str) -> str:
    """A namespace of the world."""
    world.put(namespace(name, **labels))
    return name


def _path(obj: Object) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
