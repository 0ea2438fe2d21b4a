"""Related traffic: errors about an accepted connection pass; a connection that it announces is judged separately."""

import errno
import socket

import pytest
from tests.dataplane.network import PATIENCE, Network, address, in_own_network, nft
from tests.dataplane.programs import TCP, UDP, program

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Program
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Family

IN = Direction.INGRESS
SERVER, CLIENT = 0, 1
TFTP, FTP = 69, 21
READ_REQUEST = b"\0\1file\0octet\0"
both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def help_with(protocol: str, port: int) -> None:
    """Make the kernel expect the connections that are announced on a port, as another program would."""
    nft(
        f"""
        table inet others {{
            ct helper announced {{
                type "{protocol}" protocol {"udp" if protocol == "tftp" else "tcp"}
            }}
            chain before {{
                type filter hook prerouting priority -150
                {"udp" if protocol == "tftp" else "tcp"} dport {port} ct helper set "announced"
            }}
        }}
        """
    )


def opening(*client: tuple[int, int, int]) -> Program:
    """The client may reach the server's ports of both protocols. The named ports of the client may be reached."""
    return program({(IN, SERVER): [(CLIENT, UDP, TFTP), (CLIENT, TCP, FTP)], (IN, CLIENT): list(client)})


@both_families
@pytest.mark.parametrize("is_allowed", [False, True])
@in_own_network
def test_an_expected_flow_is_judged_like_any_other(is_allowed: bool, family: Family) -> None:
    """TFTP: the server answers from another port. The kernel expects that flow."""
    network, kernel = Network(2), Kernel()
    help_with("tftp", TFTP)
    kernel.apply(opening(*([(SERVER, UDP, 4000)] if is_allowed else [])))
    server, client = network.udp(SERVER, TFTP, family), network.udp(CLIENT, 4000, family)
    client.sendto(READ_REQUEST, (address(SERVER, family), TFTP))
    assert network.delivered(server) == READ_REQUEST
    network.udp(SERVER, 5000, family).sendto(b"data", (address(CLIENT, family), 4000))
    assert network.delivered(client) == (b"data" if is_allowed else None)
    server.sendto(b"answer", (address(CLIENT, family), 4000))
    assert network.delivered(client) == b"answer", "the connection itself goes on"


@pytest.mark.parametrize("is_allowed", [False, True])
@in_own_network
def test_an_expected_connection_is_judged_like_any_other(is_allowed: bool) -> None:
    """FTP: the client sends the server the address to connect to."""
    network, kernel = Network(2), Kernel()
    help_with("ftp", FTP)
    kernel.apply(opening(*([(SERVER, TCP, 4000)] if is_allowed else [])))
    with network.listener(SERVER, FTP) as listener:
        client = network.connect(CLIENT, SERVER, FTP)
        server, _ = listener.accept()
    server.settimeout(PATIENCE)
    announcement = f"PORT {address(CLIENT).replace('.', ',')},{4000 >> 8},{4000 & 255}"
    for line in (
        "USER anonymous",
        announcement,
    ):  # The kernel reads whole lines. It knows where they begin from the second line on.
        client.sendall(f"{line}\r\n".encode())
        assert server.recv(100)
    with network.listener(CLIENT, 4000):
        if is_allowed:
            network.connect(SERVER, CLIENT, 4000).close()
        else:
            with pytest.raises(TimeoutError):
                network.connect(SERVER, CLIENT, 4000)


@both_families
@in_own_network
def test_errors_about_an_accepted_flow_reach_its_client(family: Family) -> None:
    network, kernel = Network(2), Kernel()
    kernel.apply(opening())
    assert has_been_refused(network, SERVER, TFTP, family)


@both_families
@in_own_network
def test_errors_about_a_revoked_flow_do_not_reach_its_client(family: Family) -> None:
    network, kernel = Network(2), Kernel()
    kernel.apply(opening())
    client, server = network.udp(CLIENT, 4000, family), network.udp(SERVER, TFTP, family)
    client.connect((address(SERVER, family), TFTP))
    client.send(b"question")
    assert network.delivered(server)
    server.close()
    kernel.apply(program({(IN, SERVER): [], (IN, CLIENT): []}))
    assert len(kernel.revoke_forbidden()) == 1
    client.send(b"more")
    network.settle()
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def has_been_refused(network: Network, pod: int, port: int, family: Family) -> bool:
    """Whether a client receives the error that no program listens on a port."""
    client = network.udp(CLIENT, 0, family)
    client.connect((address(pod, family), port))
    client.send(b"anybody?")
    network.settle()
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
