"""Reactions of the real kernel to denied packets, dropped or only observed; and packets from the node to itself."""

import socket

import pytest
from tests.dataplane.network import Network, gateway, in_own_network, received, socket_family
from tests.dataplane.programs import TCP, UDP, program
from tests.dataplane.reactions import (
    BOTH,
    CLOSED_CLIENT,
    CLOSED_SERVER,
    EVERYTHING,
    LOGGING,
    OBSERVING,
    SERVER,
    apply,
    passes,
)
from tests.dataplane.traffic import PORT, traffic
from tests.semantics.objects import Object

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Logging, Reaction, base_program
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family


@pytest.mark.parametrize(
    "reaction", [Reaction(), OBSERVING, LOGGING, Reaction(drops=False, logging=Logging(65535, 1))], ids=str
)
@pytest.mark.parametrize("holds", [True, False])
def test_the_kernel_holds_the_program_that_was_applied(reaction: Reaction, holds: bool) -> None:
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
    def test_denied_packets_pass_and_are_counted_while_observing(self, closed: Object, family: Family) -> None:
        @in_own_network
        def run() -> None:
            network, kernel = Network(2), Kernel()
            apply(kernel, OBSERVING, *BOTH, closed)
            assert passes(network, family)
            assert sum(one.packets for one in kernel.counts.drops()) == 1

        run()

    @in_own_network
    def test_a_packet_that_both_sides_deny_is_counted_for_both_while_observing(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, OBSERVING, *BOTH, CLOSED_SERVER, CLOSED_CLIENT | {"metadata": {"name": "q", "namespace": "x"}})
        assert passes(network)
        counted = {one.direction: one.packets for one in kernel.counts.drops() if one.packets}
        assert counted == {Direction.EGRESS: 1, Direction.INGRESS: 1}

    @in_own_network
    def test_unknown_addresses_pass_while_observing(self) -> None:
        network, kernel = Network(2), Kernel()
        apply(kernel, OBSERVING, BOTH[SERVER], held=EVERYTHING)
        assert passes(network)

    @in_own_network
    def test_enforcing_can_be_switched_on_and_off(self) -> None:
        network, kernel = Network(2), Kernel()
        for reaction in (OBSERVING, Reaction(), OBSERVING):
            apply(kernel, reaction, *BOTH, CLOSED_SERVER, held=EVERYTHING)
            assert passes(network) is not reaction.drops

    @in_own_network
    def test_a_connection_that_was_revoked_goes_on_while_observing(self) -> None:
        """The connection continues at once: the observing process may be configured to leave connections alone."""
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
    def test_switching_between_enforcing_and_observing_loses_no_allowed_packet(self) -> None:
        """The policies change at the same time. The observed policies deny packets that pass before and after."""
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


@pytest.mark.parametrize("family", FAMILIES)
def test_the_node_reaches_itself_whatever_is_held(family: Family) -> None:
    """The node's address on the side of the pods lies in their range, and belongs to no pod."""

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
