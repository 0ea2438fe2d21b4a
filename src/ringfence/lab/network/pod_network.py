"""How the pods of a node are linked: the kinds of pod networks, and the settings of the node's kernel.

The kinds are named after the network plugins that build such networks (containernetworking.github.io; Flannel).
"""

from enum import StrEnum

import msgspec


class PodNetwork(StrEnum):
    """How a pod is linked to its node, and a node to other nodes."""

    ROUTED = "routed"
    """A point-to-point link without addresses of its own and without IPv6 link-local addresses, as Calico makes it."""

    PTP = "ptp"
    """The ptp plugin: a point-to-point link with link-local addresses; the node's end has the gateway's address."""

    BRIDGE = "bridge"
    """The bridge plugin: all pods of a node are on one bridge, on which the node has the gateway's address."""

    FLANNEL = "flannel"
    """Flannel: the bridge plugin on each node, and VXLAN tunnels between the nodes."""

    @property
    def has_bridges(self) -> bool:
        """Whether the pods of a node are on a bridge."""
        return self in (PodNetwork.BRIDGE, PodNetwork.FLANNEL)

    @property
    def has_link_local_addresses(self) -> bool:
        """Whether pods and nodes have IPv6 link-local addresses on their links."""
        return self is not PodNetwork.ROUTED

    @property
    def has_gateways(self) -> bool:
        """Whether a node has an address of its own towards its pods, in the range of their addresses."""
        return self is not PodNetwork.ROUTED


class ReversePathFilter(StrEnum):
    """Which packets a node drops because of the interface that they came by (RFC 3704). The kernel has it for IPv4."""

    OFF = "off"
    STRICT = "strict"
    """Those whose source address the node reaches by another interface."""

    LOOSE = "loose"
    """Those whose source address the node does not reach by any interface."""


class NodeNetwork(msgspec.Struct, frozen=True):
    """How a node's pods are linked, and the settings of its kernel.

    Without `br_netfilter`, packets between two pods on one bridge bypass packet filters. With `discovers_neighbours`,
    pods and nodes find each other's hardware addresses by ARP and neighbour discovery; otherwise they know them. The
    kernel remembers 1,024 discovered neighbours on the whole machine, which is too few for some hundred pods.
    """

    kind: PodNetwork = PodNetwork.ROUTED
    br_netfilter: bool = True
    rp_filter: ReversePathFilter = ReversePathFilter.OFF
    discovers_neighbours: bool = False
