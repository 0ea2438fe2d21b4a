"""Addresses of a network namespace: they are added, listed and removed."""

import subprocess
from ipaddress import ip_address

import pytest
from tests.dataplane.network import in_own_network

from ringfence.netlink.addresses import add_address, list_addresses, remove_address
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import LOOPBACK, LinkEnd, add_bridge
from ringfence.netlink.requests import send_requests
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import NO_ADDRESSES, Family, parse_address


@in_own_network
def test_addresses_of_both_families_are_listed_until_they_are_removed() -> None:
    some = [ip_address("192.0.2.7"), ip_address("2001:db8::7")]
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        before = list_addresses(netlink)
        send_requests(add_address(LOOPBACK, ip) for ip in some)
        listed = list_addresses(netlink)
        assert all(listed.contains(*parse_address(str(ip))) for ip in some)
        assert not listed.contains(Family.IPV4, parse_address("192.0.2.8")[1])
        send_requests(remove_address(LOOPBACK, ip) for ip in some)
        assert list_addresses(netlink) == before
        assert before != NO_ADDRESSES, "lo has its own"


@in_own_network
def test_of_a_point_to_point_link_the_address_of_this_end_is_listed() -> None:
    """The kernel reports the address of the other end as IFA_ADDRESS and the address of this end as IFA_LOCAL."""
    subprocess.run(["ip", "address", "add", "192.0.2.1", "peer", "192.0.2.2", "dev", "lo"], check=True)
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        listed = list_addresses(netlink)
    assert listed.contains(*parse_address("192.0.2.1"))
    assert not listed.contains(*parse_address("192.0.2.2"))


@pytest.mark.parametrize("has_route", [True, False])
@in_own_network
def test_an_address_of_a_subnet_leads_to_the_subnet_unless_told_otherwise(has_route: bool) -> None:
    bridge = LinkEnd("br0", 50, bytes.fromhex("020000000050"))
    send_requests([add_bridge(bridge), add_address(bridge.index, ip_address("10.1.2.3"), 24, prefix_route=has_route)])
    routes = subprocess.run(["ip", "route", "show", "10.1.2.0/24"], capture_output=True, text=True, check=True)
    assert bool(routes.stdout) is has_route
    send_requests([remove_address(bridge.index, ip_address("10.1.2.3"), 24)])
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        assert not list_addresses(netlink).contains(*parse_address("10.1.2.3"))
