"""Packets with headers written by hand, as a pod with NET_RAW sends them."""

import socket
import struct
from ipaddress import ip_address

from tests.dataplane.network import Network

from ringfence.sets.addresses import Family

UDP, ICMPV6 = 17, 58
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT = range(133, 138)
ALL_NODES = "ff02::1"


def send(network: Network, pod: int, packet: bytes) -> None:
    """Have a pod send an IP packet, routed by its destination."""
    with network.inside(pod):
        send_from_here(packet)


def send_from_here(packet: bytes) -> None:
    """Send an IP packet from the present network, routed by its destination."""
    if packet[0] >> 4 == 4:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        target: tuple[object, ...] = (socket.inet_ntoa(packet[16:20]), 0)
    else:
        raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        target = (socket.inet_ntop(socket.AF_INET6, packet[24:40]), 0, 0, socket.if_nametoindex("eth0"))
    with raw:
        raw.sendto(packet, target)


def datagram(source: str, destination: str, port: int, content: bytes = b"x", source_port: int = 4000) -> bytes:
    """A UDP datagram in an IP packet."""
    length = 8 + len(content)
    header = struct.pack("!HHHH", source_port, port, length, 0)
    checksum = _checksum(_pseudo_header(source, destination, UDP, length) + header + content) or 0xFFFF
    return ip_packet(source, destination, UDP, header[:6] + struct.pack("!H", checksum) + content)


def icmpv6(source: str, destination: str, kind: int, content: bytes, hop_limit: int = 255) -> bytes:
    """An ICMPv6 message in an IPv6 packet."""
    message = struct.pack("!BBH", kind, 0, 0) + content
    checksum = _checksum(_pseudo_header(source, destination, ICMPV6, len(message)) + message)
    return ip_packet(source, destination, ICMPV6, message[:2] + struct.pack("!H", checksum) + content, hop_limit)


def ip_packet(source: str, destination: str, protocol: int, content: bytes, hop_limit: int = 64) -> bytes:
    """An IP packet of the family of its addresses."""
    ends = ip_address(source).packed + ip_address(destination).packed
    if family_of(source) is Family.IPV6:
        return struct.pack("!IHBB", 6 << 28, len(content), protocol, hop_limit) + ends + content
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, hop_limit, protocol, 0) + ends + content


def family_of(address: str) -> Family:
    """The family of an address."""
    return Family.IPV6 if ":" in address else Family.IPV4


def _pseudo_header(source: str, destination: str, protocol: int, length: int) -> bytes:
    return ip_address(source).packed + ip_address(destination).packed + struct.pack("!II", length, protocol)


def _checksum(content: bytes) -> int:
    padded = content + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
