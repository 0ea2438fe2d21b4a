"""The internet: all addresses without private ranges and those of the cluster."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.endpoints.test_endpoints import service
from tests.semantics.judges import cluster_of
from tests.semantics.objects import node, pod

from ringfence.analysis.endpoints.internet import GLOBAL_UNICAST, PRIVATE_RANGES, internet_addresses
from ringfence.sets.addresses import Family, address_text, parse_address

CLUSTER = cluster_of(
    [
        node("n", "8.8.4.4"),
        pod("x/a", addresses=["8.8.8.8", "2001:4860::8"]),
        service("x/s", {}, clusterIP="9.9.9.9", externalIPs=["9.9.9.10"]),
    ]
)
INTERNET = internet_addresses(CLUSTER.state)


@pytest.mark.parametrize(
    ("address", "is_internet"),
    [
        ("1.1.1.1", True),
        ("203.0.113.7", True),
        ("2001:db8::1", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("172.31.255.255", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("ff02::1", False),
    ],
)
def test_private_ranges_are_not_the_internet(address: str, is_internet: bool) -> None:
    assert INTERNET.contains(*parse_address(address)) is is_internet


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860::8", "8.8.4.4", "9.9.9.9", "9.9.9.10"])
def test_addresses_of_pods_nodes_and_services_are_not_the_internet(address: str) -> None:
    assert not INTERNET.contains(*parse_address(address))
    assert internet_addresses(cluster_of([]).state).contains(*parse_address(address))


@given(st.ip_addresses())
def test_an_address_is_internet_if_it_is_in_no_private_range(written: object) -> None:
    family, number = parse_address(str(written))
    address = ip_address(address_text(family, number))  # not as written: IPv4 may be written as IPv6
    private = any(address in ip_network(one) for one in PRIVATE_RANGES)
    public = address in ip_network(GLOBAL_UNICAST) if family is Family.IPV6 else not private
    assert internet_addresses(cluster_of([]).state).contains(family, number) is public
