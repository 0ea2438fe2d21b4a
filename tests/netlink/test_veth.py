"""Veth pairs: what is at the far ends of the veth pairs of a namespace."""

import os
import socket

import pytest
from tests.dataplane.network import (
    Network,
    gateway,
    in_own_network,
    ip,
    leave_for_new_network,
    lose_privileges,
    number,
    own_network,
)

from ringfence.netlink.veth import RemoteInterface, Veth, VethReader
from ringfence.sets.addresses import FAMILIES, parse_address


@in_own_network
def test_the_addresses_of_pods_are_known_without_a_packet() -> None:
    network = Network(2)
    reader = VethReader()
    veths = {veth.number: veth for veth in reader.links().veths}
    for pod in range(2):
        veth = veths[socket.if_nametoindex(f"pod{pod}")]
        end = reader.far_end(veth)
        with network.inside(pod):
            index, hardware_address = socket.if_nametoindex("eth0"), hardware_address_of("eth0")
        assert end is not None
        assert (veth.name, veth.bridge, veth.far_end and veth.far_end.interface) == (f"pod{pod}", 0, index)
        assert end.addresses >= {(family, number(pod, family)) for family in FAMILIES}
        assert len(end.addresses) == 3, "with a link-local one; those of lo are not at the end of this veth pair"
        assert end.hardware_address == hardware_address


@in_own_network
def test_a_port_of_a_bridge_names_its_bridge() -> None:
    Network(1)
    ip("link add br0 type bridge", "link set pod0 master br0")
    links = VethReader().links()
    [veth] = links.veths
    assert veth.bridge == socket.if_nametoindex("br0")
    assert links.bridges == {veth.bridge: hardware_address_of("br0")}


@in_own_network
def test_the_addresses_of_the_node_have_their_interfaces() -> None:
    Network(1)
    own = {(socket.if_nametoindex("pod0"), parse_address(gateway(0, family))) for family in FAMILIES}
    assert VethReader().links().addresses >= own


@in_own_network
def test_the_ports_of_tunnels_are_known() -> None:
    ip(
        "link add one type vxlan id 1 dstport 8472",
        "link add other type vxlan id 2 dstport 4789",
        "link add same type vxlan id 3 dstport 4789",
        "link add name cable type veth peer name end",
    )
    links = VethReader().links()
    assert links.tunnels == {8472, 4789}
    assert len(links.veths) == 2


@in_own_network
def test_the_links_to_which_tunnels_are_bound_are_known() -> None:
    ip(
        "link add name bound type veth peer name end",
        "link add one type vxlan id 1 dstport 8472 dev bound",
        "link add other type vxlan id 2 dstport 4789",
    )
    assert VethReader().links().underlays == {socket.if_nametoindex("bound")}


@in_own_network
def test_the_link_of_a_tunnel_that_came_from_another_namespace_is_none_of_this_one() -> None:
    network, router = Network(1), own_network()
    ip("link add name bound index 1000 type veth peer name end")
    with network.inside(0):
        ip(
            "link add name there index 1000 type veth peer name end",
            "link add moved type vxlan id 1 dstport 8472 dev there",
            f"link set moved netns /proc/{os.getpid()}/fd/{router}",
        )
    found = VethReader().links()
    assert found.tunnels == {8472}
    assert not found.underlays


@in_own_network
def test_both_ends_of_a_veth_pair_inside_a_namespace_lead_nowhere() -> None:
    ip("link add name one type veth peer name other")
    reader = VethReader()
    assert [(veth.far_end, reader.far_end(veth)) for veth in reader.links().veths] == [(None, None)] * 2


@in_own_network
def test_a_pod_that_has_gone_is_not_known() -> None:
    Network(1)
    reader = VethReader()
    [veth] = reader.links().veths
    ip("link delete pod0")
    assert reader.far_end(veth) is None
    assert reader.far_end(Veth(veth.number, veth.name, 0, RemoteInterface(4711, 2))) is None
    assert reader.links().veths == ()


@in_own_network
def test_without_rights_over_the_pods_nothing_is_known_of_them() -> None:
    Network(1)
    reader = VethReader()
    lose_privileges()
    [veth] = reader.links().veths
    with pytest.raises(PermissionError):
        reader.far_end(veth)


@in_own_network
def test_a_namespace_without_veth_pairs_has_none() -> None:
    leave_for_new_network()
    assert VethReader().links().veths == ()


def hardware_address_of(interface: str) -> bytes:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as on_link:
        on_link.bind((interface, 0))
        hardware_address: bytes = on_link.getsockname()[4]
        return hardware_address
