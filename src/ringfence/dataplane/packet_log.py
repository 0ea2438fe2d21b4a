"""The packet log: copies of denied packets' headers, as the kernel sends them to whoever listens to a log group.

Source: `<linux/netfilter/nfnetlink_log.h>`; RFC 791, RFC 8200 and its extension headers.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import failure
from ringfence.dataplane.program import DENIED_PREFIX, HELD_PREFIX, Packet
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.netlink.messages import (
    ACKNOWLEDGE,
    NETFILTER,
    REQUEST,
    NetlinkSocket,
    attribute,
    attributes,
    message,
    number,
    read_text,
)
from ringfence.sets.addresses import Family

_PACKET: Final = 4 << 8
_CONFIGURE: Final = 4 << 8 | 1
_COMMAND, _MODE, _FLUSH_AFTER, _FLUSH_AT = 1, 2, 4, 5
_BIND: Final = b"\1"
_COPY_HEADERS: Final = struct.pack("!IBx", 256, 2)
_PAYLOAD, _PREFIX = 9, 10

_WITH_PORTS: Final = frozenset({6, 17, 132})
_EXTENSIONS: Final = frozenset({0, 43, 60})
_FRAGMENT: Final = 44

_SIDES: Final = {
    prefix: (direction, held)
    for prefixes, held in ((DENIED_PREFIX, False), (HELD_PREFIX, True))
    for direction, prefix in prefixes.items()
}


class LoggedPacket(NamedTuple):
    """A packet that nothing allowed, and whose policies it was; if `held`, the pod on that side was not known yet."""

    packet: Packet
    direction: Direction
    held: bool


class PacketLog:
    """Listens to a log group, in the network namespace in which the calling thread is when this is made."""

    def __init__(self, group: int) -> None:
        """Raises KernelError where the kernel has no such log, or somebody else listens to the group."""
        try:
            self._conversation = NetlinkSocket(NETFILTER)
        except OSError as error:
            raise failure("the packet log cannot be used", error.errno or 0, error.strerror or "") from error
        for setting in (
            attribute(_COMMAND, _BIND),
            attribute(_MODE, _COPY_HEADERS),
            number(_FLUSH_AFTER, 10),
            number(_FLUSH_AT, 1),
        ):
            self._configure(group, setting)

    def close(self) -> None:
        """Stop listening."""
        self._conversation.close()

    def wait(self) -> Iterator[LoggedPacket]:
        """The packets that come next; none at all where those that came cannot be read."""
        for one in self._conversation.wait_for_messages():
            if one.type == _PACKET and (logged := read_logged(one.body[4:])):
                yield logged

    def _configure(self, group: int, setting: bytes) -> None:
        body = struct.pack("!BBH", 0, 0, group) + setting
        sequence = self._conversation.next_sequence()
        self._conversation.send(message(_CONFIGURE, REQUEST | ACKNOWLEDGE, sequence, body))
        for refusal in self._conversation.refusals():
            raise _unusable(group, refusal.code, str(refusal))


def _unusable(group: int, code: int, explanation: str) -> KernelError:
    return failure(f"the packet log of group {group} cannot be used: choose another --log-group", code, explanation)


def read_logged(encoded: bytes) -> LoggedPacket | None:
    """What a message of the log tells; None if it is not of ours, or its packet cannot be read."""
    settings = attributes(encoded)
    side = _SIDES.get(read_text(settings.get(_PREFIX, b"")))
    packet = read_packet(settings.get(_PAYLOAD, b""))
    return LoggedPacket(packet, *side) if packet and side else None


def read_packet(content: bytes) -> Packet | None:
    """The addresses, the protocol and the destination port in a packet's headers, as far as they are there."""
    try:
        return _read_4(content) if content[0] >> 4 == 4 else _read_6(content)
    except (IndexError, struct.error):
        return None


def _read_4(content: bytes) -> Packet:
    length, fragment, protocol = (content[0] & 15) * 4, struct.unpack_from("!H", content, 6)[0] & 0x1FFF, content[9]
    source, destination = struct.unpack_from("!II", content, 12)
    return Packet(Family.IPV4, source, destination, protocol, None if fragment else _port(protocol, content[length:]))


def _read_6(content: bytes) -> Packet:
    source, destination = (int.from_bytes(content[at : at + 16], "big") for at in (8, 24))
    protocol, at, fragment = content[6], 40, 0
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        if protocol == _FRAGMENT:
            fragment = struct.unpack_from("!H", content, at + 2)[0] >> 3
        length = 8 if protocol == _FRAGMENT else 8 * (content[at + 1] + 1)
        protocol, at = content[at], at + length
    if len(content) < 40:
        raise IndexError
    return Packet(Family.IPV6, source, destination, protocol, None if fragment else _port(protocol, content[at:]))


def _port(protocol: int, transport: bytes) -> int | None:
    if protocol not in _WITH_PORTS or len(transport) < 4:
        return None
    return int.from_bytes(transport[2:4], "big")
