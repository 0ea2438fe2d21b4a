"""The fields of IP packets that policies use: addresses, protocol and destination port.

Source: RFC 791; RFC 8200, with the extension headers in front of the transport header.
"""

import struct
from typing import Final

from ringfence.dataplane.program import Packet
from ringfence.sets.addresses import Family

_PROTOCOLS_WITH_PORTS: Final = frozenset({6, 17, 132})
"""TCP, UDP and SCTP, whose headers have the destination port at the same offset."""

_EXTENSIONS: Final = frozenset({0, 43, 60})
"""Hop-by-hop options, routing and destination options. Each contains its length in units of 8 bytes."""

_FRAGMENT: Final = 44
_FRAGMENT_OFFSET_4: Final = 0x1FFF

_HEADER_6: Final = 40
"""Bytes of an IPv6 header."""


def read_packet(content: bytes) -> Packet | None:
    """The addresses, the protocol and the destination port in a packet's headers.

    None if the headers are truncated, or if it is not an IP packet, such as ARP on a bridge.

    Only the first fragment of a packet has a port. In other fragments, data follows the IP header.
    """
    try:
        version = content[0] >> 4
        if version == Family.IPV4:
            return _read_4(content)
        return _read_6(content) if version == Family.IPV6 else None
    except (IndexError, struct.error):
        return None


def _read_4(content: bytes) -> Packet:
    length, protocol = (content[0] & 15) * 4, content[9]
    (flags_and_offset,) = struct.unpack_from("!H", content, 6)
    source, destination = struct.unpack_from("!II", content, 12)
    is_first = not flags_and_offset & _FRAGMENT_OFFSET_4
    return Packet(Family.IPV4, source, destination, protocol, _port(protocol, content[length:]) if is_first else None)


def _read_6(content: bytes) -> Packet:
    if len(content) < _HEADER_6:
        raise IndexError("the header is cut off")
    source, destination = (int.from_bytes(content[at : at + 16], "big") for at in (8, 24))
    protocol, at, is_first = content[6], _HEADER_6, True
    # The loop ends: each header advances `at` by at least 8 bytes, and an index beyond the content raises IndexError.
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        if protocol == _FRAGMENT:
            (offset_and_flags,) = struct.unpack_from("!H", content, at + 2)
            # The offset is in the upper 13 bits (RFC 8200, 4.5).
            is_first, length = not offset_and_flags >> 3, 8
        else:
            length = 8 * (content[at + 1] + 1)
        protocol, at = content[at], at + length
    return Packet(Family.IPV6, source, destination, protocol, _port(protocol, content[at:]) if is_first else None)


def _port(protocol: int, transport: bytes) -> int | None:
    if protocol not in _PROTOCOLS_WITH_PORTS or len(transport) < 4:
        return None
    return int.from_bytes(transport[2:4], "big")
