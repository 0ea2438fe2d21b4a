"""Tracked connections: the kernel's list of them, and which a program no longer allows.

A tightened policy is meant to end what it forbids, but the kernel asks no policy about packets of a connection that was
accepted before. Deleting its entry would not do: if the isolated server speaks next, its packet opens a new connection
in the other direction, and the client's packets come back in as replies. So entries stay, and their numbers go into the
set `revoked`, which is looked at before everything else.

Source: `<linux/netfilter/nfnetlink_conntrack.h>`; ctnetlink_fill_info() of the kernel.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from ringfence.dataplane.program import Packet, Program, address_key, admits
from ringfence.dataplane.update import AffectedAddresses
from ringfence.netlink.messages import NetlinkSocket, attributes
from ringfence.sets.addresses import Addresses, Family

_GET: Final = (1 << 8) + 1
_HEADER: Final = bytes(4)
_ORIGINAL, _REPLY, _IDENTIFIER = 1, 2, 12
_ADDRESSES, _PROTOCOL = 1, 2
_SOURCE_4, _DESTINATION_4, _SOURCE_6, _DESTINATION_6 = 1, 2, 3, 4
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3


class ConnectionEnd(NamedTuple):
    """An address and a port; protocols without ports have none."""

    address: int
    port: int | None


class TrackedConnection(NamedTuple):
    """A connection that the kernel tracks.

    `original` are the ends of its first packet as it was sent, source and destination; `reply` those of an answer. They
    differ in more than their order where addresses were translated.
    """

    identifier: int
    family: Family
    protocol: int
    original: tuple[ConnectionEnd, ConnectionEnd]
    reply: tuple[ConnectionEnd, ConnectionEnd]

    @property
    def opening(self) -> Packet:
        """The packet that opened it, as policies see it.

        They apply after destinations are translated and before sources are, so it goes to the pod behind a Service and
        comes from the pod that sent it.
        """
        destination = self.reply[0]
        return Packet(self.family, self.original[0].address, destination.address, self.protocol, destination.port)


def list_connections(
    conversation: NetlinkSocket, about: Collection[bytes] | None = None
) -> Iterator[TrackedConnection]:
    """Tracked connections of the conversation's network namespace. Raises OSError where the kernel refuses.

    With `about`, only those in whose description one of these addresses or numbers occurs; maybe a few more. To read a
    description takes many times as long as to look whether anything occurs in it.
    """
    needles = () if about is None or len(about) > _MANY else tuple(about)
    if about is not None and not about:
        return
    for body in conversation.dump(_GET, _HEADER):
        if not needles or any(needle in body for needle in needles):
            yield _read(body)


_MANY: Final = 100
"""More addresses than that are not looked for."""


def _read(body: bytes) -> TrackedConnection:
    settings = attributes(body[len(_HEADER) :])
    family = Family.IPV4 if body[0] == _AF_INET else Family.IPV6
    protocol, original = _ends(settings[_ORIGINAL])
    _, reply = _ends(settings[_REPLY])
    return TrackedConnection(int.from_bytes(settings[_IDENTIFIER], "big"), family, protocol, original, reply)


_AF_INET: Final = 2


def _ends(encoded: bytes) -> tuple[int, tuple[ConnectionEnd, ConnectionEnd]]:
    settings = attributes(encoded)
    addresses, protocol = attributes(settings[_ADDRESSES]), attributes(settings[_PROTOCOL])
    source = addresses.get(_SOURCE_4) or addresses[_SOURCE_6]
    destination = addresses.get(_DESTINATION_4) or addresses[_DESTINATION_6]
    return protocol[_NUMBER][0], (
        ConnectionEnd(int.from_bytes(source, "big"), _port(protocol.get(_SOURCE_PORT))),
        ConnectionEnd(int.from_bytes(destination, "big"), _port(protocol.get(_DESTINATION_PORT))),
    )


def _port(encoded: bytes | None) -> int | None:
    return None if encoded is None else int.from_bytes(encoded, "big")


def forbidden(
    program: Program, connections: Iterable[TrackedConnection], node: Addresses, suspects: AffectedAddresses = None
) -> Iterator[TrackedConnection]:
    """Of the connections of `suspects`, those that `program` would not let open now; not those that the node opened."""
    verdicts: dict[Packet, bool] = {}
    for connection in connections:
        opening = connection.opening
        if opening not in verdicts:
            verdicts[opening] = (
                not is_among(suspects, opening)
                or node.contains(opening.family, opening.source)
                or admits(program, opening)
            )
        if not verdicts[opening]:
            yield connection


def is_among(suspects: AffectedAddresses, packet: Packet) -> bool:
    """Whether either end of a connection that a packet opens is suspect."""
    return suspects is None or any(
        address_key(packet.family, end) in suspects for end in (packet.source, packet.destination)
    )
