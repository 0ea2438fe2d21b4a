"""Changes of links: which interfaces were removed, and what is said if the kernel has dropped reports."""

import socket
from contextlib import closing

import pytest
from tests.dataplane.network import in_own_network, ip

from ringfence.netlink import socket as netlink_socket
from ringfence.netlink.link_changes import LinkChanges


@in_own_network
def test_the_numbers_of_removed_interfaces_are_known() -> None:
    with closing(LinkChanges()) as changes:
        ip("link add name one type veth peer name other")
        removed = {socket.if_nametoindex(name) for name in ("one", "other")}
        assert changes.take_removed() == frozenset()
        ip("link delete one")
        assert changes.take_removed() == frozenset(removed)
        assert changes.take_removed() == frozenset()


@in_own_network
def test_if_the_kernel_has_dropped_reports_any_interface_may_have_been_removed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(netlink_socket, "_WANTED_BUFFER", 1 << 12)
        changes = LinkChanges()
    with closing(changes):
        ip("link add name one type veth peer name other")
        ip(*(f"address add 192.0.2.{number}/32 dev lo" for number in range(1, 100)), "link delete one")
        assert changes.take_removed() is None
        assert changes.take_removed() == frozenset(), "they are lost only once"
