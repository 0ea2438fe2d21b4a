"""Batches of changes to links, addresses and routes, sent through one socket."""

import socket
from ipaddress import ip_address

import pytest
from tests.dataplane.network import in_own_network

from ringfence.netlink.addresses import add_address, remove_address
from ringfence.netlink.links import LOOPBACK, bring_up
from ringfence.netlink.requests import NetworkRequest, send_requests


def can_bind(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((address, 0))
        except OSError:
            return False
    return True


@in_own_network
def test_a_refusal_names_the_request_and_does_not_stop_the_others() -> None:
    twice, other = (add_address(LOOPBACK, ip_address(text)) for text in ("10.0.0.1", "10.0.0.2"))
    with pytest.raises(OSError, match=r"address 10\.0\.0\.1: File exists"):
        send_requests([bring_up(LOOPBACK), twice, twice, other])
    assert can_bind("10.0.0.2")


@in_own_network
def test_a_refusal_stops_no_later_batch_either_and_the_first_one_is_named() -> None:
    def requests() -> list[NetworkRequest]:
        return [add_address(LOOPBACK, ip_address(f"10.{i >> 8}.{i & 255}.1")) for i in range(5_000)]

    some = requests()
    with pytest.raises(OSError, match=r"address 10\.0\.0\.1: File exists"):
        send_requests([some[0], some[0], *some[1:], some[-1]])
    assert can_bind("10.19.135.1")


@in_own_network
def test_what_was_given_can_be_taken_back() -> None:
    ip = ip_address("fd00::1")
    for _ in range(2):
        send_requests([add_address(LOOPBACK, ip), remove_address(LOOPBACK, ip)])


@in_own_network
def test_a_batch_may_be_longer_than_what_a_socket_takes_at_once() -> None:
    addresses = [ip_address(f"10.{i >> 8}.{i & 255}.1") for i in range(5_000)]
    send_requests(add_address(LOOPBACK, ip) for ip in addresses)
    assert can_bind(str(addresses[-1]))
