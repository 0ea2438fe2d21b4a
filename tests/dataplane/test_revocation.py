"""Revocation: a tightened program ends the connections that it forbids, and no others."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest
from tests.dataplane import reactions
from tests.dataplane.conntrack_entries import clients_of, listed
from tests.dataplane.network import (
    PATIENCE,
    Network,
    address,
    gateway,
    in_own_network,
    number,
    received,
    stand_behind,
    stay_on_one_cpu,
    tcp_connection,
    use_all_cpus,
)
from tests.dataplane.packet_queue import packet_queue
from tests.dataplane.programs import TCP, UDP, key, program
from tests.dataplane.reactions import EVERYTHING, apply
from tests.waiting import eventually

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import ENFORCING, Packet, Program, base_program, connection_key
from ringfence.dataplane.revocation import Review, opening_packet
from ringfence.model.policies import Direction
from ringfence.netlink.codec import uint32
from ringfence.netlink.conntrack import CTA_ID, list_connections, read_opening
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Family

IN, OUT = Direction.INGRESS, Direction.EGRESS
V4 = Family.IPV4
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)

OPEN = program({(IN, 0): [(1, TCP, 80), (2, TCP, 80), (1, UDP, 80), (2, UDP, 80)]})
TIGHTENED = program({(IN, 0): [(2, TCP, 80), (2, UDP, 80)]})


@both_families
@pytest.mark.parametrize("first", ["client", "server"])
@in_own_network
def test_a_forbidden_tcp_connection_ends_whichever_side_sends_first(first: str, family: Family) -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    client, server = tcp_connection(network, 1, 0, family)
    client.sendall(b"before")
    assert received(server) == b"before"
    kernel.apply(TIGHTENED)
    assert len(kernel.revoke_forbidden()) == 1
    speaking, listening = (client, server) if first == "client" else (server, client)
    for _ in range(2):
        speaking.sendall(b"after")
        assert network.delivered(listening) is None
        speaking, listening = listening, speaking


@pytest.mark.parametrize("first", ["client", "server"])
@in_own_network
def test_a_forbidden_udp_flow_ends_whichever_side_sends_first(first: str) -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    server, client = network.udp(0, 80), network.udp(1, 4000)
    server.connect((address(1), 4000))
    client.connect((address(0), 80))
    client.send(b"before")
    assert received(server) == b"before"
    kernel.apply(TIGHTENED)
    kernel.revoke_forbidden()
    speaking, listening = (client, server) if first == "client" else (server, client)
    for _ in range(2):
        speaking.send(b"after")
        assert network.delivered(listening) is None
        speaking, listening = listening, speaking


@in_own_network
def test_a_neighbour_that_is_still_allowed_loses_no_byte() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    cut, _ = tcp_connection(network, 1, 0)
    streaming, server = tcp_connection(network, 2, 0)
    with receiving(server) as total:
        for i in range(50):
            streaming.sendall(b"x" * 20_000)
            if i == 20:
                kernel.apply(TIGHTENED)
                kernel.revoke_forbidden()
        streaming.shutdown(socket.SHUT_WR)
    assert total == [1_000_000]
    assert len(kernel.revoked) == 1
    del cut


@contextmanager
def receiving(server: socket.socket) -> Iterator[list[int]]:
    """Count the received bytes until the other end sends no more."""
    total = [0]

    def count() -> None:
        server.settimeout(PATIENCE)
        while piece := server.recv(65536):
            total[0] += len(piece)

    thread = threading.Thread(target=count)
    thread.start()
    yield total
    thread.join()


@in_own_network
def test_a_connection_that_is_allowed_again_goes_on() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    client, server = tcp_connection(network, 1, 0)
    kernel.apply(TIGHTENED)
    assert kernel.revoke_forbidden()
    kernel.apply(OPEN)
    assert not kernel.revoke_forbidden()
    client.sendall(b"again")
    assert received(server) == b"again"


@in_own_network
def test_a_change_for_other_pods_leaves_a_revoked_connection_revoked() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    client, server = tcp_connection(network, 1, 0)
    kernel.apply(TIGHTENED)
    revoked = kernel.revoke_forbidden()
    assert kernel.revoke_forbidden() == revoked, "nothing changed"
    kernel.apply(program({(IN, 0): [(2, TCP, 80), (2, UDP, 80)], (OUT, 2): []}))
    assert kernel.revoke_forbidden() == revoked
    client.sendall(b"x")
    assert network.delivered(server) is None


@in_own_network
def test_a_connection_opened_between_two_programs_is_judged_with_all_others() -> None:
    """The same program was in force before the connection was opened and after it, but not in between."""
    network = Network(3)
    kernel = Kernel()
    kernel.apply(TIGHTENED)
    kernel.revoke_forbidden()
    kernel.apply(OPEN)
    client, server = tcp_connection(network, 1, 0)
    kernel.apply(TIGHTENED)
    assert len(kernel.revoke_forbidden()) == 1
    client.sendall(b"x")
    assert network.delivered(server) is None


@in_own_network
def test_the_number_of_a_connection_that_is_gone_is_forgotten() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    ends = tcp_connection(network, 1, 0)
    kernel.apply(TIGHTENED)
    assert kernel.revoke_forbidden()
    flush_connections()
    kernel.revoke_forbidden()
    assert not kernel.revoke_forbidden(), "it was missing twice"
    assert not Kernel().revoked
    del ends


def flush_connections() -> None:
    tool = shutil.which("conntrack", path="/usr/sbin:/sbin:/usr/bin")
    if tool is None:
        pytest.skip("the program conntrack is missing")
    subprocess.run([tool, "-F"], capture_output=True, check=True)


@in_own_network
def test_revoked_connections_outlive_the_process() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(OPEN)
    client, server = tcp_connection(network, 1, 0)
    kernel.apply(TIGHTENED)
    revoked = kernel.revoke_forbidden()
    later = Kernel()
    assert later.revoked == revoked
    later.apply(TIGHTENED)
    client.sendall(b"x")
    assert network.delivered(server) is None


@in_own_network
def test_a_connection_through_a_service_is_judged_by_the_pod_behind_it() -> None:
    network = Network(3)
    stand_behind("10.96.0.1", address(0))
    kernel = Kernel()
    kernel.apply(OPEN)
    listener = network.listener(0, 80)
    with network.inside(1):
        client = socket.create_connection(("10.96.0.1", 80), timeout=PATIENCE)
    server, _ = listener.accept()
    kernel.apply(TIGHTENED)
    assert len(kernel.revoke_forbidden()) == 1
    client.sendall(b"x")
    assert network.delivered(server) is None


@in_own_network
def test_connections_that_the_node_opened_are_never_revoked() -> None:
    network = Network(1)
    kernel = Kernel()
    kernel.apply(base_program())
    with network.listener(0, 80) as listener:
        probe = socket.create_connection((address(0), 80), timeout=PATIENCE)
        called, _ = listener.accept()
    kernel.apply(program({(IN, 0): [], (OUT, 0): []}))
    assert not kernel.revoke_forbidden()
    called.sendall(b"alive")
    assert received(probe) == b"alive"


@in_own_network
def test_connections_of_a_pod_to_the_node_are_judged_by_the_rules_about_the_node() -> None:
    """The node's address on the side of the pods lies in their range, and belongs to no pod."""
    network, kernel = Network(2), Kernel()
    apply(kernel, ENFORCING, *reactions.BOTH, held=EVERYTHING)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node:
        node.bind((gateway(1), 53))
        client = network.udp(1)
        client.sendto(b"question", (gateway(1), 53))
        question, client_address = node.recvfrom(100)
        assert question == b"question"
        node.sendto(b"answer", client_address)
        assert received(client) == b"answer"
        assert not kernel.revoke_forbidden()
        apply(kernel, ENFORCING, *reactions.BOTH, reactions.CLOSED_CLIENT, held=EVERYTHING)
        assert len(kernel.revoke_forbidden()) == 1


@in_own_network
def test_a_connection_that_is_tracked_only_after_it_should_have_been_judged_ends_later() -> None:
    """The rules accepted its first packet before they changed. Meanwhile another program holds that packet."""
    network, kernel = Network(3), Kernel()
    kernel.apply(OPEN)
    server, client = network.udp(0, 80), network.udp(1, 4000)
    with packet_queue() as queue:
        client.sendto(b"question", (address(0), 80))
        packet = queue.next()
        kernel.apply(TIGHTENED)
        assert not kernel.revoke_forbidden(), "it is not tracked yet"
        queue.release(packet)
    assert network.delivered(server) == b"question"
    server.sendto(b"answer", (address(1), 4000))
    assert received(client) == b"answer"
    assert kernel.may_have_missed
    assert not kernel.revoke_forbidden(), "nothing has changed"
    for _ in kernel.review(again=True):
        pass
    assert len(kernel.revoked) == 1
    assert not kernel.may_have_missed
    client.sendto(b"more", (address(0), 80))
    assert network.delivered(server) is None


@in_own_network
def test_forbidden_connections_that_are_opened_while_rules_change_end() -> None:
    """This includes all connections that were accepted before the change, even in the last moment."""
    network, kernel = Network(3), Kernel()
    kernel.apply(OPEN)
    for _ in range(5):
        with opening_connections(network) as answered:
            assert eventually(lambda: len(answered) > 200)
            kernel.apply(TIGHTENED)
            kernel.revoke_forbidden()
        for _ in kernel.review(again=True):
            pass
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            open_to_server = {
                one.identifier
                for one in list_connections(netlink)
                if one.protocol == UDP and one.original[1] == (number(0), 80)
            }
        assert len(open_to_server) >= len(answered)
        assert open_to_server <= kernel.revoked
        kernel.apply(OPEN)
        kernel.revoke_forbidden()


@contextmanager
def opening_connections(network: Network) -> Iterator[set[int]]:
    """While the context is open, connections are opened to the server one after another.

    Yields the ports of the clients that the server has answered.
    """
    server = network.udp(0, 80)
    answered: set[int] = set()
    ended = threading.Event()

    def answer() -> None:
        server.settimeout(0.1)
        while not ended.is_set():
            with suppress(TimeoutError):
                _, client = server.recvfrom(10)
                server.sendto(b"answer", client)

    def ask() -> None:
        with network.inside(1):
            while not ended.is_set():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.settimeout(0.02)
                    client.sendto(b"question", (address(0), 80))
                    with suppress(TimeoutError):
                        client.recv(10)
                        answered.add(client.getsockname()[1])

    threads = [threading.Thread(target=work) for work in (answer, ask)]
    use_all_cpus()
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        server.close()
        stay_on_one_cpu()


def test_the_source_is_that_of_the_request_and_the_destination_that_of_the_reply() -> None:
    """Addresses are translated in both directions. Policies apply in between."""
    sent = (key(1, V4), 4000), (bytes([10, 96, 0, 1]), 443)
    one = listed(*sent, TCP, identifier=7, answering=(key(0, V4), 80))
    packet = opening_packet(read_opening(one))
    assert packet == Packet(V4, number(1), number(0), TCP, 80)
    assert judged(OPEN, one) == (set(), set())
    assert judged(TIGHTENED, one) == ({connection_key(7)}, set())


class TestReview:
    """Which connections a review judges, and by which program."""

    FROM_1, FROM_2 = (listed((key(pod, V4), 4000), (key(0, V4), 80), TCP, identifier=pod) for pod in (1, 2))
    NOTHING_ALLOWED = program({(IN, 0): []})

    def test_connections_that_no_change_affects_are_not_judged(self) -> None:
        assert judged(self.NOTHING_ALLOWED, self.FROM_1, self.FROM_2, affected=[key(1, V4)]) == (
            {connection_key(1)},
            set(),
        )

    def test_a_connection_is_judged_whichever_end_is_affected(self) -> None:
        both = {connection_key(1), connection_key(2)}
        assert judged(self.NOTHING_ALLOWED, self.FROM_1, self.FROM_2, affected=[key(0, V4)]) == (both, set())

    def test_a_revoked_connection_is_judged_whatever_was_affected(self) -> None:
        """The kernel may have assigned its number to a new connection."""
        assert judged(OPEN, self.FROM_1, self.FROM_2, affected=[], revoked=[1]) == (set(), {connection_key(1)})

    def test_a_program_that_is_applied_meanwhile_counts_for_the_rest(self) -> None:
        review = Review(NO_ADDRESSES, None)
        review.judge(OPEN, frozenset(), [self.FROM_1])
        review.judge(self.NOTHING_ALLOWED, frozenset(), [self.FROM_2])
        assert review.forbidden == {connection_key(2)}

    def test_memory_for_a_review_is_bounded(self) -> None:
        review = Review(NO_ADDRESSES, None)
        for port in range(0, 30_000, 100):
            entries = clients_of([key(0, V4)], 100, port=port)
            review.judge(OPEN, frozenset(), [one + uint32(CTA_ID, 1) for one in entries])
        assert len(review._verdicts) < 20_000


def judged(
    program: Program, *entries: bytes, affected: Iterable[bytes] | None = None, revoked: Iterable[int] = ()
) -> tuple[set[bytes], set[bytes]]:
    """Which connections the review revokes, and of which it withdraws the revocation."""
    review = Review(NO_ADDRESSES, None if affected is None else frozenset(affected))
    review.judge(program, frozenset(map(connection_key, revoked)), entries)
    return review.forbidden, review.allowed
