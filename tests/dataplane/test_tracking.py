"""Packets that another program exempts from connection tracking: it is still known who opened a connection."""

from collections.abc import Callable

import pytest
from tests.dataplane.network import Network, address, gateway, in_own_network, nft, received, tcp_connection
from tests.dataplane.programs import TCP, UDP, program

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Program
from ringfence.model.policies import Direction
from ringfence.netlink.conntrack import list_connections
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import FAMILIES, Family

IN = Direction.INGRESS
SERVER, CLIENT, STRANGER = 0, 1, 2
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def guarded() -> Program:
    """The client may reach port 80 of the server. No other pod may reach either of them."""
    return program({(IN, SERVER): [(CLIENT, TCP, 80), (CLIENT, UDP, 80)], (IN, CLIENT): []})


def exempt_everything(priority: str = "raw") -> None:
    """A rule of another program, such as `iptables -t raw -A PREROUTING -j NOTRACK`."""
    nft(
        f"""
        table inet others {{
            chain before {{
                type filter hook prerouting priority {priority}
                notrack
            }}
        }}
        """
    )


@both_families
@pytest.mark.parametrize("priority", ["raw", "-202"])
@in_own_network
def test_connections_are_opened_as_policies_say(priority: str, family: Family) -> None:
    network, kernel = Network(3), Kernel()
    exempt_everything(priority)
    kernel.apply(guarded())
    client, server = tcp_connection(network, CLIENT, SERVER, family)
    for speaking, listening in ((client, server), (server, client)) * 2:
        speaking.sendall(b"word")
        assert received(listening) == b"word"
    for source, destination in ((STRANGER, SERVER), (SERVER, CLIENT)):
        with network.listener(destination, 80 + source, family), pytest.raises(TimeoutError):
            network.connect(source, destination, 80 + source, family)
    assert kernel.counts.untracked()[family] > 0


@both_families
@in_own_network
def test_datagrams_are_answered_as_policies_say(family: Family) -> None:
    network, kernel = Network(3), Kernel()
    exempt_everything()
    kernel.apply(guarded())
    server, client = network.udp(SERVER, 80, family), network.udp(CLIENT, 4000, family)
    server.sendto(b"unasked", (address(CLIENT, family), 4000))
    assert network.delivered(client) is None
    client.sendto(b"question", (address(SERVER, family), 80))
    assert network.delivered(server) == b"question"
    server.sendto(b"answer", (address(CLIENT, family), 4000))
    assert network.delivered(client) == b"answer"


@in_own_network
def test_a_tightened_program_ends_untracked_connections() -> None:
    network, kernel = Network(3), Kernel()
    exempt_everything()
    kernel.apply(guarded())
    client, server = tcp_connection(network, CLIENT, SERVER)
    kernel.apply(program({(IN, SERVER): [], (IN, CLIENT): []}))
    assert len(kernel.revoke_forbidden()) == 1
    client.sendall(b"after")
    assert network.delivered(server) is None


@in_own_network
def test_packets_to_the_node_itself_stay_exempt_from_tracking() -> None:
    """NodeLocal DNSCache needs this."""
    network, kernel = Network(2), Kernel()
    exempt_everything()
    kernel.apply(guarded())
    network.udp(CLIENT, 4000).sendto(b"question", (gateway(CLIENT), 53))
    network.settle()
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        assert not any(4000 in (one.original[0].port, one.original[1].port) for one in list_connections(netlink))
    assert not kernel.counts.untracked()[Family.IPV4], "over IPv6, neighbours send to groups at any time"


@pytest.mark.parametrize("exempt", [exempt_everything, lambda: None], ids=["exempt", "tracked"])
@in_own_network
def test_only_packets_that_are_exempted_are_counted(exempt: Callable[[], None]) -> None:
    network, kernel = Network(2), Kernel()
    exempt()
    kernel.apply(guarded())
    server, client = network.udp(SERVER, 80), network.udp(CLIENT)
    for _ in range(3):
        client.sendto(b"question", (address(SERVER), 80))
    assert network.delivered(server)
    assert kernel.counts.untracked()[Family.IPV4] == (3 if exempt is exempt_everything else 0)
