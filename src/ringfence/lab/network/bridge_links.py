"""A bridge on each node, and the links of its pods to it, as the network plugin bridge makes them.

The node's own interface on the bridge has the gateway's address; pods have addresses of the same subnet, reach each
other directly, and send everything else to the gateway. All have IPv6 link-local addresses.

Source: containernetworking/plugins, `plugins/main/bridge/bridge.go` with `isDefaultGateway` and `hairpinMode`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.lab.network.links import UPLINK, Link, LowerEnd
from ringfence.lab.network.pod_addresses import hardware_address, prefix_length
from ringfence.lab.network.topology import LabNode, LabPod
from ringfence.netlink.addresses import add_address, remove_address
from ringfence.netlink.links import LinkEnd, add_bridge, set_hairpin
from ringfence.netlink.requests import NetworkRequest
from ringfence.netlink.routes import set_default_route, set_neighbour

BRIDGE: Final = 900
"""The number of a node's interface on its bridge: below those of its links."""


def add_node_bridge(node: LabNode) -> Iterator[NetworkRequest]:
    """The bridge of a node, called cni0 as Flannel and most configurations call it. Its MTU is that of its ports."""
    yield add_bridge(LinkEnd("cni0", BRIDGE, _bridge_hardware(node)))


def add_gateways(node: LabNode) -> Iterator[NetworkRequest]:
    """The node's own addresses on its bridge."""
    for gateway in node.gateways.values():
        yield add_address(BRIDGE, gateway, prefix_length(node, gateway))


def remove_gateways(node: LabNode) -> Iterator[NetworkRequest]:
    """Remove what `add_gateways` added."""
    for gateway in node.gateways.values():
        yield remove_address(BRIDGE, gateway, prefix_length(node, gateway))


def bridge_link(node: LabNode, number: int, lower: LowerEnd, *, mtu: int = 0) -> Link:
    """The link of a pod to its node's bridge, with an MTU (0: the kernel's default)."""
    addresses = (add_address(UPLINK, ip, prefix_length(node, ip)) for ip in lower.addresses)
    default_routes = (set_default_route(UPLINK, node.gateways[ip.version]) for ip in lower.addresses)
    return Link(
        LinkEnd(f"veth{number}", number, hardware_address(node.name, lower.name), mtu, BRIDGE),
        LinkEnd("eth0", UPLINK, hardware_address(lower.name), mtu),
        in_upper=(set_hairpin(number),),
        in_lower=(*addresses, *default_routes),
        announces=node.network.discovers_neighbours,
    )


def neighbours_of_pod(node: LabNode, others: Iterable[LabPod]) -> Iterator[NetworkRequest]:
    """The hardware addresses that a pod knows without asking: those of its node, and of other pods on the bridge."""
    for gateway in node.gateways.values():
        yield set_neighbour(UPLINK, gateway, _bridge_hardware(node))
    yield from _neighbours(UPLINK, others)


def neighbours_of_node(pods: Iterable[LabPod]) -> Iterator[NetworkRequest]:
    """The hardware addresses of pods, which their node knows without asking."""
    yield from _neighbours(BRIDGE, pods)


def _neighbours(link: int, pods: Iterable[LabPod]) -> Iterator[NetworkRequest]:
    for pod in pods:
        for ip in pod.addresses:
            yield set_neighbour(link, ip, hardware_address(pod.name))


def _bridge_hardware(node: LabNode) -> bytes:
    return hardware_address(node.name, "cni0")
