"""The addresses that a node has for itself, from what its kubelet and its network plugin write."""

import pytest

from ringfence.model.metadata import NodeMeta
from ringfence.model.node_addresses import FLANNEL_BACKEND, internal_addresses, plugin_addresses
from ringfence.model.objects import Node, NodeAddress, NodeSpec, NodeStatus
from ringfence.sets.addresses import address_text


def annotated(annotations: dict[str, str], *pod_ranges: str) -> list[str]:
    node = Node(NodeMeta("n", annotations=annotations), NodeSpec(pod_ranges))
    return [address_text(*one) for one in plugin_addresses(node)]


@pytest.mark.parametrize("backend", ["vxlan", "ipip", "wireguard", "udp"])
def test_flannels_tunnel_has_the_network_address_of_each_pod_range(backend: str) -> None:
    ranges = "10.244.1.0/24", "fd00:10:244:1::/64"
    assert annotated({FLANNEL_BACKEND: backend}, *ranges) == ["10.244.1.0", "fd00:10:244:1::"]


@pytest.mark.parametrize(
    ("backend", "pod_range"),
    [
        pytest.param("host-gw", "10.244.1.0/24", id="a backend without an interface"),
        pytest.param("", "10.244.1.0/24", id="another plugin"),
        pytest.param("vxlan", "10.244.1.0/31", id="a range in which its first address may be a pod's"),
        pytest.param("vxlan", "fd00::/128", id="a single address"),
    ],
)
def test_a_network_address_that_is_no_tunnels(backend: str, pod_range: str) -> None:
    assert annotated({FLANNEL_BACKEND: backend} if backend else {}, pod_range) == []


@pytest.mark.parametrize(
    ("key", "value", "addresses"),
    [
        ("flannel.alpha.coreos.com/public-ip", "172.18.0.11", ["172.18.0.11"]),
        ("flannel.alpha.coreos.com/public-ipv6", "fd00::11", ["fd00::11"]),
        ("projectcalico.org/IPv4Address", "172.18.0.11/16", ["172.18.0.11"]),
        ("projectcalico.org/IPv6Address", "fd00::11/64", ["fd00::11"]),
        ("projectcalico.org/IPv4IPIPTunnelAddr", "10.42.1.1", ["10.42.1.1"]),
        ("projectcalico.org/IPv4VXLANTunnelAddr", "10.42.1.2", ["10.42.1.2"]),
        ("projectcalico.org/IPv6VXLANTunnelAddr", "fd00::42", ["fd00::42"]),
        ("projectcalico.org/IPv4WireguardInterfaceAddr", "10.42.1.3", ["10.42.1.3"]),
        ("projectcalico.org/IPv6WireguardInterfaceAddr", "fd00::43", ["fd00::43"]),
        ("network.cilium.io/ipv4-cilium-host", "10.0.0.9", ["10.0.0.9"]),
        ("network.cilium.io/ipv6-cilium-host", "fd00::9", ["fd00::9"]),
        ("projectcalico.org/IPv4IPIPTunnelAddr", "", []),
        ("projectcalico.org/IPv4IPIPTunnelAddr", "no address", []),
        ("example.org/address", "10.0.0.9", []),
    ],
)
def test_annotations(key: str, value: str, addresses: list[str]) -> None:
    assert annotated({key: value}) == addresses


def test_the_cluster_knows_a_node_by_its_internal_addresses() -> None:
    reported = NodeStatus(
        (
            NodeAddress("one", "Hostname"),
            NodeAddress("172.18.0.11", "InternalIP"),
            NodeAddress("203.0.113.7", "ExternalIP"),
            NodeAddress("no-address", "InternalIP"),
            NodeAddress("fd00::11", "InternalIP"),
        )
    )
    known = internal_addresses(Node(status=reported))
    assert [address_text(*one) for one in known] == ["172.18.0.11", "fd00::11"]
