"""Links between network namespaces."""

import os
import socket

from tests.dataplane.network import PATIENCE, eventually, in_own_network, leave_for_new_network, own_network, return_to

from ringfence.netlink.links import LOOPBACK, LinkEnd, add_link, bring_up, operational_links, remove_link
from ringfence.netlink.requests import send_requests

NEAR = LinkEnd("near", 100, bytes.fromhex("020000000001"))
FAR = LinkEnd("far", 2, bytes.fromhex("020000000002"))


def names() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


@in_own_network
def test_a_link_has_an_end_in_each_of_two_namespaces() -> None:
    home = own_network()
    leave_for_new_network()
    there = own_network()
    return_to(home)
    send_requests([add_link(NEAR, FAR, there)])
    assert names() == {"lo", "near"}
    assert socket.if_nametoindex("near") == NEAR.index
    return_to(there)
    assert names() == {"lo", "far"}
    assert socket.if_nametoindex("far") == FAR.index
    return_to(home)
    send_requests([remove_link(NEAR.index)])
    return_to(there)
    assert names() == {"lo"}, "the other end goes with it"
    os.close(there)


@in_own_network
def test_a_link_is_operational_when_both_ends_are_up() -> None:
    home = own_network()
    leave_for_new_network()
    there = own_network()
    return_to(home)
    send_requests([add_link(NEAR, FAR, there)])
    assert NEAR.index not in operational_links()
    return_to(there)
    send_requests([bring_up(FAR.index)])
    return_to(home)
    assert eventually(lambda: operational_links() == {NEAR.index}, PATIENCE), "and lo is not said to be"
    assert LOOPBACK not in operational_links()
