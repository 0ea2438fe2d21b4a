"""Packets with hand-written headers, in the form in which a pod with NET_RAW can send them."""

import socket
import struct
from ipaddress import ip_address

from tests.dataplane.network import Network

from ringfence.sets.addresses import Family

UDP, ICMPV6 = 17, 58
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT = range(133, 138)
ALL_NODES = "ff02::1"


def send(network: Network, pod: int, packet: bytes) -> None:
    """Send an IP packet from a pod, routed by its destination."""
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
    """An IP packet in the family of its addresses."""
    ends = ip_address(source).packed + ip_address(destination).packed
    if family_of(source) is Family.IPV6:
        return struct.pack("!IHBB", 6 << 28, len(content), protocol, hop_limit) + ends + content
    header = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(content), 0, 0, hop_limit, protocol)
    return header + struct.pack("!H", _checksum(header + ends)) + ends + content


def by_way_of(node: str, packet: bytes) -> bytes:
    """An IPv4 packet with a loose source route (RFC 791): first to the node, then to its own destination."""
    header, rest, target = bytearray(packet[:20]), bytearray(packet[20:]), packet[16:20]
    header[0] = 0x47  # The header has seven words.
    header[2:4] = struct.pack("!H", len(packet) + 8)
    header[10:12] = bytes(2)
    header[16:20] = ip_address(node).packed
    header += bytes([131, 7, 4]) + target + bytes(1)
    header[10:12] = struct.pack("!H", _checksum(bytes(header)))
    return bytes(header + rest)


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


# --- frames -----------------------------------------------------------------------------------------------------------

IPV4_FRAME, ARP_FRAME, IPV6_FRAME = 0x0800, 0x0806, 0x86DD
EVERYBODY = b"\xff" * 6
_OUTGOING = 4


class OnLink:
    """A raw socket on the interface of a pod. It sends frames and receives all frames that arrive."""

    def __init__(self, network: Network, pod: int) -> None:
        self._network = network
        with network.inside(pod):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            self._socket.bind(("eth0", 0))
        self.hardware_address: bytes = self._socket.getsockname()[4]
        self._socket.setblocking(False)

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self._socket.send(frame)

    def send_packet(self, packet: bytes, destination: bytes, tag: bytes = b"", kind: int = 0) -> None:
        """Send a packet to a hardware address, in a `frame` from the pod's own one."""
        self.send(frame(packet, self.hardware_address, destination, tag, kind))

    def gets(self, content: bytes) -> bool:
        """Whether a frame with this content has arrived among all that were sent before. Forgets all arrived frames."""
        self._network.settle()
        found = False
        while True:
            try:
                frame, where = self._socket.recvfrom(65536)
            except BlockingIOError:
                return found
            found |= content in frame and where[2] != _OUTGOING


def frame(packet: bytes, source: bytes, destination: bytes, tag: bytes = b"", kind: int = 0) -> bytes:
    """A frame that contains an IP packet, or content of another `kind`, optionally with a VLAN tag."""
    kind = kind or (IPV4_FRAME if packet[0] >> 4 == 4 else IPV6_FRAME)
    return destination + source + tag + struct.pack("!H", kind) + packet


def group_hardware_address(group: str) -> bytes:
    """The hardware address for a multicast or broadcast destination on a link."""
    packed = ip_address(group).packed
    if len(packed) == 16:
        return b"\x33\x33" + packed[12:]
    return EVERYBODY if packed[3] == 255 else b"\x01\x00\x5e" + bytes([packed[1] & 127]) + packed[2:]


def arp_reply(hardware_address: bytes, ip: str, to: bytes, to_ip: str) -> bytes:
    """An ARP message that announces this hardware address for `ip`."""
    ends = hardware_address + ip_address(ip).packed + to + ip_address(to_ip).packed
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + ends


def neighbour_advertisement(source: str, destination: str, target: str, hardware_address: bytes) -> bytes:
    """A message that announces this hardware address for `target` and overrides earlier entries."""
    flags = struct.pack("!I", 1 << 29)
    content = flags + ip_address(target).packed + b"\x02\x01" + hardware_address
    return icmpv6(source, destination, NEIGHBOUR_ADVERTISEMENT, content)
