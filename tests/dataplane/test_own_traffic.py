"""Traffic of the node to itself is never dropped, even where the addresses of the node lie in its pod range.

A bridge has the first address of the range. That address belongs to no pod that the agent will ever know.
"""

import socket
from ipaddress import ip_network

import pytest
from tests.dataplane.network import PATIENCE, Network, address, gateway, in_own_network, received, socket_family

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ADDRESS, HELD, Program, RangeSet, address_key, base_program
from ringfence.sets.addresses import FAMILIES, Addresses, Family

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)
RANGES = Addresses.of(ip_network("10.0.0.0/16"), ip_network("fd00::/48"))
GROUP = {Family.IPV4: "239.1.2.3", Family.IPV6: "ff15::1"}


def all_held() -> Program:
    """Every address of every pod is held, and so is every address of the node on its links to them."""
    return base_program(holds=True).changed(
        {
            name: RangeSet(
                ADDRESS[family],
                frozenset((address_key(family, low), address_key(family, high)) for low, high in RANGES.ranges(family)),
            )
            for family, name in HELD.items()
        }
    )


def on_node(family: Family, port: int = 0, own: str = "") -> socket.socket:
    one = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((own, port))
    return one


@both_families
@in_own_network
def test_a_process_on_the_node_reaches_the_nodes_own_address_among_the_pods(family: Family) -> None:
    Network(2)
    Kernel().apply(all_held())
    server = on_node(family, 7000)
    for link in range(2):
        on_node(family).sendto(b"x", (gateway(link, family), 7000))
        assert received(server) == b"x"


@both_families
@in_own_network
def test_the_node_receives_its_own_multicast(family: Family) -> None:
    """The copy for the node itself arrives over the link to the pods, not over the loopback interface."""
    Network(1)
    Kernel().apply(all_held())
    link = socket.if_nametoindex("pod0")
    server, client = on_node(family, 7000), on_node(family, own=gateway(0, family))
    if family is Family.IPV4:
        own = socket.inet_aton(gateway(0))
        server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP[family]) + own)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
    else:
        group = socket.inet_pton(socket.AF_INET6, GROUP[family]) + link.to_bytes(4, "little")
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link)
    client.sendto(b"x", (GROUP[family], 7000))
    assert received(server) == b"x"


@in_own_network
def test_the_node_receives_its_own_broadcast() -> None:
    Network(1)
    Kernel().apply(all_held())
    server, client = on_node(Family.IPV4, 7000), on_node(Family.IPV4, own=gateway(0))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    client.sendto(b"x", ("10.0.0.255", 7000))
    assert received(server) == b"x"


@both_families
@in_own_network
def test_the_node_receives_the_errors_of_a_held_pod_about_its_own_packets(family: Family) -> None:
    Network(1)
    Kernel().apply(all_held())
    client = on_node(family)
    client.connect((address(0, family), 7000))
    client.settimeout(PATIENCE)
    client.send(b"x")
    with pytest.raises(ConnectionRefusedError):
        client.recv(100)


@both_families
@in_own_network
def test_a_held_pod_receives_the_errors_of_its_node(family: Family) -> None:
    """The packet of the pod ends at the node. The node answers with an error from an address that is held as well."""
    network = Network(2)
    Kernel().apply(all_held())
    with network.inside(0):
        client = socket.socket(socket_family(family), socket.SOCK_DGRAM)
        if family is Family.IPV4:
            client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
            client.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        else:
            client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
            client.setsockopt(socket.IPPROTO_IPV6, 25, 1)  # IPV6_RECVERR
    client.connect((address(1, family), 7000))
    client.settimeout(PATIENCE)
    client.send(b"x")
    with pytest.raises(OSError, match="No route to host"):
        client.recv(100)


@both_families
@in_own_network
def test_a_held_pod_still_does_not_reach_its_node(family: Family) -> None:
    network = Network(1)
    Kernel().apply(all_held())
    server = on_node(family, 7000)
    network.udp(0, 0, family).sendto(b"x", (gateway(0, family), 7000))
    assert network.delivered(server) is None
