"""Links, addresses and routes, asked of the kernel in one conversation."""

import socket
from ipaddress import ip_address

import pytest
from tests.lab.sandboxes import in_sandbox

from ringfence.lab.network import linux
from ringfence.netlink import routes as rtnetlink
from ringfence.netlink.routes import LOOPBACK, LinkEnd

NEAR = LinkEnd("near", 100, bytes.fromhex("020000000001"))
FAR = LinkEnd("far", 2, bytes.fromhex("020000000002"))


def test_a_link_has_an_end_in_each_of_two_namespaces() -> None:
    def names() -> tuple[set[str], set[str]]:
        home = linux.open_network_namespace()
        linux.unshare(linux.NamespaceKind.NETWORK)
        there = linux.open_network_namespace()
        linux.enter_namespace(home, linux.NamespaceKind.NETWORK)
        rtnetlink.carry_out([rtnetlink.link(NEAR, FAR, there)])
        here_names = {name for _, name in socket.if_nameindex()}
        with linux.in_network_namespace(there):
            return here_names, {name for _, name in socket.if_nameindex()}

    assert in_sandbox(names) == ({"lo", "near"}, {"lo", "far"})


def test_a_refusal_names_the_request_and_does_not_stop_the_others() -> None:
    def refusal() -> tuple[str, bool]:
        twice = rtnetlink.address(LOOPBACK, ip_address("10.0.0.1"))
        other = rtnetlink.address(LOOPBACK, ip_address("10.0.0.2"))
        with pytest.raises(OSError, match="File exists") as caught:
            rtnetlink.carry_out([rtnetlink.bring_up(LOOPBACK), twice, twice, other])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("10.0.0.2", 0))
        return str(caught.value.strerror), True

    assert in_sandbox(refusal) == ("address 10.0.0.1: File exists", True)


def test_what_was_given_can_be_taken_back() -> None:
    def again() -> None:
        ip = ip_address("fd00::1")
        for _ in range(2):
            rtnetlink.carry_out([rtnetlink.address(LOOPBACK, ip), rtnetlink.remove_address(LOOPBACK, ip)])

    in_sandbox(again)


def test_a_batch_may_be_longer_than_what_a_socket_takes_at_once() -> None:
    def many() -> int:
        addresses = [ip_address(f"10.{i >> 8}.{i & 255}.1") for i in range(5_000)]
        rtnetlink.carry_out(rtnetlink.address(LOOPBACK, ip) for ip in addresses)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((str(addresses[-1]), 0))
        return len(addresses)

    assert in_sandbox(many) == 5_000
