"""What Flannel adds to the bridges of nodes: VXLAN tunnels between the nodes, and translation of source addresses.

Each node has one tunnel interface for each family. Its address is the network address of the node's pod range, and what
the node itself sends to pods of other nodes has this source address. The interface learns no neighbours: for each other
node there is a route to its pod range through its tunnel address, a permanent neighbour entry for this address, and a
permanent forwarding entry for the frames to this neighbour.

What pods send to addresses outside all pod ranges gets the node's address as its source, because the network between
the nodes has no routes to pods.

Sources: flannel-io/flannel, `pkg/backend/vxlan/vxlan_network.go`, `pkg/backend/vxlan/device.go`,
`pkg/trafficmngr/nftables/nftables.go`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ringfence.lab.network.links import UPLINK
from ringfence.lab.network.pod_addresses import hardware_address
from ringfence.lab.network.topology import IPAddress, IPNetwork, LabNode
from ringfence.netlink.addresses import add_address
from ringfence.netlink.links import LinkEnd, add_vxlan, remove_link
from ringfence.netlink.requests import NetworkRequest
from ringfence.netlink.routes import add_route, set_neighbour, set_tunnel_end

MTU: Final = 1430
"""Bytes of the largest packet of a pod: what VXLAN over IPv6 (70 bytes) leaves of Ethernet's 1,500."""

TUNNELS: Final = {4: 901, 6: 902}
"""The numbers of the tunnel interfaces, by version."""

_NAMES: Final = {4: "flannel.1", 6: "flannel-v6.1"}
_VXLAN_NETWORK: Final = 1
_PORT: Final = 8472  # the kernel's default, which Flannel keeps; IANA's number is 4789
_TABLE: Final = "inet flannel"
_FAMILY: Final = {4: "ip", 6: "ip6"}
_MULTICAST: Final = {4: "224.0.0.0/4", 6: "ff00::/8"}


def add_tunnels(node: LabNode, others: Iterable[LabNode]) -> Iterator[NetworkRequest]:
    """The tunnels of a node to others."""
    for pod_range, local in _tunnelled(node):
        number = TUNNELS[pod_range.version]
        end = LinkEnd(_NAMES[pod_range.version], number, _tunnel_hardware(node), MTU)
        yield add_vxlan(end, _VXLAN_NETWORK, _PORT, local, UPLINK)
        yield add_address(number, pod_range.network_address)
        for other in others:
            yield from _reach(other, pod_range.version, number)


def remove_tunnels(node: LabNode) -> Iterator[NetworkRequest]:
    """Remove what `add_tunnels` added: routes and neighbours go with the interface."""
    for pod_range, _ in _tunnelled(node):
        yield remove_link(TUNNELS[pod_range.version])


def translation_ruleset(node: LabNode, nodes: Iterable[LabNode]) -> str:
    """Flannel's translation of source addresses on a node, as commands for nft that replace it in one transaction."""
    return "\n".join(_translation(node, [pod_range for one in nodes for pod_range in one.pod_ranges])) + "\n"


def _tunnelled(node: LabNode) -> Iterator[tuple[IPNetwork, IPAddress]]:
    """The pod ranges of a node that others reach through a tunnel, each with the node's address at the tunnel's end."""
    for pod_range in node.pod_ranges:
        for address in node.addresses:
            if address.version == pod_range.version:
                yield pod_range, address
                break


def _reach(other: LabNode, version: int, number: int) -> Iterator[NetworkRequest]:
    """The route to the pods of another node, with the entries that it needs."""
    for pod_range, remote in _tunnelled(other):
        if pod_range.version == version:
            yield set_neighbour(number, pod_range.network_address, _tunnel_hardware(other))
            yield set_tunnel_end(number, _tunnel_hardware(other), remote)
            yield add_route(number, pod_range, pod_range.network_address)


def _translation(node: LabNode, pod_ranges: list[IPNetwork]) -> Iterator[str]:
    # nft refuses to delete a table that does not exist, so it is added first.
    yield f"add table {_TABLE}"
    yield f"delete table {_TABLE}"
    yield f"add table {_TABLE}"
    yield f"add chain {_TABLE} postrouting {{ type nat hook postrouting priority srcnat; }}"
    for own in node.pod_ranges:
        ip = _FAMILY[own.version]
        cluster = "{ " + ", ".join(str(one) for one in pod_ranges if one.version == own.version) + " }"
        # In Flannel's order. A rule with `return` exempts packets from the rules below it.
        for condition in (
            f"{ip} saddr {cluster} {ip} daddr {cluster} return",
            f"{ip} saddr {cluster} {ip} daddr != {_MULTICAST[own.version]} masquerade",
            f"{ip} daddr {own} return",
            f"{ip} daddr {cluster} masquerade",
        ):
            yield f"add rule {_TABLE} postrouting {condition}"


def _tunnel_hardware(node: LabNode) -> bytes:
    return hardware_address(node.name, "flannel")
