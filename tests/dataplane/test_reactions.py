"""What becomes of denied packets on the real kernel: dropped or observed, logged or not; and the node's own talk."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest
from tests.dataplane.network import Network, address, gateway, in_own_network, number, received, socket_family
from tests.dataplane.programs import TCP, UDP, program
from tests.dataplane.traffic import PORT, traffic
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, labelled, pod, policy

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.packet_log import LoggedPacket, PacketLog
from ringfence.dataplane.program import Logging, Packet, Reaction, base_program
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family

SERVER, CLIENT = 0, 1
GROUP = 77
EVERYTHING = Addresses.of(ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
CLOSED_SERVER = policy("x/p", labelled(app="server"), ingress=[])
CLOSED_CLIENT = policy("x/p", labelled(app="client"), egress=[])
OBSERVING = Reaction(drops=False)
LOGGING = Reaction(logging=Logging(GROUP, 1_000))


def on_node(app: str, place: int) -> Object:
    return pod(f"x/{app}", {"app": app}, addresses=[address(place, family) for family in FAMILIES])


BOTH = (on_node("server", SERVER), on_node("client", CLIENT))


def apply(kernel: Kernel, reaction: Reaction, *objects: Object, held: Addresses = NO_ADDRESSES) -> None:
    state = cluster_of(objects).state
    kernel.apply(Compiler(state, lambda member: True, held, reaction).program())


def passes(network: Network, family: Family = Family.IPV4) -> bool:
    server = network.udp(SERVER, 80, family)
    network.udp(CLIENT, 0, family).sendto(b"question", (address(SERVER, family), 80))
    return network.delivered(server) is not None


@contextmanager
def logging() -> Iterator[PacketLog]:
    log = PacketLog(GROUP)
    try:
        yield log
    finally:
        log.close()


def everything_logged(network: Network, log: PacketLog) -> list[LoggedPacket]:
    """All that is logged of the packets that were sent before: the kernel copies a packet when it drops it."""
    network.settle()
    found: list[LoggedPacket] = []
    while more := log.wait(0):
        found.extend(more)
    return found


@pytest.mark.parametrize(
    "reaction", [Reaction(), OBSERVING, LOGGING, Reaction(drops=False, logging=Logging(65535, 1))], ids=str
)
@pytest.mark.parametrize("holds", [True, False])
def test_what_the_kernel_holds_is_what_was_put_in(reaction: Reaction, holds: bool) -> None:
    @in_own_network
    def run() -> None:
        program = base_program(holds=holds, reaction=reaction)
        Kernel().apply(program)
        assert Kernel().present == program
        assert not Kernel().repair()

    run()


class TestObserving:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("closed", [CLOSED_SERVER, CLOSED_CLIENT], ids=["ingress", "egress"])
    def test_what_is_denied_passes_and_is_counted(self, closed: Object, family: Family) -> None:
        @in_own_network
        def run() -> None:
            network, kernel = Network(2), Kernel()
            apply(kernel, OBSERVING, *BOTH, closed)
            assert passes(network, family)
            assert sum(one.packets for one in kernel.drops()) == 1

        run()

    @in_own_network
    def test_a_packet_that_both_sides_deny_is_counted_for_both(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, OBSERVING, *BOTH, CLOSED_SERVER, CLOSED_CLIENT | {"metadata": {"name": "q", "namespace": "x"}})
        assert passes(network)
        counted = {one.direction: one.packets for one in kernel.drops() if one.packets}
        assert counted == {Direction.EGRESS: 1, Direction.INGRESS: 1}

    @in_own_network
    def test_unknown_addresses_pass(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, OBSERVING, BOTH[SERVER], held=EVERYTHING)
        assert passes(network)

    @in_own_network
    def test_one_may_begin_to_enforce_and_cease_again(self) -> None:
        network, kernel = Network(2), Kernel()
        for reaction in (OBSERVING, Reaction(), OBSERVING):
            apply(kernel, reaction, *BOTH, CLOSED_SERVER, held=EVERYTHING)
            assert passes(network) is not reaction.drops

    @in_own_network
    def test_a_connection_that_was_revoked_goes_on(self) -> None:
        """At once: the process that observes may be one that is told to leave connections alone."""
        network, enforcing = Network(2), Kernel()
        enforcing.apply(program({(Direction.INGRESS, 0): [(1, TCP, 80)]}))
        with network.listener(0, 80) as listener:
            client = network.connect(1, 0, 80)
            server, _ = listener.accept()
        closed = program({(Direction.INGRESS, 0): []})
        enforcing.apply(closed)
        assert enforcing.revoke_forbidden()

        observing = Kernel()
        observing.apply(closed.changed(chains=base_program(reaction=OBSERVING).chains))
        client.sendall(b"x")
        assert received(server) == b"x"
        assert not observing.revoke_forbidden()

        again = Kernel()
        again.apply(closed)
        assert again.revoke_forbidden()
        client.sendall(b"y")
        assert network.delivered(server) is None

    @in_own_network
    def test_no_switch_loses_an_allowed_packet(self) -> None:
        """While the policies change as well: those that are only observed deny what passes before and after."""
        network, kernel = Network(3), Kernel()
        wide = program({(Direction.INGRESS, 0): [(1, UDP, PORT), (2, UDP, 1)]})
        narrow = program({(Direction.INGRESS, 0): [(2, UDP, 1)], (Direction.EGRESS, 1): []})
        kernel.apply(wide)
        with traffic(network, allowed=1, forbidden=2, to=0) as result:
            for _ in range(50):
                kernel.apply(narrow.changed(chains=base_program(reaction=OBSERVING).chains))
                kernel.apply(wide)
        assert result.allowed.sent > 1000
        assert result.allowed.arrived == result.allowed.sent
        assert result.forbidden.arrived, "what is observed passes"


class TestLogging:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize(
        ("closed", "direction"),
        [(CLOSED_SERVER, Direction.INGRESS), (CLOSED_CLIENT, Direction.EGRESS)],
        ids=["ingress", "egress"],
    )
    @pytest.mark.parametrize("drops", [True, False])
    def test_a_denied_packet_is_told(self, closed: Object, direction: Direction, family: Family, drops: bool) -> None:
        @in_own_network
        def run() -> None:
            network, kernel = Network(2), Kernel()
            apply(kernel, Reaction(drops, LOGGING.logging), *BOTH, closed)
            with logging() as log:
                assert passes(network, family) is not drops
                packet = Packet(family, number(CLIENT, family), number(SERVER, family), socket.IPPROTO_UDP, 80)
                assert everything_logged(network, log) == [LoggedPacket(packet, direction, held=False)]

        run()

    @in_own_network
    def test_every_protocol_is_told_with_its_port_if_it_has_one(self) -> None:
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
    def test_an_address_that_nobody_knows_yet_is_told_as_such(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, LOGGING, BOTH[SERVER], held=EVERYTHING)
        with logging() as log:
            assert not passes(network)
            [logged] = everything_logged(network, log)
        assert (logged.direction, logged.held) == (Direction.EGRESS, True)
        assert logged.packet.source == number(CLIENT)

    @in_own_network
    def test_what_passes_is_not_told(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, LOGGING, *BOTH)
        with logging() as log:
            assert passes(network)
            assert everything_logged(network, log) == []

    @in_own_network
    def test_more_than_the_rate_is_dropped_without_a_word(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, Reaction(logging=Logging(GROUP, 5)), *BOTH, CLOSED_SERVER)
        client = network.udp(CLIENT)
        with logging() as log:
            for _ in range(200):
                client.sendto(b"x", (address(SERVER), 80))
            assert 1 <= len(everything_logged(network, log)) < 50
        assert sum(one.packets for one in kernel.drops()) == 200, "all of them are counted"

    @in_own_network
    def test_a_group_that_somebody_else_listens_to_is_refused(self) -> None:
        with logging(), pytest.raises(KernelError, match="choose another --log-group"):
            PacketLog(GROUP)


def send_raw(network: Network, protocol: int, content: bytes) -> None:
    """Send a packet of the client's to the server, of whatever protocol."""
    with network.inside(CLIENT):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    with raw:
        raw.sendto(content, (address(SERVER), 0))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_node_speaks_to_itself_whatever_is_held(family: Family) -> None:
    """Its own address on the pods' side lies in their range, and no pod has it."""

    @in_own_network
    def run() -> None:
        Network(2)
        apply(Kernel(), Reaction(), *BOTH, held=EVERYTHING)
        with socket.socket(socket_family(family), socket.SOCK_DGRAM) as server:
            server.bind((gateway(SERVER, family), 9))
            with socket.socket(socket_family(family), socket.SOCK_DGRAM) as client:
                client.sendto(b"myself", (gateway(SERVER, family), 9))
            assert received(server) == b"myself"

    run()
