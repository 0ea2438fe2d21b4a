"""Packet headers: what is decoded from the copies that the kernel makes (RFC 791 and RFC 8200)."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane.forged import arp_reply

from ringfence.dataplane.packet_headers import read_packet
from ringfence.dataplane.program import Packet
from ringfence.sets.addresses import Family, parse_address

UDP, TCP, ICMP, FRAGMENT, OPTIONS = 17, 6, 1, 44, 0
PORTS = struct.pack("!HH", 0x1234, 443)


def ipv4(protocol: int, *, words: int = 5, fragment: int = 0) -> bytes:
    fixed = struct.pack("!BBHHHBBH", 0x40 | words, 0, 0, 0, fragment, 64, protocol, 0)
    return fixed + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + bytes(4 * (words - 5))


def ipv6(next_header: int) -> bytes:
    source, destination = bytes(15) + b"\1", bytes(15) + b"\2"
    return struct.pack("!IHBB", 0x6000_0000, 0, next_header, 64) + source + destination


def extension(next_header: int, length: int = 0) -> bytes:
    return bytes([next_header, length]) + bytes(6 + 8 * length)


def fragment(next_header: int, offset: int, *, more: bool = True) -> bytes:
    return struct.pack("!BBHI", next_header, 0, offset << 3 | more, 7)


def port(content: bytes) -> int | None:
    packet = read_packet(content)
    assert packet is not None
    return packet.port


def test_the_ipv4_addresses_protocol_and_port_are_read() -> None:
    ends = parse_address("10.0.0.1")[1], parse_address("10.0.0.2")[1]
    assert read_packet(ipv4(UDP) + PORTS) == Packet(Family.IPV4, *ends, UDP, 443)


def test_the_ipv6_addresses_protocol_and_port_are_read() -> None:
    assert read_packet(ipv6(TCP) + PORTS) == Packet(Family.IPV6, 1, 2, TCP, 443)


def test_ports_are_behind_the_options_of_ipv4() -> None:
    assert port(ipv4(UDP, words=6) + PORTS) == 443


def test_only_the_first_fragment_of_ipv4_has_a_port() -> None:
    more = 0x2000
    assert port(ipv4(UDP, fragment=more) + PORTS) == 443
    assert port(ipv4(UDP, fragment=more | 1) + PORTS) is None
    assert port(ipv4(UDP, fragment=0x1000) + PORTS) is None


def test_ports_are_behind_the_extension_headers_of_ipv6() -> None:
    assert port(ipv6(OPTIONS) + extension(43) + extension(60, 2) + extension(TCP) + PORTS) == 443


def test_only_the_first_fragment_of_ipv6_has_a_port() -> None:
    assert port(ipv6(FRAGMENT) + fragment(UDP, 0) + PORTS) == 443
    assert port(ipv6(FRAGMENT) + fragment(UDP, 1) + PORTS) is None
    assert port(ipv6(FRAGMENT) + fragment(UDP, 0x1FFF, more=False) + PORTS) is None
    assert port(ipv6(OPTIONS) + extension(FRAGMENT) + fragment(UDP, 9) + PORTS) is None


def test_protocols_without_ports_and_cut_off_ones_have_none() -> None:
    assert port(ipv4(ICMP) + PORTS) is None
    assert port(ipv4(UDP) + PORTS[:3]) is None
    assert port(ipv4(132) + PORTS) == 443


def test_a_header_that_is_cut_off_is_not_read() -> None:
    assert read_packet(ipv4(UDP)[:19]) is None
    assert read_packet(ipv6(UDP)[:39]) is None
    assert read_packet(b"") is None


def test_data_that_is_no_ip_packet_is_not_read() -> None:
    assert read_packet(arp_reply(bytes(6), "10.0.0.1", bytes(6), "10.0.0.2") + b"\x06" * 32) is None


@given(st.binary(max_size=80))
def test_no_bytes_cause_an_error(content: bytes) -> None:
    read_packet(content)
