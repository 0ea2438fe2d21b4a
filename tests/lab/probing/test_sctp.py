"""Crafted SCTP packets."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.lab.probing import sctp
from ringfence.lab.probing.sctp import ChunkType, SctpPacket

ports = st.integers(0, 65535)
tags = st.integers(1, (1 << 32) - 1)


def test_the_checksum_is_that_of_the_standard() -> None:
    """The check value that catalogues give for CRC-32C."""
    assert sctp.crc32c(b"123456789") == 0xE3069283


@given(ports, ports, tags)
def test_an_opening_is_answered_to_whom_it_came_from(source: int, destination: int, tag: int) -> None:
    opening = sctp.parse(sctp.init(source, destination, tag))
    assert opening == SctpPacket(source, destination, 0, ChunkType.INIT, tag)
    assert opening is not None
    answer = sctp.parse(sctp.init_ack(opening))
    assert answer == SctpPacket(destination, source, tag, ChunkType.INIT_ACK, tag)


@given(st.binary(max_size=64))
def test_anything_may_arrive(data: bytes) -> None:
    packet = sctp.parse(data)
    assert packet is None or packet.source_port == int.from_bytes(data[:2], "big")
