"""The network: a topology turned into namespaces and links that exist exactly as long as this process.

Every node, every pod, everything outside the cluster and the fabric between them is a network namespace of its own,
held open by a file descriptor and nothing else: no mount, no process, no name. When the process ends, however it ends,
the kernel removes them and the links between them.

    pod ── node ── fabric ── node ── pod
                     │
                  outside
"""

from typing import NamedTuple

from ringfence.errors import LaboratoryError
from ringfence.lab.network.links import (
    LOWER_GATEWAY,
    UPLINK,
    LowerEnd,
    add_routes_down,
    add_routes_up,
    attach,
)
from ringfence.lab.network.network_stack import HOST_SETTINGS, ROUTER_SETTINGS, NetworkStack, create_stacks
from ringfence.lab.network.topology import IPAddress, LabNode, LabPod, Topology
from ringfence.netlink.addresses import add_address, remove_address
from ringfence.netlink.links import LOOPBACK, bring_up, remove_link
from ringfence.netlink.routes import add_route, remove_route


class _Attached(NamedTuple):
    """A namespace and the number of its link in the namespace above."""

    stack: NetworkStack
    link: int


class _Readdressing(NamedTuple):
    """A namespace below the fabric, with the addresses that it loses and gets."""

    attached: _Attached
    removed: list[IPAddress]
    added: list[IPAddress]


class Network:
    """The network of a laboratory: empty at first, then the topology that was applied last."""

    def __init__(self) -> None:
        self._fabric = create_stacks(["fabric"], ROUTER_SETTINGS)["fabric"]
        self._fabric.send([bring_up(LOOPBACK)])
        outside = create_stacks(["outside"], HOST_SETTINGS)["outside"]
        self._outside = _Attached(outside, attach(self._fabric, [LowerEnd("outside", outside)])["outside"])
        self._nodes: dict[str, _Attached] = {}
        self._pods: dict[str, _Attached] = {}
        self._topology = Topology((), ())

    def apply(self, topology: Topology) -> None:
        """Add, remove and change what differs from the present topology. The rest is not touched.

        Raises LaboratoryError if the kernel refuses: an address that cannot be used, or a limit that is reached.
        """
        old = {pod.name: pod for pod in self._topology.networked_pods()}
        new = {pod.name: pod for pod in topology.networked_pods()}
        staying = {name for name, pod in old.items() if name in new and _has_same_place(pod, new[name])}
        try:
            self._remove_pods([pod for name, pod in old.items() if name not in staying])
            self._readdress(topology)
            self._add_nodes([node for node in topology.nodes if node.name not in self._nodes])
            self._add_pods([pod for name, pod in new.items() if name not in staying])
        except OSError as error:
            raise LaboratoryError(f"the network of the laboratory cannot be built: {error.strerror}") from error
        self._topology = topology

    def node(self, name: str) -> int:
        """The namespace of a node."""
        return self._nodes[name].stack.descriptor

    def pod(self, pod: LabPod) -> int:
        """The namespace in which a pod's programs run: the node's for a pod on the host network."""
        return self.node(pod.node) if pod.host_network else self._pods[pod.name].stack.descriptor

    @property
    def outside(self) -> int:
        """The namespace that has all addresses outside the cluster."""
        return self._outside.stack.descriptor

    def close(self) -> None:
        """Release all namespaces."""
        for attached in [*self._pods.values(), *self._nodes.values(), self._outside]:
            attached.stack.close()
        self._fabric.close()

    def _add_nodes(self, nodes: list[LabNode]) -> None:
        stacks = create_stacks([node.name for node in nodes], ROUTER_SETTINGS)
        links = attach(self._fabric, [LowerEnd(node.name, stacks[node.name], node.addresses) for node in nodes])
        for name, link in links.items():
            self._nodes[name] = _Attached(stacks[name], link)

    def _add_pods(self, pods: list[LabPod]) -> None:
        stacks = create_stacks([pod.name for pod in pods], HOST_SETTINGS)
        for node in dict.fromkeys(pod.node for pod in pods):
            on_node = [pod for pod in pods if pod.node == node]
            stack, uplink = self._nodes[node]
            links = attach(stack, [LowerEnd(pod.name, stacks[pod.name], pod.addresses) for pod in on_node])
            for name, link in links.items():
                self._pods[name] = _Attached(stacks[name], link)
            addresses = [ip for pod in on_node for ip in pod.addresses]
            self._fabric.send(add_route(uplink, ip, LOWER_GATEWAY[ip.version]) for ip in addresses)

    def _remove_pods(self, pods: list[LabPod]) -> None:
        for pod in pods:
            stack, link = self._pods.pop(pod.name)
            node, uplink = self._nodes[pod.node]
            node.send([remove_link(link)])
            self._fabric.send(remove_route(uplink, ip) for ip in pod.addresses)
            stack.close()

    def _readdress(self, topology: Topology) -> None:
        """Change the addresses of nodes and of the hosts outside the cluster, where they differ.

        All removals come first: an address may move from one to another. A node that the topology does not have any
        more stays as a router without an address.
        """
        changes = [_readdressing(self._outside, self._topology.outside, topology.outside)]
        for name, attached in self._nodes.items():
            before, after = self._topology.node_by_name.get(name), topology.node_by_name.get(name)
            changes.append(_readdressing(attached, _addresses(before), _addresses(after)))
        for (stack, link), removed, _ in changes:
            stack.send(remove_address(UPLINK, ip) for ip in removed)
            self._fabric.send(remove_route(link, ip) for ip in removed)
        for (stack, link), removed, added in changes:
            if removed or added:
                # The kernel removes the default route with the last address of an interface: it is set again.
                stack.send([*(add_address(UPLINK, ip) for ip in added), *add_routes_up()])
                self._fabric.send(add_routes_down(link, added))


def _readdressing(attached: _Attached, before: tuple[IPAddress, ...], after: tuple[IPAddress, ...]) -> _Readdressing:
    removed = [ip for ip in before if ip not in after]
    added = [ip for ip in after if ip not in before]
    return _Readdressing(attached, removed, added)


def _addresses(node: LabNode | None) -> tuple[IPAddress, ...]:
    return node.addresses if node else ()


def _has_same_place(old: LabPod, new: LabPod) -> bool:
    """Whether a pod can keep its namespace."""
    return old.node == new.node and old.addresses == new.addresses
