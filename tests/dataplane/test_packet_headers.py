"""The headers of logged packets."""

from hypothesis import given
from hypothesis import strategies as st

from ringfence.dataplane.packet_headers import read_packet
from ringfence.dataplane.program import Packet
from ringfence.sets.addresses import Family, parse_address


def test_ports_are_behind_the_options() -> None:
    header = bytes([0x46, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0]) + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + bytes(4)
    assert read_packet(header + bytes([0x12, 0x34, 0, 53])) == Packet(
        Family.IPV4, parse_address("10.0.0.1")[1], parse_address("10.0.0.2")[1], 17, 53
    )


def test_a_later_fragment_has_no_port() -> None:
    header = bytes([0x45, 0, 0, 0, 0, 0, 0, 1, 64, 17, 0, 0]) + bytes(8)
    read = read_packet(header + bytes([0x12, 0x34, 0, 53]))
    assert read
    assert read.port is None


def test_extension_headers_are_gone_through() -> None:
    header = bytes([0x60, 0, 0, 0, 0, 0, 0, 64]) + bytes(32)
    read = read_packet(header + bytes([6, 0]) + bytes(6) + bytes([0x12, 0x34, 0x01, 0xBB]))
    assert read
    assert (read.protocol, read.port) == (6, 443)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_not(content: bytes) -> None:
    read_packet(content)
