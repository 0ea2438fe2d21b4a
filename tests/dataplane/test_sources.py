"""Source checks, where each pod has its own link: packets whose source address is not that of the sending pod."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.dataplane.forged import (
    ALL_NODES,
    ICMPV6,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    REDIRECT,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
    datagram,
    frame,
    icmpv6,
    send,
)
from tests.dataplane.network import Network, address, gateway, in_own_network, ip, received, socket_family
from tests.dataplane.programs import program
from tests.dataplane.test_own_traffic import all_held

from ringfence.dataplane.compile import Compiler, NodeGuard, Ports
from ringfence.dataplane.compile.ports import PortSets
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.program import (
    BRIDGE_TUNNELS,
    EXEMPT_LINKS,
    LINK,
    PORT,
    TUNNELS,
    HashSet,
    Program,
    Reaction,
    base_program,
    link_key,
    port_key,
)
from ringfence.dataplane.veth_pairs import VethPairReader
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

OUT = Direction.EGRESS
SERVER, ISOLATED, NEIGHBOUR = 0, 1, 2
UNKNOWN = {Family.IPV4: "203.0.113.7", Family.IPV6: "2001:db8::7"}
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def enforce(wanted: Program) -> Kernel:
    kernel = Kernel()
    kernel.apply(wanted)
    return kernel


def isolating_one() -> Program:
    return program({(OUT, ISOLATED): []})


def on_node(family: Family, port: int) -> socket.socket:
    one = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    if family is Family.IPV6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind(("", port))
    return one


@both_families
@in_own_network
def test_an_isolated_pod_does_not_pass_as_its_neighbour_or_as_an_unknown_address(family: Family) -> None:
    network = Network(3)
    enforce(isolating_one())
    server = network.udp(SERVER, 80, family)
    for forged in (address(NEIGHBOUR, family), UNKNOWN[family], gateway(ISOLATED, family), gateway(NEIGHBOUR, family)):
        send(network, ISOLATED, datagram(forged, address(SERVER, family), 80))
        assert network.delivered(server) is None, forged
    send(network, NEIGHBOUR, datagram(address(NEIGHBOUR, family), address(SERVER, family), 80))
    assert network.delivered(server) == b"x"


@both_families
@in_own_network
def test_an_isolated_pod_does_not_reach_the_node_by_the_address_of_its_neighbour(family: Family) -> None:
    network = Network(3)
    enforce(isolating_one())
    server = on_node(family, 80)
    for forged in (address(NEIGHBOUR, family), UNKNOWN[family]):
        send(network, ISOLATED, datagram(forged, gateway(ISOLATED, family), 80))
        assert network.delivered(server) is None, forged
    send(network, NEIGHBOUR, datagram(address(NEIGHBOUR, family), gateway(NEIGHBOUR, family), 80))
    assert network.delivered(server) == b"x"


@both_families
@in_own_network
def test_an_isolated_pod_does_not_pass_as_its_neighbour_in_an_open_connection_of_that(family: Family) -> None:
    """The kernel tracks connections by addresses and ports only. A forged packet counts as one of the neighbour's."""
    network = Network(3)
    enforce(isolating_one())
    server, client = network.udp(SERVER, 80, family), network.udp(NEIGHBOUR, 4000, family)
    client.sendto(b"question", (address(SERVER, family), 80))
    _, caller = server.recvfrom(100)
    server.sendto(b"answer", caller)
    assert received(client) == b"answer"
    send(network, ISOLATED, datagram(address(NEIGHBOUR, family), address(SERVER, family), 80, b"forged"))
    assert network.delivered(server) is None
    client.sendto(b"another question", (address(SERVER, family), 80))
    assert received(server) == b"another question"


@in_own_network
def test_an_isolated_pod_does_not_send_from_the_unspecified_address() -> None:
    network = Network(1)
    enforce(program({(OUT, 0): []}))
    nodes, servers = (gateway(0), gateway(0, Family.IPV6)), (on_node(Family.IPV4, 80), on_node(Family.IPV6, 80))
    link = socket.if_nametoindex("pod0")
    group = socket.inet_pton(socket.AF_INET6, ALL_NODES) + link.to_bytes(4, "little")
    servers[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    for nobody, destinations in (("0.0.0.0", (nodes[0], "255.255.255.255")), ("::", (nodes[1], ALL_NODES))):
        for destination in destinations:
            send(network, 0, datagram(nobody, destination, 80))
            assert [network.delivered(one) for one in servers] == [None, None], destination


@both_families
@in_own_network
def test_a_pod_in_whose_name_the_node_routes_more_addresses_sends_from_them(family: Family) -> None:
    """An example is a pod that acts as a router: the node has a route to these addresses through the pod."""
    network = Network(2)
    enforce(base_program())
    ip(f"route add {UNKNOWN[family]} via {address(ISOLATED, family)} dev pod{ISOLATED}")
    server = network.udp(SERVER, 80, family)
    send(network, ISOLATED, datagram(UNKNOWN[family], address(SERVER, family), 80))
    assert network.delivered(server) == b"x"


@both_families
@in_own_network
def test_sources_are_not_checked_if_the_operator_says_so(family: Family) -> None:
    network = Network(2)
    enforce(base_program(reaction=Reaction(checks_sources=False)))
    server = network.udp(SERVER, 80, family)
    send(network, ISOLATED, datagram(UNKNOWN[family], address(SERVER, family), 80))
    assert network.delivered(server) == b"x"


@both_families
@in_own_network
def test_spoofed_packets_pass_and_are_counted_while_observing(family: Family) -> None:
    network = Network(2)
    kernel = enforce(base_program(reaction=Reaction(drops=False)))
    server = network.udp(SERVER, 80, family)
    send(network, ISOLATED, datagram(UNKNOWN[family], address(SERVER, family), 80))
    assert network.delivered(server) == b"x"
    assert kernel.counts.spoofed() == {one: int(one is family) for one in FAMILIES}


@both_families
@in_own_network
def test_spoofed_packets_that_are_dropped_are_counted(family: Family) -> None:
    network = Network(2)
    kernel = enforce(base_program())
    server = network.udp(SERVER, 80, family)
    for _ in range(3):
        send(network, ISOLATED, datagram(UNKNOWN[family], address(SERVER, family), 80))
    assert network.delivered(server) is None
    assert kernel.counts.spoofed() == {one: 3 if one is family else 0 for one in FAMILIES}


# --- link-local addresses ---------------------------------------------------------------------------------------------


def link_local(interface: str) -> str:
    """The address that the kernel has assigned to an interface of the present network."""
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        number, _, _, scope, _, name = line.split()
        if name == interface and scope == "20":
            return str(ip_address(bytes.fromhex(number)))
    raise AssertionError(f"{interface} has no link-local address")


closed = pytest.mark.parametrize("closing", [isolating_one, all_held], ids=["isolated", "held"])


@closed
@in_own_network
def test_a_closed_pod_does_not_reach_its_node_over_link_local_addresses(closing: Callable[[], Program]) -> None:
    network = Network(2)
    server, node = on_node(Family.IPV6, 10250), link_local(f"pod{ISOLATED}")
    with network.inside(ISOLATED):
        pod = link_local("eth0")
    send(network, ISOLATED, datagram(pod, node, 10250))
    assert network.delivered(server) == b"x", "no program yet"
    enforce(closing())
    for source, destination in ((pod, node), (pod, ALL_NODES), (pod, gateway(ISOLATED, Family.IPV6))):
        send(network, ISOLATED, datagram(source, destination, 10250))
        assert network.delivered(server) is None, (source, destination)
    send(network, ISOLATED, datagram(address(ISOLATED, Family.IPV6), node, 10250))
    assert network.delivered(server) is None


@closed
@in_own_network
def test_the_node_reaches_a_closed_pod_over_link_local_addresses(closing: Callable[[], Program]) -> None:
    network = Network(2)
    enforce(closing())
    server, client = network.udp(ISOLATED, 80, Family.IPV6), on_node(Family.IPV6, 4000)
    with network.inside(ISOLATED):
        pod = link_local("eth0")
    client.sendto(b"question", (pod, 80, 0, socket.if_nametoindex(f"pod{ISOLATED}")))
    _, caller = server.recvfrom(100)
    server.sendto(b"answer", caller)
    assert received(client) == b"answer"


@closed
@in_own_network
def test_neighbours_find_each_other(closing: Callable[[], Program]) -> None:
    network = Network(2)
    enforce(closing())
    for pod in range(2):
        with network.inside(pod):
            ip("neighbour flush all")
    ip("neighbour flush all")
    server, client = network.udp(ISOLATED, 80, Family.IPV6), on_node(Family.IPV6, 4000)
    client.sendto(b"x", (address(ISOLATED, Family.IPV6), 80))
    assert received(server) == b"x"


@closed
@in_own_network
def test_neighbour_discovery_of_a_pod_passes_and_router_advertisements_do_not(
    closing: Callable[[], Program],
) -> None:
    """A pod that announces itself as a router would receive the node's packets (CVE-2020-13597)."""
    network = Network(2)
    enforce(closing())
    node, heard = link_local(f"pod{ISOLATED}"), socket.socket(socket.AF_INET6, socket.SOCK_RAW, ICMPV6)
    with network.inside(ISOLATED):
        pod = link_local("eth0")
    target = ip_address(node).packed
    messages = {
        ROUTER_SOLICITATION: bytes(4),
        ROUTER_ADVERTISEMENT: bytes(12),
        NEIGHBOUR_SOLICITATION: bytes(4) + target,
        NEIGHBOUR_ADVERTISEMENT: bytes(4) + ip_address(pod).packed,
        REDIRECT: bytes(4) + target + ip_address(pod).packed,
    }
    for kind, content in messages.items():
        send(network, ISOLATED, icmpv6(pod, node, kind, content, hop_limit=255))
        send(network, ISOLATED, icmpv6(pod, node, kind, content, hop_limit=64))
    network.settle()
    passing = {ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT}
    assert {message[0] for message in all_received(heard)} & messages.keys() == passing


@in_own_network
def test_duplicate_addresses_are_detected() -> None:
    """The message has no source address, because the pod does not know yet whether it may use the address."""
    network = Network(1)
    enforce(all_held())
    node, heard = link_local("pod0"), socket.socket(socket.AF_INET6, socket.SOCK_RAW, ICMPV6)
    asked = ip_address(node).packed
    group = str(ip_address(ip_address("ff02::1:ff00:0").packed[:13] + asked[13:]))
    send(network, 0, icmpv6("::", group, NEIGHBOUR_SOLICITATION, bytes(4) + asked))
    network.settle()
    assert NEIGHBOUR_SOLICITATION in {message[0] for message in all_received(heard)}


def all_received(receiver: socket.socket) -> Iterator[bytes]:
    receiver.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            yield receiver.recv(2048)


# --- tunnels between nodes --------------------------------------------------------------------------------------------

TUNNEL_ADDRESS = bytes.fromhex("02 00 00 00 00 01")


def in_vxlan(packet: bytes) -> bytes:
    """The content of a datagram to the tunnel: a header with the network number (RFC 7348), and a frame."""
    return struct.pack("!II", 0x08000000, 1 << 8) + frame(packet, b"\x02" + bytes(5), TUNNEL_ADDRESS)


def add_tunnel(settings: str = "") -> None:
    ip(
        f"link add tunnel type vxlan id 1 dstport 8472 nolearning{settings}",
        f"link set tunnel address {TUNNEL_ADDRESS.hex(':')}",
        "link set tunnel up",
    )


@pytest.mark.parametrize("guarded", [True, False], ids=["its port is known", "its port is not known"])
@in_own_network
def test_a_pod_does_not_pass_as_its_neighbour_through_a_tunnel_of_the_node(guarded: bool) -> None:
    """The pod needs no rights for this: an ordinary socket is enough."""
    network = Network(3)
    add_tunnel()
    admitting = program({(Direction.INGRESS, SERVER): [(NEIGHBOUR, 17, 80)]})
    tunnels = HashSet(PORT, frozenset({port_key(8472)} if guarded else ()))
    kernel = enforce(admitting.changed({TUNNELS: tunnels}))
    server, attacker = network.udp(SERVER, 80), network.udp(ISOLATED)
    forged = in_vxlan(datagram(address(NEIGHBOUR), address(SERVER), 80))
    attacker.sendto(forged, (gateway(ISOLATED), 8472))
    assert network.delivered(server) == (None if guarded else b"x")
    elsewhere = network.udp(NEIGHBOUR, 8472)
    attacker.sendto(forged, (address(NEIGHBOUR), 8472))
    assert network.delivered(elsewhere) == (None if guarded else forged), "nor to the tunnel of another node"
    assert sum(kernel.counts.spoofed().values()) == (2 if guarded else 0)
    elsewhere = on_node(Family.IPV4, 8473)
    attacker.sendto(b"y", (gateway(ISOLATED), 8473))
    assert network.delivered(elsewhere) == b"y"


@in_own_network
def test_the_rules_look_for_packets_to_tunnels_as_soon_as_there_is_one_and_as_long() -> None:
    network = Network(3)
    ports = Ports()
    compiler = Compiler(State(live=True), lambda pod: True, NodeGuard(locate=lambda pods: ports))
    kernel = Kernel()
    elsewhere, attacker = network.udp(NEIGHBOUR, 8472), network.udp(ISOLATED)
    for tunnels in (frozenset[int](), frozenset({8472}), frozenset({4789, 8472}), frozenset({4789}), frozenset[int]()):
        ports = Ports(tunnels=tunnels)
        program_now = compiler.program()
        kernel.apply(program_now)
        assert Kernel().present == program_now
        looking = {name for name, chain in program_now.chains.items() if chain.sets & {TUNNELS, BRIDGE_TUNNELS}}
        assert bool(looking) is bool(tunnels)
        attacker.sendto(b"x", (address(NEIGHBOUR), 8472))
        assert network.delivered(elsewhere) == (None if 8472 in tunnels else b"x")


@pytest.mark.parametrize("bound", [True, False])
@in_own_network
def test_a_tunnel_receives_packets_of_the_link_to_which_it_is_bound(bound: bool) -> None:
    """On a node that is a container, this link looks like a link to a pod. The Node need not have its address."""
    network = Network(3)
    add_tunnel(f" dev pod{NEIGHBOUR}" if bound else "")
    ports = PodPorts()
    ports.veth_pairs = VethPairReader().read()
    sets = PortSets(ports.locate).update({}, lambda address, direction: False)
    admitting = program({(Direction.INGRESS, SERVER): [(NEIGHBOUR, 17, 80)]})
    enforce(admitting.changed({name: sets[name] for name in (TUNNELS, EXEMPT_LINKS)}))
    server = network.udp(SERVER, 80)
    forged = in_vxlan(datagram(address(NEIGHBOUR), address(SERVER), 80))
    network.udp(ISOLATED).sendto(forged, (gateway(ISOLATED), 8472))
    assert network.delivered(server) is None
    network.udp(NEIGHBOUR).sendto(forged, (gateway(NEIGHBOUR), 8472))
    assert network.delivered(server) == (b"x" if bound else None)


@in_own_network
def test_policies_judge_packets_to_the_port_of_a_tunnel_from_a_link_without_a_pod() -> None:
    network = Network(2)
    exempt = HashSet(LINK, frozenset({link_key(socket.if_nametoindex(f"pod{ISOLATED}"))}))
    tunnels = HashSet(PORT, frozenset({port_key(8472)}))
    enforce(program({(Direction.INGRESS, SERVER): []}).changed({TUNNELS: tunnels, EXEMPT_LINKS: exempt}))
    server = network.udp(SERVER, 8472)
    network.udp(ISOLATED).sendto(b"x", (address(SERVER), 8472))
    assert network.delivered(server) is None
