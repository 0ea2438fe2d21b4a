"""Links between network namespaces, bridges and tunnels: they are created, and listed with their settings."""

import json
import os
import socket
import subprocess
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest
from tests.dataplane.network import (
    in_own_network,
    ip,
    leave_for_new_network,
    own_network,
    return_to,
)
from tests.waiting import eventually

from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.links import (
    LOOPBACK,
    BridgeState,
    LinkEnd,
    add_bridge,
    add_link,
    add_vxlan,
    bring_up,
    list_bridges,
    operational_links,
    remove_link,
    set_hairpin,
)
from ringfence.netlink.requests import send_requests
from ringfence.netlink.routes import set_tunnel_end
from ringfence.netlink.socket import NetlinkSocket

NEAR = LinkEnd("near", 100, bytes.fromhex("020000000001"))
FAR = LinkEnd("far", 2, bytes.fromhex("020000000002"))


def two_networks() -> tuple[int, int]:
    """The network of this process, which stays there, and a new one."""
    home = own_network()
    leave_for_new_network()
    there = own_network()
    return_to(home)
    return home, there


def names() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


@in_own_network
def test_a_link_has_an_end_in_each_of_two_namespaces() -> None:
    home, there = two_networks()
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
    home, there = two_networks()
    send_requests([add_link(NEAR, FAR, there)])
    assert NEAR.index not in operational_links()
    return_to(there)
    send_requests([bring_up(FAR.index)])
    return_to(home)
    assert eventually(lambda: operational_links() == {NEAR.index}), "and lo is not said to be"
    assert LOOPBACK not in operational_links()


@in_own_network
def test_a_bridge_is_listed_with_its_ports_and_settings() -> None:
    _, there = two_networks()
    send_requests([add_bridge(LinkEnd("br0", 50, bytes.fromhex("020000000050")))])
    send_requests([add_link(msgspec.structs.replace(NEAR, bridge=50, mtu=1400), FAR, there), set_hairpin(NEAR.index)])
    with NetlinkSocket(NETLINK_ROUTE) as netlink:
        assert list_bridges(netlink) == [BridgeState("br0", 1, filters_ipv4=False, filters_ipv6=False)]
        ip("link set br0 type bridge nf_call_iptables 1")
        assert list_bridges(netlink) == [BridgeState("br0", 1, filters_ipv4=True, filters_ipv6=False)]
    shown = show("link", "near")
    assert shown["mtu"] == 1400
    assert shown["linkinfo"]["info_slave_data"]["hairpin"] is True


@pytest.mark.parametrize("local", ["10.0.0.1", "fd00::1"])
@in_own_network
def test_a_tunnel_sends_frames_only_where_it_is_told_to(local: str) -> None:
    _, there = two_networks()
    send_requests([add_link(NEAR, FAR, there)])
    end = LinkEnd("flannel.1", 60, bytes.fromhex("020000000060"), mtu=1430)
    remote = ip_address("10.0.0.2" if local == "10.0.0.1" else "fd00::2")
    hardware_address = bytes.fromhex("020000000061")
    send_requests([add_vxlan(end, 1, 8472, ip_address(local), NEAR.index)])
    send_requests([set_tunnel_end(end.index, hardware_address, remote)])
    data = show("link", "flannel.1")["linkinfo"]["info_data"]
    assert (data["id"], data["port"], data["link"], data["learning"]) == (1, 8472, "near", False)
    assert data.get("local", data.get("local6")) == local
    entries = json.loads(run("bridge", "-json", "fdb", "show", "dev", "flannel.1"))
    assert [(one["mac"], one["dst"], one["state"]) for one in entries] == [
        ("02:00:00:00:00:61", str(remote), "permanent")
    ]


def show(what: str, name: str) -> Any:
    """The details that `ip` prints about an interface."""
    return json.loads(run("ip", "-json", "-details", what, "show", name))[0]


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
