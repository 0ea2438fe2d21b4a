"""Real packets in the real kernel: each passes or is dropped as the program defines."""

import socket
import struct
from collections.abc import Iterator
from itertools import permutations

import pytest
from tests.dataplane.network import (
    PATIENCE,
    Network,
    address,
    gateway,
    in_own_network,
    number,
    received,
    socket_family,
)
from tests.dataplane.programs import SCTP, TCP, UDP, program

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Packet, Program, admits
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def enforce(wanted: Program) -> Kernel:
    kernel = Kernel()
    kernel.apply(wanted)
    return kernel


@both_families
@in_own_network
def test_every_datagram_passes_or_not_as_the_program_says(family: Family) -> None:
    wanted = program(
        {
            (IN, 0): [(1, UDP, 80), (1, UDP, 81), (2, UDP, 80)],
            (OUT, 1): [(0, UDP, 80), (2, UDP, 80)],
            (IN, 2): [],
            (OUT, 0): [],
        }
    )
    network = Network(4)
    enforce(wanted)
    servers = {(pod, port): network.udp(pod, port, family) for pod in range(4) for port in (80, 81)}
    clients = {pod: network.udp(pod, 0, family) for pod in range(4)}
    for source, destination in permutations(range(4), 2):
        for port in (80, 81):
            clients[source].sendto(f"{source}".encode(), (address(destination, family), port))
    for (destination, port), server in servers.items():
        packets = {
            source: Packet(family, number(source, family), number(destination, family), UDP, port)
            for source in range(4)
            if source != destination
        }
        wanted_sources = {source for source, packet in packets.items() if admits(wanted, packet)}
        assert set(all_from(network, server)) == wanted_sources, (destination, port)


def all_from(network: Network, server: socket.socket) -> Iterator[int]:
    while (datagram := network.delivered(server)) is not None:
        yield int(datagram)


@both_families
@in_own_network
def test_replies_pass_though_their_direction_is_denied(family: Family) -> None:
    network = Network(2)
    enforce(program({(IN, 0): [(1, TCP, 80), (1, UDP, 80)], (OUT, 0): [], (IN, 1): []}))
    server = network.udp(0, 80, family)
    client = network.udp(1, 0, family)
    client.sendto(b"question", (address(0, family), 80))
    _, caller = server.recvfrom(100)
    server.sendto(b"answer", caller)
    assert received(client) == b"answer"

    listener = network.listener(0, 80, family)
    connection = network.connect(1, 0, 80, family)
    accepted, _ = listener.accept()
    accepted.sendall(b"hello")
    assert received(connection) == b"hello"


@both_families
@in_own_network
def test_errors_about_an_accepted_connection_pass(family: Family) -> None:
    """No program listens on that port. The ICMP message reports it to a client that is isolated for ingress."""
    network = Network(2)
    enforce(program({(IN, 0): [(1, UDP, 80)], (OUT, 0): [], (IN, 1): []}))
    with network.inside(1):
        client = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    client.connect((address(0, family), 80))
    client.settimeout(PATIENCE)
    client.send(b"x")
    with pytest.raises(ConnectionRefusedError):
        client.recv(100)


@both_families
@in_own_network
def test_the_node_reaches_its_pods_and_an_isolated_pod_does_not_reach_its_node(family: Family) -> None:
    network = Network(1)
    on_node = socket.socket(socket_family(family), socket.SOCK_DGRAM)
    on_node.bind(("", 80))
    in_pod = network.udp(0, 80, family)
    enforce(program({(IN, 0): [], (OUT, 0): []}))

    on_node.sendto(b"probe", (address(0, family), 80))
    datagram, caller = in_pod.recvfrom(100)
    assert datagram == b"probe"
    in_pod.sendto(b"alive", caller)
    assert received(on_node) == b"alive"

    in_pod.sendto(b"x", (gateway(0, family), 81))
    stranger = network.udp(0, 0, family)
    stranger.sendto(b"x", (gateway(0, family), 80))
    assert network.delivered(on_node) is None


@in_own_network
def test_neighbours_find_each_other_though_everything_is_denied() -> None:
    """Without neighbour discovery, no IPv6 packet would ever leave."""
    network = Network(2)
    enforce(program({(IN, 0): [], (OUT, 0): [], (IN, 1): [], (OUT, 1): []}))
    on_node = network_probe(network)
    assert received(on_node) == b"here"


def network_probe(network: Network) -> socket.socket:
    """The node sends a question to a pod for the first time, and the pod answers."""
    in_pod = network.udp(1, 7, Family.IPV6)
    on_node = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    on_node.sendto(b"who is there", (address(1, Family.IPV6), 7))
    _, caller = in_pod.recvfrom(100)
    in_pod.sendto(b"here", caller)
    return on_node


@in_own_network
def test_an_isolated_pod_is_isolated_over_both_families() -> None:
    network = Network(2)
    enforce(program({(IN, 0): []}))
    for family in FAMILIES:
        with pytest.raises(TimeoutError):
            network.connect(1, 0, 80, family)


@in_own_network
def test_sctp_is_distinguished_from_tcp_and_udp() -> None:
    """This requires no SCTP sockets of the kernel: an INIT chunk is enough."""
    network = Network(2)
    enforce(program({(IN, 0): [(1, SCTP, 80)]}))
    server, client = raw(network, 0, SCTP), raw(network, 1, SCTP)
    for port in (81, 80):
        client.sendto(init_chunk(port), (address(0), 0))
    ports = [
        struct.unpack_from(">H", packet, 20 + 2)[0]
        for packet in iter(lambda: network.delivered(server), None)
        if packet
    ]
    assert ports == [80]
    with pytest.raises(TimeoutError):
        network.connect(1, 0, 80)


def init_chunk(port: int) -> bytes:
    """The first packet of an SCTP association, with its checksum."""
    chunk = struct.pack(">BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)
    packet = bytearray(struct.pack(">HHII", 5000, port, 0, 0) + chunk)
    struct.pack_into("<I", packet, 8, crc32c(packet))
    return bytes(packet)


def crc32c(data: bytes | bytearray) -> int:
    """The checksum of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


UNKNOWN_OPTION = bytes((0x9E, 8)) + (80).to_bytes(2, "big") + bytes(4)
"""An option of IPv4 that has a number at the place where the destination port is in a packet without options."""

HEADERS = {
    Family.IPV4: (socket.IPPROTO_IP, socket.IP_OPTIONS, UNKNOWN_OPTION),
    Family.IPV6: (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes((0, 0, 1, 4)) + bytes(4)),
}
"""What comes between the header of IP and that of UDP, as a socket option."""


@both_families
@in_own_network
def test_ports_are_found_behind_options_and_extension_headers(family: Family) -> None:
    network = Network(2)
    enforce(program({(IN, 0): [(1, UDP, 80)], (OUT, 1): [(0, UDP, 80)]}))
    allowed, denied = network.udp(0, 80, family), network.udp(0, 81, family)
    client = network.udp(1, 0, family)
    client.setsockopt(*HEADERS[family])
    for port in (80, 81):
        client.sendto(b"x", (address(0, family), port))
    assert network.delivered(allowed) == b"x"
    assert network.delivered(denied) is None


@in_own_network
def test_a_protocol_without_ports_is_allowed_by_no_rule_about_ports() -> None:
    """The first bytes of a GRE packet are not ports, though they may look like ports."""
    network = Network(3)
    enforce(program({(IN, 0): [(1, UDP, 80), (1, TCP, 80)], (OUT, 1): [(0, UDP, 80), (2, UDP, 80)]}))
    receivers = [raw(network, pod, socket.IPPROTO_GRE) for pod in range(3)]
    for sender, receiver in ((1, 0), (1, 2), (0, 2)):
        receivers[sender].sendto(struct.pack(">HHI", 80, 80, 0), (address(receiver), 0))
    assert network.delivered(receivers[0]) is None
    sources = {packet[12:16] for packet in iter(lambda: network.delivered(receivers[2]), None)}
    assert sources == {socket.inet_aton(address(0))}


def raw(network: Network, pod: int, protocol: int) -> socket.socket:
    """A raw socket of a pod for the packets of a protocol."""
    with network.inside(pod):
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)


@in_own_network
def test_icmp_is_allowed_by_no_rule_about_ports() -> None:
    network = Network(3)
    enforce(program({(IN, 0): [(1, UDP, 80)]}))
    for target, answered in ((0, False), (2, True)):
        asking = raw(network, 1, socket.IPPROTO_ICMP)
        asking.sendto(echo_request(), (address(target), 0))
        answer = network.delivered(asking)
        assert (answer is not None and answer[20] == 0) is answered


def echo_request() -> bytes:
    """A ping. Its checksum is correct for these very bytes."""
    return struct.pack(">BBHHH", 8, 0, ~(0x0800 + 1 + 1) & 0xFFFF, 1, 1)


@in_own_network
def test_datagrams_in_fragments_are_judged_whole() -> None:
    network = Network(2)
    enforce(program({(IN, 0): [(1, UDP, 80)]}))
    allowed, denied = network.udp(0, 80), network.udp(0, 81)
    sender = network.udp(1)
    for port in (80, 81):
        sender.sendto(b"x" * 4000, (address(0), port))
    assert len(received(allowed) or b"") == 2048
    assert network.delivered(denied) is None
