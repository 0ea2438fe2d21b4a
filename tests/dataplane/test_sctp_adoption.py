"""Adoption of SCTP associations that the kernel did not track when they opened: allowed ones continue, others end.

Few kernels have SCTP sockets, so both ends are raw sockets. The content of the chunks does not matter; the tag of each
direction and the checksum do.
"""

import socket
import struct
from typing import Final

import pytest
from tests.dataplane import forged
from tests.dataplane.network import Network, address, in_own_network
from tests.dataplane.programs import SCTP, program
from tests.dataplane.test_adoption import CLIENT, EPHEMERAL, IN, SERVER, STRANGER, adopting

from ringfence.dataplane.kernel import Kernel
from ringfence.lab.probing.sctp import crc32c

GUARDED: Final = program({(IN, SERVER): [(CLIENT, SCTP, 80)], (IN, CLIENT): [], (IN, STRANGER): []})

DATA, HEARTBEAT, HEARTBEAT_ACK = 0, 4, 5
"""Types of chunks (RFC 9260, section 3.2)."""

TAGS: Final = {CLIENT: 0x11111111, STRANGER: 0x11111111, SERVER: 0x22222222}
"""The tag that packets to each end bear."""


class Association:
    def __init__(self, network: Network, client: int) -> None:
        self._network = network
        self._client = client
        self._ends = {}
        for pod in (client, SERVER):
            with network.inside(pod):
                self._ends[pod] = socket.socket(socket.AF_INET, socket.SOCK_RAW, SCTP)

    def sends(self, pod: int, chunk: int) -> bool:
        """Whether a chunk that one end sends arrives at the other end."""
        source, destination = (self._client, SERVER) if pod == self._client else (SERVER, self._client)
        ports = (EPHEMERAL, 80) if pod == self._client else (80, EPHEMERAL)
        header = struct.pack("!HHI", *ports, TAGS[destination])
        body = struct.pack("!BBHII", chunk, 0, 12, 1, 1)
        checksum = struct.pack("<I", crc32c(header + bytes(4) + body))
        packet = forged.ip_packet(str(address(source)), str(address(destination)), SCTP, header + checksum + body)
        forged.send(self._network, pod, packet)
        return self._network.delivered(self._ends[destination]) is not None


@pytest.mark.parametrize("speaking", [CLIENT, SERVER], ids=["the client's heartbeat", "the server's heartbeat"])
@in_own_network
def test_an_allowed_association_goes_on_in_both_directions(speaking: int) -> None:
    network, kernel = Network(3), Kernel()
    allowed = Association(network, CLIENT)
    listening = CLIENT + SERVER - speaking
    with adopting(kernel, GUARDED) as adopted:
        assert allowed.sends(speaking, HEARTBEAT)
        assert allowed.sends(listening, HEARTBEAT_ACK)
    assert [one.reversed for one in adopted] == [int(speaking == SERVER)]
    assert allowed.sends(speaking, DATA)
    assert allowed.sends(listening, DATA)


@in_own_network
def test_a_forbidden_association_ends() -> None:
    network, kernel = Network(3), Kernel()
    forbidden = Association(network, STRANGER)
    with adopting(kernel, GUARDED):
        assert forbidden.sends(SERVER, HEARTBEAT)
        assert forbidden.sends(STRANGER, HEARTBEAT_ACK)
    for end in (STRANGER, SERVER):
        assert not forbidden.sends(end, DATA)
        assert not forbidden.sends(end, HEARTBEAT)


@in_own_network
def test_an_association_that_only_sends_data_meanwhile_goes_on_after_a_heartbeat_of_the_client() -> None:
    """The kernel does not track an association of which it has seen only data."""
    network, kernel = Network(3), Kernel()
    allowed = Association(network, CLIENT)
    with adopting(kernel, GUARDED):
        assert allowed.sends(CLIENT, DATA)
        assert allowed.sends(SERVER, DATA)
    assert not allowed.sends(SERVER, DATA)
    assert allowed.sends(CLIENT, HEARTBEAT)
    assert allowed.sends(SERVER, HEARTBEAT_ACK)
    assert allowed.sends(SERVER, DATA)
    assert allowed.sends(CLIENT, DATA)
