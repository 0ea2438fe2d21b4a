"""Nodes on which a packet filter does not see all packets."""

from pathlib import Path

import pytest
from tests.dataplane.forged import by_way_of, datagram, send
from tests.dataplane.network import Network, address, gateway, in_own_network, ip
from tests.dataplane.programs import program

from ringfence.dataplane.forwarding import follows_source_routes, translates_with_ipvs, unfiltered_bridges
from ringfence.dataplane.kernel import Kernel
from ringfence.model.policies import Direction

IPVS_HEADER = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "translates"),
    [
        pytest.param(None, False, id="the kernel has no IPVS"),
        pytest.param(IPVS_HEADER, False, id="nobody uses it"),
        pytest.param(IPVS_HEADER + "TCP  0A600001:01BB rr\n  -> AC120002:192B Masq 1 0 0\n", True, id="a Service"),
    ],
)
def test_ipvs_is_in_use_if_it_has_a_service(tmp_path: Path, text: str | None, translates: bool) -> None:
    if text is not None:
        write(tmp_path, "proc/net/ip_vs", text)
    assert translates_with_ipvs(tmp_path) is translates


def add_bridges() -> None:
    """A bridge with two ports, and one with a single port."""
    ip(
        *(f"link add {bridge} type bridge" for bridge in ("cni0", "lonely0")),
        *(f"link add {port} type veth peer name {port}-far" for port in ("port1", "port2", "port3")),
        *(f"link set {port} master {bridge}" for port, bridge in PORTS.items()),
    )


PORTS = {"port1": "cni0", "port2": "cni0", "port3": "lonely0"}


class TestBridges:
    @in_own_network
    def test_pods_on_a_bridge_bypass_the_filter_without_the_module(self, tmp_path: Path) -> None:
        add_bridges()
        assert unfiltered_bridges(tmp_path) == ["cni0"], "a bridge of one port connects nothing"

    @pytest.mark.parametrize(
        ("ipv4", "ipv6", "bypassing"), [("0", "1", ["cni0"]), ("1", "0", ["cni0"]), ("1", "1", [])]
    )
    @in_own_network
    def test_bridges_bypass_the_filter_unless_both_families_are_filtered(
        self, ipv4: str, ipv6: str, bypassing: list[str]
    ) -> None:
        add_bridges()
        set_br_netfilter(ipv4, ipv6)
        assert unfiltered_bridges() == bypassing

    @in_own_network
    def test_a_bridge_may_have_its_packets_filtered_by_settings_of_its_own(self) -> None:
        add_bridges()
        set_br_netfilter("0", "0")
        ip("link set cni0 type bridge nf_call_iptables 1")
        assert unfiltered_bridges() == ["cni0"]
        ip("link set cni0 type bridge nf_call_ip6tables 1")
        assert unfiltered_bridges() == []


def set_br_netfilter(ipv4: str, ipv6: str) -> None:
    """Configure br_netfilter in the present network namespace."""
    for tables, value in (("iptables", ipv4), ("ip6tables", ipv6)):
        try:
            Path(f"/proc/sys/net/bridge/bridge-nf-call-{tables}").write_text(value)
        except FileNotFoundError:
            pytest.skip("the kernel module br_netfilter is not loaded")


@pytest.mark.parametrize("setting", ["0", "1"])
@in_own_network
def test_source_routes_lead_past_policies_where_the_kernel_follows_them(setting: str) -> None:
    """A packet with the option "loose source route" has the node as its destination until it has passed the rules."""
    network = Network(2)
    for conf in ("all", "pod0", "pod1"):
        Path(f"/proc/sys/net/ipv4/conf/{conf}/accept_source_route").write_text(setting)
    with network.inside(0):
        for conf in ("all", "eth0"):
            Path(f"/proc/sys/net/ipv4/conf/{conf}/accept_source_route").write_text("1")
    Kernel().apply(program({(Direction.INGRESS, 0): []}))
    server = network.udp(0, 80)
    send(network, 1, by_way_of(gateway(1), datagram(address(1), address(0), 80)))
    assert follows_source_routes() is (network.delivered(server) is not None) is (setting == "1")


def test_a_kernel_without_ipv4_follows_no_source_route(tmp_path: Path) -> None:
    assert not follows_source_routes(tmp_path)
