"""The addresses of a node: those that its kubelet reports, and those that a network plugin gives it for tunnels.

What a node itself sends to pods of other nodes goes through the plugin's tunnel. Its source is the address of the
tunnel's interface, which the Node's status does not contain. Plugins write it into annotations of the Node, or derive
it from the range of its pods: Flannel's tunnels have the network address, which no pod can have.

By the default roles of Kubernetes, only the kubelet of the node, the plugin and administrators may write annotations of
a Node. A user with that right could also report any address for a pod of the node.

Sources: flannel-io/flannel, `pkg/subnet/kube/annotations.go`, `pkg/backend/{vxlan,ipip,wireguard,udp}`;
containernetworking/plugins, `plugins/ipam/host-local/backend/allocator/range.go`, which refuses ranges with fewer than
two bits for pods, and gives no pod the network address; projectcalico/calico,
`libcalico-go/lib/backend/k8s/conversion/constants.go`; cilium/cilium, `pkg/annotation/k8s.go`.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from ringfence.model.cidrs import parse_cidr
from ringfence.model.metadata import NO_LABELS, Labels
from ringfence.model.objects import Node, NodeAddress
from ringfence.sets.addresses import Family, parse_address

NodeAddressNumber = tuple[Family, int]

FLANNEL_BACKEND: Final = "flannel.alpha.coreos.com/backend-type"

_FLANNEL_TUNNELS: Final = frozenset(("vxlan", "ipip", "wireguard", "udp"))
"""The backends of Flannel whose interface has the network address of the node's pod range."""

_FEWEST_BITS: Final = 2
"""The bits that a pod range leaves for pods, so that no pod has its network address."""

_ANNOTATED: Final = (
    "flannel.alpha.coreos.com/public-ip",
    "flannel.alpha.coreos.com/public-ipv6",
    "projectcalico.org/IPv4Address",
    "projectcalico.org/IPv6Address",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
    "network.cilium.io/ipv4-cilium-host",
    "network.cilium.io/ipv6-cilium-host",
)
"""The annotations that hold one address of the node each, some with a prefix length."""


def internal_addresses(node: Node) -> Iterator[NodeAddressNumber]:
    """The addresses by which the cluster knows the node, without host names."""
    reported = _reported(node.status.addresses or ())
    return ((family, number) for kind, family, number in reported if kind == "InternalIP")


def reported_addresses(node: Node) -> Iterator[NodeAddressNumber]:
    """The addresses that the kubelet of the node reports, without host names."""
    return ((family, number) for _, family, number in _reported(node.status.addresses or ()))


@lru_cache(maxsize=8)
def _reported(entries: tuple[NodeAddress, ...]) -> tuple[tuple[str, Family, int], ...]:
    """The addresses among these, each with its type. Cached, because several readers ask when a node changes."""
    return tuple([(entry.type, *number) for entry in entries for number in _read(entry.address)])


def plugin_addresses(node: Node) -> Iterator[NodeAddressNumber]:
    """The addresses that network plugins have given the node; a text that is not an address is left out."""
    annotations = node.metadata.annotations or NO_LABELS
    for key in _ANNOTATED:
        # `projectcalico.org/IPv4Address` has a prefix length (`10.0.0.5/24`).
        yield from _read(annotations.get(key, "").partition("/")[0])
    yield from _flannel_tunnels(node, annotations)


def _flannel_tunnels(node: Node, annotations: Labels) -> Iterator[NodeAddressNumber]:
    if annotations.get(FLANNEL_BACKEND) not in _FLANNEL_TUNNELS:
        return
    for text in node.spec.pod_cidrs or ():
        pod_range = parse_cidr(text)
        if pod_range.max_prefixlen - pod_range.prefixlen >= _FEWEST_BITS:
            yield Family(pod_range.version), int(pod_range.network_address)


def _read(text: str) -> Iterator[NodeAddressNumber]:
    try:
        yield parse_address(text)
    except ValueError:
        return
