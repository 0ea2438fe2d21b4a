"""Adoption: of the connections that the kernel did not track when they opened, allowed ones continue, others end."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from tests.dataplane.network import Network, address, in_own_network, nft, tcp_connection
from tests.dataplane.programs import TCP, UDP, program
from tests.dataplane.test_tracking import exempt_everything

from ringfence.dataplane.adoption import Adopted, Adoption
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Program, observing
from ringfence.model.policies import Direction
from ringfence.netlink.conntrack import list_connections
from ringfence.netlink.conntrack_reversal import count_connections
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import FAMILIES, Family

IN = Direction.INGRESS
SERVER, CLIENT, STRANGER = 0, 1, 2
EPHEMERAL: Final = 40_000
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)
who_speaks = pytest.mark.parametrize("server_speaks", [False, True], ids=["client speaks", "server speaks"])
exempt_or_not = pytest.mark.parametrize("exempt", [False, True], ids=["tracked by nobody", "exempt"])

GUARDED: Final = program({(IN, SERVER): [(CLIENT, TCP, 80), (CLIENT, UDP, 80)], (IN, CLIENT): [], (IN, STRANGER): []})
"""The client may reach the server's port 80. Nobody else may reach anybody."""

Ends = tuple[socket.socket, socket.socket]
Open = Callable[[Network, int, Family], Ends]


def tcp(network: Network, client: int, family: Family) -> Ends:
    return tcp_connection(network, client, SERVER, family)


def udp(network: Network, client: int, family: Family, port: int = EPHEMERAL) -> Ends:
    calling, called = network.udp(client, port, family), network.udp(SERVER, 80, family)
    calling.connect((address(SERVER, family), 80))
    called.connect((address(client, family), port))
    return calling, called


def udp_between_low_ports(network: Network, client: int, family: Family) -> Ends:
    return udp(network, client, family, 500)


@contextmanager
def adopting(kernel: Kernel, wanted: Program) -> Iterator[list[Adopted]]:
    """Adopt connections of which packets are sent while the context is open.

    Afterwards, the program is in force and connections are judged.
    """
    adoption, adopted = Adoption(), list[Adopted]()
    assert adoption.is_needed
    kernel.apply(observing(wanted))
    yield adopted
    adopted.append(adoption.end(wanted))
    kernel.apply(wanted)
    kernel.revoke_forbidden()


def says(network: Network, speaking: socket.socket, listening: socket.socket, word: bytes) -> bool:
    speaking.send(word)
    return network.delivered(listening) == word


@both_families
@who_speaks
@exempt_or_not
@pytest.mark.parametrize("is_allowed", [True, False], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("open_one", [tcp, udp], ids=["TCP", "UDP"])
def test_an_allowed_conversation_goes_on_and_a_forbidden_one_ends(
    open_one: Open, is_allowed: bool, exempt: bool, server_speaks: bool, family: Family
) -> None:
    """Only one side sends, before and after.

    Over UDP, the acknowledgements of the client alone would not save the connection.
    """

    @in_own_network
    def run() -> None:
        network, kernel = Network(3), Kernel()
        if exempt:
            exempt_everything()
        client = CLIENT if is_allowed else STRANGER
        ends = open_one(network, client, family)
        speaking, listening = reversed(ends) if server_speaks else ends
        with adopting(kernel, GUARDED):
            assert says(network, speaking, listening, b"meanwhile")
        for _ in range(2):
            assert says(network, speaking, listening, b"after") is is_allowed
        assert says(network, listening, speaking, b"answer") is is_allowed

    run()


@in_own_network
def test_a_conversation_with_unknown_client_goes_on_if_policies_allow_either_side_to_open_it() -> None:
    network, kernel = Network(3), Kernel()
    allowed = udp_between_low_ports(network, CLIENT, Family.IPV4)
    with adopting(kernel, GUARDED) as adopted:
        assert says(network, allowed[1], allowed[0], b"meanwhile")
    assert [(one.reversed, one.ambiguous) for one in adopted] == [(1, 1)]
    assert says(network, allowed[1], allowed[0], b"after")


@in_own_network
def test_a_connection_that_is_opened_during_the_adoption_has_its_real_client() -> None:
    network, kernel = Network(3), Kernel()
    with adopting(kernel, GUARDED) as adopted, network.listener(CLIENT, EPHEMERAL) as listener:
        opened = network.connect(SERVER, CLIENT, EPHEMERAL)
        accepted, _ = listener.accept()
    assert [(one.reversed, one.ambiguous) for one in adopted] == [(0, 0)]
    opened.sendall(b"after")
    assert network.delivered(accepted) is None


@in_own_network
def test_nothing_is_adopted_where_connections_are_tracked() -> None:
    network = Network(2)
    nft("table inet services { chain forward { type filter hook forward priority 0; ct state new counter; }; }")
    tcp_connection(network, CLIENT, SERVER)
    assert not Adoption().is_needed
    exempt_everything()
    assert Adoption().is_needed


@pytest.mark.parametrize("server_speaks", [False, True])
@in_own_network
def test_the_table_of_the_kernel_says_afterwards_who_the_client_is(server_speaks: bool) -> None:
    network, kernel = Network(3), Kernel()
    ends = tcp(network, CLIENT, Family.IPV4)
    speaking, listening = reversed(ends) if server_speaks else ends
    with adopting(kernel, GUARDED):
        assert says(network, speaking, listening, b"meanwhile")
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        (found,) = [one for one in list_connections(netlink) if one.protocol == socket.IPPROTO_TCP]
        assert found.original[1].port == 80
        assert count_connections(netlink) >= 1
