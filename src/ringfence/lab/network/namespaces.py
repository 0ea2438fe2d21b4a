"""The network: a topology turned into namespaces and links that exist exactly as long as this process.

Every node, every pod, everything outside the cluster and the fabric between them is a network namespace of its own,
held open by a file descriptor and nothing else: no mount, no process, no name. When the process ends, however it ends,
the kernel removes them and the links between them.

    pod ── node ── fabric ── node ── pod
                     │
                  outside
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from ringfence.errors import LaboratoryError
from ringfence.lab.network import flannel
from ringfence.lab.network.bridge_links import (
    add_gateways,
    add_node_bridge,
    bridge_link,
    neighbours_of_node,
    neighbours_of_pod,
    remove_gateways,
)
from ringfence.lab.network.kernel_settings import fabric_settings, node_settings, outside_settings, pod_settings
from ringfence.lab.network.links import (
    LOWER_GATEWAY,
    UPLINK,
    Link,
    LowerEnd,
    add_routes_down,
    add_routes_up,
    attach,
    routed_link,
)
from ringfence.lab.network.network_stack import NetworkStack, create_stacks
from ringfence.lab.network.nft import load_ruleset
from ringfence.lab.network.pod_network import PodNetwork
from ringfence.lab.network.ptp_links import ptp_link
from ringfence.lab.network.topology import IPAddress, IPNetwork, LabNode, LabPod, Topology
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
        self._fabric = create_stacks(["fabric"], fabric_settings())["fabric"]
        self._fabric.send([bring_up(LOOPBACK)])
        outside = create_stacks(["outside"], outside_settings())["outside"]
        links = attach(self._fabric, [LowerEnd("outside", outside)], routed_link)
        self._outside = _Attached(outside, links["outside"])
        self._nodes: dict[str, _Attached] = {}
        self._pods: dict[str, _Attached] = {}
        self._topology = Topology((), ())

    def apply(self, topology: Topology) -> None:
        """Add, remove and change what differs from the present topology. The rest is not touched.

        Raises LaboratoryError if the kernel refuses: an address that cannot be used, or a limit that is reached.
        """
        old = {pod.name: pod for pod in self._topology.networked_pods()}
        new = {pod.name: pod for pod in topology.networked_pods()}
        staying = {name for name, pod in old.items() if name in new and self._has_same_place(pod, topology)}
        try:
            # What is in the way is removed before anything is added: addresses and pod ranges may move from one to
            # another.
            self._remove_pods([pod for name, pod in old.items() if name not in staying])
            has_other_tunnels = _tunnelled(self._topology) != _tunnelled(topology)
            if has_other_tunnels:
                self._remove_tunnels()
            self._remove_nodes([node for node in self._topology.nodes if _changes_network(node, topology)])
            self._readdress(topology)
            self._add_nodes([node for node in topology.nodes if node.name not in self._nodes])
            if has_other_tunnels:
                self._add_tunnels(topology)
            self._add_pods(topology, staying)
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

    def _remove_nodes(self, nodes: list[LabNode]) -> None:
        for node in nodes:
            stack, link = self._nodes.pop(node.name)
            self._fabric.send([remove_link(link)])
            stack.close()

    def _add_nodes(self, nodes: list[LabNode]) -> None:
        stacks: dict[str, NetworkStack] = {}
        for node in nodes:
            stacks |= create_stacks([node.name], node_settings(node.network))
        ends = [LowerEnd(node.name, stacks[node.name], node.addresses) for node in nodes]
        for name, link in attach(self._fabric, ends, routed_link).items():
            self._nodes[name] = _Attached(stacks[name], link)
        for node in nodes:
            if node.network.kind.has_bridges:
                stacks[node.name].send([*add_node_bridge(node), *add_gateways(node)])

    def _add_pods(self, topology: Topology, staying: set[str]) -> None:
        """Add the pods of a topology that are not among those that stay, one node after the other."""
        by_node: dict[str, list[LabPod]] = {}
        for pod in topology.networked_pods():
            by_node.setdefault(pod.node, []).append(pod)
        for name, pods in by_node.items():
            node = topology.node_by_name[name]
            self._add_pods_of_node(node, [pod for pod in pods if pod.name not in staying])
            if node.network.kind.has_bridges and not node.network.discovers_neighbours:
                self._add_neighbours(node, pods, staying)

    def _add_pods_of_node(self, node: LabNode, pods: list[LabPod]) -> None:
        stacks = create_stacks([pod.name for pod in pods], pod_settings(node.network))
        stack, uplink = self._nodes[node.name]
        ends = [LowerEnd(pod.name, stacks[pod.name], pod.addresses) for pod in pods]
        links = attach(stack, ends, partial(_LINKS[node.network.kind], node))
        if node.network.kind.has_gateways:
            versions = {ip.version for pod in pods for ip in pod.addresses}
            stack.wait_for_addresses(ip for version, ip in node.gateways.items() if version in versions)
        for name, link in links.items():
            self._pods[name] = _Attached(stacks[name], link)
        addresses = [ip for pod in pods for ip in pod.addresses]
        # One route for each address: those of a node's pods need not be in one range.
        self._fabric.send(add_route(uplink, ip, LOWER_GATEWAY[ip.version]) for ip in addresses)

    def _add_neighbours(self, node: LabNode, pods: list[LabPod], staying: set[str]) -> None:
        """Add neighbour entries for the pods on a bridge: new pods get those of all, staying pods those of new pods."""
        new = [pod for pod in pods if pod.name not in staying]
        self._nodes[node.name].stack.send(neighbours_of_node(new))
        for pod in pods:
            lacking = new if pod.name in staying else pods
            self._pods[pod.name].stack.send(neighbours_of_pod(node, [one for one in lacking if one != pod]))

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
            if _ranges(before) != _ranges(after):
                attached.stack.send(remove_gateways(before) if before and before.network.kind.has_bridges else ())
                attached.stack.send(add_gateways(after) if after and after.network.kind.has_bridges else ())
        for (stack, link), removed, _ in changes:
            stack.send(remove_address(UPLINK, ip) for ip in removed)
            self._fabric.send(remove_route(link, ip) for ip in removed)
        for (stack, link), removed, added in changes:
            if removed or added:
                # The kernel removes the default route with the last address of an interface: it is set again.
                stack.send([*(add_address(UPLINK, ip) for ip in added), *add_routes_up()])
                self._fabric.send(add_routes_down(link, added))
                stack.wait_for_addresses(added)

    def _remove_tunnels(self) -> None:
        """Remove the tunnels between Flannel's nodes: the entries of each depend on all nodes."""
        for node in _tunnelled(self._topology):
            self._nodes[node.name].stack.send(flannel.remove_tunnels(node))

    def _add_tunnels(self, topology: Topology) -> None:
        nodes = _tunnelled(topology)
        for node in nodes:
            stack = self._nodes[node.name].stack
            stack.send(flannel.add_tunnels(node, [other for other in nodes if other != node]))
            load_ruleset(flannel.translation_ruleset(node, nodes), stack.descriptor, "source addresses")

    def _has_same_place(self, pod: LabPod, topology: Topology) -> bool:
        """Whether a pod of the present topology can keep its namespace in another one."""
        new, node = topology.pod_by_name[pod.name], self._topology.node_by_name[pod.node]
        return (
            (pod.node, pod.addresses) == (new.node, new.addresses)
            and _ranges(node) == _ranges(topology.node_by_name[pod.node])
            and not _changes_network(node, topology)
        )


def _readdressing(attached: _Attached, before: tuple[IPAddress, ...], after: tuple[IPAddress, ...]) -> _Readdressing:
    removed = [ip for ip in before if ip not in after]
    added = [ip for ip in after if ip not in before]
    return _Readdressing(attached, removed, added)


def _addresses(node: LabNode | None) -> tuple[IPAddress, ...]:
    return node.addresses if node else ()


def _ranges(node: LabNode | None) -> tuple[IPNetwork, ...]:
    return node.pod_ranges if node else ()


def _changes_network(node: LabNode, topology: Topology) -> bool:
    """Whether a topology has a node of this name with another kind or other settings of its pod network."""
    other = topology.node_by_name.get(node.name)
    return other is not None and other.network != node.network


def _tunnelled(topology: Topology) -> list[LabNode]:
    return [node for node in topology.nodes if node.network.kind is PodNetwork.FLANNEL]


_LINKS: Final[dict[PodNetwork, Callable[[LabNode, int, LowerEnd], Link]]] = {
    PodNetwork.ROUTED: lambda node, number, lower: routed_link(number, lower),
    PodNetwork.PTP: ptp_link,
    PodNetwork.BRIDGE: bridge_link,
    PodNetwork.FLANNEL: partial(bridge_link, mtu=flannel.MTU),
}
"""How the pods of a node are linked to it."""
