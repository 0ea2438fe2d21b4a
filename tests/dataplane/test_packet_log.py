"""The packet log: the real kernel logs denied packets with the side whose policies deny them."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.dataplane.forged import datagram, send
from tests.dataplane.network import Network, address, in_own_network, number
from tests.dataplane.reactions import (
    BOTH,
    CLIENT,
    CLOSED_CLIENT,
    CLOSED_SERVER,
    EVERYTHING,
    GROUP,
    LOGGING,
    SERVER,
    apply,
    on_node,
    passes,
)
from tests.semantics.objects import Object

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.packet_log import DenialCause, LoggedPacket, PacketLog, read_logged
from ringfence.dataplane.program import (
    CLOSED_PREFIX,
    DENIED_PREFIX,
    HELD_PREFIX,
    SPOOFED_PREFIX,
    Logging,
    Packet,
    Reaction,
)
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.netlink.packet_log import PacketCopy
from ringfence.sets.addresses import FAMILIES, Family


@contextmanager
def logging() -> Iterator[PacketLog]:
    log = PacketLog(GROUP)
    try:
        yield log
    finally:
        log.close()


def everything_logged(network: Network, log: PacketLog) -> list[LoggedPacket]:
    """All log entries of the packets that were sent before. The kernel copies a packet when it drops it."""
    network.settle()
    found: list[LoggedPacket] = []
    empty = 0
    while empty < 2:  # One entry may be due to lost packets, and the others may exist all the same.
        more = log.wait(0)
        found.extend(more or ())
        empty = 0 if more else empty + 1
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("closed", "direction"),
    [(CLOSED_SERVER, Direction.INGRESS), (CLOSED_CLIENT, Direction.EGRESS)],
    ids=["ingress", "egress"],
)
@pytest.mark.parametrize("drops", [True, False])
def test_a_denied_packet_is_logged(closed: Object, direction: Direction, family: Family, drops: bool) -> None:
    @in_own_network
    def run() -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, Reaction(drops, LOGGING.logging), *BOTH, closed)
        with logging() as log:
            assert passes(network, family) is not drops
            packet = Packet(family, number(CLIENT, family), number(SERVER, family), socket.IPPROTO_UDP, 80)
            assert everything_logged(network, log) == [LoggedPacket(packet, direction)]

    run()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("drops", [True, False])
def test_packets_to_a_pod_that_is_not_known_yet_are_logged_and_counted_with_this_cause(
    family: Family, drops: bool
) -> None:
    @in_own_network
    def run() -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, Reaction(drops, LOGGING.logging), on_node("client", CLIENT), held=EVERYTHING)
        with logging() as log:
            assert passes(network, family) is not drops
            packet = Packet(family, number(CLIENT, family), number(SERVER, family), socket.IPPROTO_UDP, 80)
            unknown = LoggedPacket(packet, Direction.INGRESS, DenialCause.UNKNOWN_POD)
            assert everything_logged(network, log) == [unknown]
        assert kernel.counts.held() == {one: int(one is family) for one in FAMILIES}
        assert not any(kernel.counts.closed().values())

    run()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("drops", [True, False])
def test_packets_of_closed_pods_are_logged_and_counted_with_this_cause(family: Family, drops: bool) -> None:
    @in_own_network
    def run() -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, Reaction(drops, LOGGING.logging), *BOTH, closed=frozenset({"x"}))
        with logging() as log:
            assert passes(network, family) is not drops
            packet = Packet(family, number(CLIENT, family), number(SERVER, family), socket.IPPROTO_UDP, 80)
            sides = [Direction.EGRESS] if drops else [Direction.EGRESS, Direction.INGRESS]
            closed = [LoggedPacket(packet, side, DenialCause.CLOSED) for side in sides]
            assert everything_logged(network, log) == closed
        assert kernel.counts.closed() == {one: len(sides) if one is family else 0 for one in FAMILIES}
        assert not any(kernel.counts.held().values())

    run()


@in_own_network
def test_every_protocol_is_logged_with_its_port_if_it_has_one() -> None:
    network, kernel = Network(2), Kernel()
    apply(kernel, LOGGING, *BOTH, CLOSED_SERVER)
    with logging() as log:
        with pytest.raises(TimeoutError):
            network.connect(CLIENT, SERVER, 443)
        send_raw(network, socket.IPPROTO_SCTP, bytes.fromhex("1234 0050 00000000 00000000 01000014"))
        send_raw(network, socket.IPPROTO_ICMP, bytes.fromhex("0800 f7ff 0000 0000"))
        send_raw(network, 47, bytes(4))
        logged = {(one.packet.protocol, one.packet.port) for one in everything_logged(network, log)}
    assert logged == {(6, 443), (132, 80), (1, None), (47, None)}


@in_own_network
def test_packets_of_an_address_that_is_not_known_yet_are_logged_with_this_cause() -> None:
    network, kernel = Network(2), Kernel()
    apply(kernel, LOGGING, BOTH[SERVER], held=EVERYTHING)
    with logging() as log:
        assert not passes(network)
        [logged] = everything_logged(network, log)
    assert (logged.direction, logged.cause) == (Direction.EGRESS, DenialCause.UNKNOWN_POD)
    assert logged.packet.source == number(CLIENT)


@in_own_network
def test_packets_that_pass_are_not_logged() -> None:
    network, kernel = Network(2), Kernel()
    apply(kernel, LOGGING, *BOTH)
    with logging() as log:
        assert passes(network)
        assert everything_logged(network, log) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_packet_whose_source_address_is_not_that_of_its_link_is_logged_with_this_cause(family: Family) -> None:
    @in_own_network
    def run() -> None:
        network, kernel = Network(3), Kernel()
        apply(kernel, LOGGING, *BOTH)
        with logging() as log:
            send(network, CLIENT, datagram(address(2, family), address(SERVER, family), 80))
            packet = Packet(family, number(2, family), number(SERVER, family), socket.IPPROTO_UDP, 80)
            assert everything_logged(network, log) == [LoggedPacket(packet, Direction.EGRESS, DenialCause.SOURCE)]

    run()


@in_own_network
def test_packets_beyond_the_rate_are_dropped_and_not_logged() -> None:
    network, kernel = Network(2), Kernel()
    apply(kernel, Reaction(logging=Logging(GROUP, 5)), *BOTH, CLOSED_SERVER)
    client = network.udp(CLIENT)
    with logging() as log:
        for _ in range(200):
            client.sendto(b"x", (address(SERVER), 80))
        assert 1 <= len(everything_logged(network, log)) < 50
    assert sum(one.packets for one in kernel.counts.drops()) == 200, "all of them are counted"


@in_own_network
def test_a_group_that_another_process_listens_to_is_refused() -> None:
    with logging(), pytest.raises(KernelError, match="another program listens to it: choose another --log-group"):
        PacketLog(GROUP)


@in_own_network
def test_a_log_that_was_closed_has_no_more_packets() -> None:
    with logging() as log:
        pass
    assert log.wait() is None


@in_own_network
def test_a_log_that_cannot_be_read_any_longer_is_an_error() -> None:
    """It is an error and not the end of the packets: a reader would take silence for the absence of denials."""
    with logging() as log:
        os.dup2(os.open("/proc/self/status", os.O_RDONLY), log._group._netlink.fileno())
        with pytest.raises(KernelError, match="the packet log cannot be read"):
            log.wait()


@in_own_network
def test_packets_that_come_faster_than_they_are_read_are_counted() -> None:
    network, kernel = Network(2), Kernel()
    apply(kernel, Reaction(logging=Logging(GROUP, 100_000)), *BOTH, CLOSED_SERVER)
    client = network.udp(CLIENT)
    with logging() as log:
        limit_buffer(log)
        for _ in range(PACKETS):
            client.sendto(b"x", (address(SERVER), 80))
        logged = everything_logged(network, log)
        assert 0 < len(logged) < PACKETS
        client.sendto(b"x", (address(SERVER), 80))
        logged += everything_logged(network, log)
        assert log.lost == PACKETS + 1 - len(logged)


PACKETS = 1_000


def limit_buffer(log: PacketLog) -> None:
    """Leave room for about ten packets."""
    with socket.socket(fileno=os.dup(log._group._netlink.fileno())) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)


def test_only_copies_with_a_prefix_of_ringfence_are_read() -> None:
    header = bytes([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0]) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
    for direction in Direction:
        for prefixes, cause in (
            (DENIED_PREFIX, DenialCause.POLICY),
            (HELD_PREFIX, DenialCause.UNKNOWN_POD),
            (CLOSED_PREFIX, DenialCause.CLOSED),
        ):
            logged = read_logged(PacketCopy(prefixes[direction], header))
            assert logged is not None
            assert (logged.direction, logged.cause) == (direction, cause)
    spoofed = read_logged(PacketCopy(SPOOFED_PREFIX, header))
    assert spoofed is not None
    assert spoofed.cause is DenialCause.SOURCE
    assert read_logged(PacketCopy("somebody else's", header)) is None
    assert read_logged(PacketCopy(DENIED_PREFIX[Direction.INGRESS], header[:10])) is None


def send_raw(network: Network, protocol: int, content: bytes) -> None:
    """Send a packet of any protocol from the client to the server."""
    with network.inside(CLIENT):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    with raw:
        raw.sendto(content, (address(SERVER), 0))
