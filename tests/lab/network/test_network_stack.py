"""Namespaces and the links between them: packets reach what was attached, at once."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from tests.lab.sandboxes import in_sandbox

from ringfence.lab.network import network_stack
from ringfence.lab.network.kernel_settings import fabric_settings
from ringfence.lab.network.links import LowerEnd, attach, routed_link
from ringfence.lab.network.linux import NamespaceKind, in_network_namespace, unshare
from ringfence.lab.network.network_stack import create_stacks
from ringfence.netlink.addresses import add_address
from ringfence.netlink.links import LOOPBACK, LinkEnd, add_link, bring_up, remove_link
from ringfence.netlink.requests import send_requests

IP = ip_address("fd00::2")


@contextmanager
def links_changing_elsewhere() -> Iterator[None]:
    """Processes that add and remove links in namespaces of their own: the kernel has one lock for all of them."""
    children = []
    for _ in range(6):
        children.append(os.fork())
        if children[-1] == 0:
            _change_links()
    try:
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _change_links() -> None:
    unshare(NamespaceKind.NETWORK)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    while True:
        ends = [(LinkEnd(f"a{i}", 2 * i, bytes([2, *bytes(4), i])), 2 * i + 1) for i in range(1, 20)]
        send_requests(
            add_link(end, LinkEnd(f"b{other}", other, bytes([6, *bytes(4), other])), home) for end, other in ends
        )
        send_requests(bring_up(other) for _, other in ends)
        send_requests(remove_link(end.index) for end, _ in ends)


def test_the_first_packet_to_an_ipv6_address_arrives() -> None:
    """The kernel takes an address into use some time after it was added, if links change elsewhere."""

    def lost() -> list[int]:
        with links_changing_elsewhere():
            return [number for number in range(50) if not _is_reached_at_once()]

    assert in_sandbox(lost) == []


def _is_reached_at_once() -> bool:
    stacks = create_stacks(["upper", "lower"], fabric_settings())
    upper, lower = stacks["upper"], stacks["lower"]
    upper.send([bring_up(LOOPBACK), add_address(LOOPBACK, ip_address("fd00::1"))])
    with in_network_namespace(lower.descriptor):
        server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        server.bind(("::", 7))
    with in_network_namespace(upper.descriptor):
        client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    attach(upper, [LowerEnd("lower", lower, (IP,))], routed_link)
    with server, client:
        client.sendto(b"x", (str(IP), 7))
        server.settimeout(20)  # a packet that was lost never comes
        try:
            return server.recv(10) == b"x"
        except TimeoutError:
            return False
        finally:
            upper.close()
            lower.close()


def test_an_address_that_does_not_come_into_use_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_stack, "_TIMEOUT", 0.01)

    def wait() -> None:
        stack = create_stacks(["it"], fabric_settings())["it"]
        with pytest.raises(TimeoutError, match="addresses do not come into use"):
            stack.wait_for_addresses([IP])

    in_sandbox(wait)
