"""Routes and neighbours: they define where the kernel sends packets."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from tests.dataplane.network import (
    in_own_network,
    leave_for_new_network,
    own_network,
    received,
    return_to,
)
from tests.waiting import eventually

from ringfence.netlink.addresses import add_address
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import LinkEnd, add_link, bring_up, operational_links
from ringfence.netlink.requests import IPAddress, NetworkRequest, send_requests
from ringfence.netlink.routes import add_route, delivers_here, remove_route, set_default_route, set_neighbour
from ringfence.netlink.socket import NetlinkSocket

NEAR = LinkEnd("near", 100, bytes.fromhex("020000000001"))
FAR = LinkEnd("far", 2, bytes.fromhex("020000000002"))

ENDS = [(ip_address("10.0.0.1"), ip_address("10.0.0.2")), (ip_address("fd00::1"), ip_address("fd00::2"))]
both_families = pytest.mark.parametrize("ends", ENDS, ids=["IPv4", "IPv6"])


@contextmanager
def linked(ends: tuple[IPAddress, IPAddress]) -> Iterator[socket.socket]:
    """Two namespaces with a link.

    Each end has an address that is alone in its subnet. Yields a socket at the far end.
    """
    near, far = ends
    home = own_network()
    leave_for_new_network()
    there = own_network()
    return_to(home)
    send_requests([add_link(NEAR, FAR, there), add_address(NEAR.index, near)])
    return_to(there)
    send_requests([bring_up(FAR.index), add_address(FAR.index, far), set_default_route(FAR.index, near)])
    server = socket.socket(socket.AF_INET if far.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind((str(far), 7))
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        assert eventually(lambda: delivers_here(netlink, far))
    return_to(home)
    assert eventually(lambda: NEAR.index in operational_links())
    with server:
        yield server


def reaches(server: socket.socket, ip: IPAddress) -> bool:
    with socket.socket(server.family, socket.SOCK_DGRAM) as client:
        try:
            client.sendto(b"x", (str(ip), 7))
        except OSError:
            return False
    return received(server) == b"x"


def route_to(far: IPAddress, by: IPAddress | None = None) -> Iterator[NetworkRequest]:
    yield set_neighbour(NEAR.index, by or far, FAR.hardware_address)
    yield add_route(NEAR.index, far, by)


@both_families
@in_own_network
def test_an_address_is_reached_as_long_as_there_is_a_route(ends: tuple[IPAddress, IPAddress]) -> None:
    _, far = ends
    with linked(ends) as server:
        assert not reaches(server, far)
        send_requests(route_to(far))
        assert reaches(server, far)
        send_requests([remove_route(NEAR.index, far)])
        assert not reaches(server, far)


@both_families
@in_own_network
def test_a_gateway_needs_no_address_in_a_subnet_of_the_link(ends: tuple[IPAddress, IPAddress]) -> None:
    _, far = ends
    gateway = ip_address("169.254.1.1" if far.version == 4 else "fe80::1")
    with linked(ends) as server:
        send_requests(route_to(far, by=gateway))
        assert reaches(server, far)


@both_families
@in_own_network
def test_a_default_route_reaches_everything_and_may_be_set_twice(ends: tuple[IPAddress, IPAddress]) -> None:
    _, far = ends
    with linked(ends) as server:
        for _ in range(2):
            send_requests([set_neighbour(NEAR.index, far, FAR.hardware_address), set_default_route(NEAR.index, far)])
        assert reaches(server, far)


@both_families
@in_own_network
def test_packets_are_delivered_to_own_addresses_and_to_no_others(ends: tuple[IPAddress, IPAddress]) -> None:
    near, far = ends
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        assert not delivers_here(netlink, near), "there is no route at all"
        with linked(ends):
            assert eventually(lambda: delivers_here(netlink, near))
            assert not delivers_here(netlink, far)
            send_requests(route_to(far))
            assert not delivers_here(netlink, far), "it is reached, and is elsewhere"
