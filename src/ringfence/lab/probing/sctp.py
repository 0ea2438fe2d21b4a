"""SCTP as crafted packets: the first two packets of an association, which show whether it gets through.

Many kernels have no SCTP sockets (the module is often missing, or loading it is forbidden), but all of them track and
filter SCTP packets. A probe is an INIT on a raw socket, and an INIT ACK is its answer. A kernel with SCTP sockets may
answer too, with an ABORT because it does not know the association; that proves as well that the INIT arrived.

Source: RFC 9260, sections 3.1 to 3.3.
"""

import struct
from enum import IntEnum
from typing import Final

import msgspec

PROTOCOL: Final = 132

_COMMON: Final = struct.Struct("!HHI")
# The only field in little-endian byte order (RFC 9260, appendix A).
_CHECKSUM: Final = struct.Struct("<I")
_CHUNK: Final = struct.Struct("!BBH")
_OPENING: Final = struct.Struct("!IIHHI")
_CHUNKS_AT: Final = _COMMON.size + _CHECKSUM.size
_WINDOW: Final = 65536
_STATE_COOKIE: Final = struct.pack("!HH4s", 7, 8, b"ring")
"""The parameter that an INIT ACK must have (type 7); the cookie is never used, because no association follows."""


class ChunkType(IntEnum):
    """Types of chunks."""

    INIT = 1
    INIT_ACK = 2


class SctpPacket(msgspec.Struct, frozen=True):
    """A packet with its first chunk. `initiate_tag` is the tag that INIT and INIT ACK ask the other end to use."""

    source_port: int
    destination_port: int
    verification_tag: int
    chunk: int
    initiate_tag: int = 0


def init(source_port: int, destination_port: int, tag: int) -> bytes:
    """The request to open an association; its answers carry `tag`."""
    return _packet(source_port, destination_port, 0, ChunkType.INIT, _opening(tag))


def init_ack(request: SctpPacket) -> bytes:
    """The answer to an INIT."""
    body = _opening(request.initiate_tag) + _STATE_COOKIE
    return _packet(request.destination_port, request.source_port, request.initiate_tag, ChunkType.INIT_ACK, body)


def parse(data: bytes) -> SctpPacket | None:
    """The packet in `data`, which starts with the SCTP header; None if it is cut short."""
    if len(data) < _CHUNKS_AT + _CHUNK.size:
        return None
    source_port, destination_port, tag = _COMMON.unpack_from(data)
    kind, _, _ = _CHUNK.unpack_from(data, _CHUNKS_AT)
    if kind not in (ChunkType.INIT, ChunkType.INIT_ACK):
        return SctpPacket(source_port, destination_port, tag, kind)
    if len(data) < _CHUNKS_AT + _CHUNK.size + _OPENING.size:
        return None
    initiate_tag = _OPENING.unpack_from(data, _CHUNKS_AT + _CHUNK.size)[0]
    return SctpPacket(source_port, destination_port, tag, kind, initiate_tag)


def _opening(tag: int) -> bytes:
    """The fields that INIT and INIT ACK have in common: one stream each way."""
    return _OPENING.pack(tag, _WINDOW, 1, 1, tag)


def _packet(source_port: int, destination_port: int, tag: int, chunk: ChunkType, body: bytes) -> bytes:
    header = _COMMON.pack(source_port, destination_port, tag)
    chunks = _CHUNK.pack(chunk, 0, _CHUNK.size + len(body)) + body
    return header + _CHECKSUM.pack(crc32c(header + bytes(_CHECKSUM.size) + chunks)) + chunks


def crc32c(data: bytes) -> int:
    """The checksum of SCTP: CRC-32 with Castagnoli's polynomial (RFC 9260, appendix A)."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = _CRC_TABLE[(remainder ^ byte) & 0xFF] ^ (remainder >> 8)
    return remainder ^ 0xFFFFFFFF


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            # The polynomial 0x1EDC6F41 with its bits in reverse order.
            remainder = (remainder >> 1) ^ (0x82F63B78 if remainder & 1 else 0)
        table.append(remainder)
    return table


_CRC_TABLE: Final = _crc_table()
