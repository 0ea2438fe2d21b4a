"""Rules: conditions on a packet, and the actions for a packet that meets all of them.

Source: nft(8), "EXPRESSIONS" and "STATEMENTS".
"""

from enum import Enum, StrEnum
from typing import Final

import msgspec

from ringfence.dataplane.program.keys import KeyPart
from ringfence.sets.addresses import Family


class Field(Enum):
    """What can be read from a packet to look something up: its name in nft's syntax, and which part of a key it is.

    Fields with a `family` are those that packets of the other one do not have. On a bridge packets are inside frames:
    fields with a `frame_type` are those that frames of another type do not have, nor frames with a VLAN tag.
    """

    SOURCE_4 = ("ip saddr", KeyPart.ADDRESS_4, Family.IPV4)
    DESTINATION_4 = ("ip daddr", KeyPart.ADDRESS_4, Family.IPV4)
    SOURCE_6 = ("ip6 saddr", KeyPart.ADDRESS_6, Family.IPV6)
    DESTINATION_6 = ("ip6 daddr", KeyPart.ADDRESS_6, Family.IPV6)
    PROTOCOL = ("meta l4proto", KeyPart.PROTOCOL)
    PORT = ("th dport", KeyPart.PORT)
    """The destination port: TCP, UDP and SCTP keep it at the same place."""
    CONNECTION = ("ct id", KeyPart.CONNECTION)
    FAMILY = ("meta nfproto", KeyPart.FAMILY)
    LINK = ("meta iif", KeyPart.LINK)
    """The interface over which the packet comes in."""
    OUT_LINK = ("meta oif", KeyPart.LINK)
    """The interface over which the packet goes out."""
    FRAME_TYPE = ("ether type", KeyPart.FRAME_TYPE)
    FRAME_HARDWARE_SOURCE = ("ether saddr", KeyPart.HARDWARE)
    FRAME_HARDWARE_DESTINATION = ("ether daddr", KeyPart.HARDWARE)
    FRAME_SOURCE_4 = ("ip saddr", KeyPart.ADDRESS_4, None, 0x0800)
    FRAME_DESTINATION_4 = ("ip daddr", KeyPart.ADDRESS_4, None, 0x0800)
    FRAME_SOURCE_6 = ("ip6 saddr", KeyPart.ADDRESS_6, None, 0x86DD)
    FRAME_DESTINATION_6 = ("ip6 daddr", KeyPart.ADDRESS_6, None, 0x86DD)
    FRAME_ICMPV6_TYPE = ("icmpv6 type", KeyPart.ICMPV6_TYPE, None, 0x86DD)
    NEIGHBOUR_TARGET = ("icmpv6 taddr", KeyPart.ADDRESS_6, None, 0x86DD)
    """The address that a neighbour advertisement is about. Only to be asked of one."""
    ARP_SOURCE = ("arp saddr ip", KeyPart.ADDRESS_4, None, 0x0806)

    def __init__(
        self, nft_name: str, part: KeyPart, family: Family | None = None, frame_type: int | None = None
    ) -> None:
        self.nft_name = nft_name
        self.part = part
        self.family = family
        self.frame_type = frame_type


SOURCE: Final = {Family.IPV4: Field.SOURCE_4, Family.IPV6: Field.SOURCE_6}
DESTINATION: Final = {Family.IPV4: Field.DESTINATION_4, Family.IPV6: Field.DESTINATION_6}


class Lookup(msgspec.Struct, frozen=True, tag=True):
    """The packet's `fields`, concatenated, are in a set, or `absent` from it.

    A packet of another address family has no such fields and does not match, either way.
    """

    fields: tuple[Field, ...]
    set: str
    absent: bool = False


class ClassLookup(msgspec.Struct, frozen=True, tag=True):
    """The identifier of a class, followed by the packet's `fields`, is in a set that several classes share."""

    identifier: bytes
    fields: tuple[Field, ...]
    set: str


class OfFamily(msgspec.Struct, frozen=True, tag=True):
    """The packet has this address family."""

    family: Family


class ProtocolIs(msgspec.Struct, frozen=True, tag=True):
    """The transport protocol has this number."""

    number: int


class PortBetween(msgspec.Struct, frozen=True, tag=True):
    """The destination port is in this range, both ends included. Only for packets whose protocol has ports.

    Comparing a port takes less time than a lookup.
    """

    first: int
    last: int


class FrameTypeIs(msgspec.Struct, frozen=True, tag=True):
    """The frame on a bridge has this type, and no VLAN tag."""

    number: int


class Established(msgspec.Struct, frozen=True, tag=True):
    """The packet belongs to a tracked connection that was accepted before."""


class EstablishedOrRelated(msgspec.Struct, frozen=True, tag=True):
    """The packet belongs to a tracked connection that was accepted before, or is related to one.

    A related packet is an error message about the connection (ICMP), or opens another one that it has announced (FTP,
    TFTP, SIP).
    """


class Untracked(msgspec.Struct, frozen=True, tag=True):
    """Another program has exempted the packet from connection tracking. Only for hooks before connection tracking."""


class ToOthers(msgspec.Struct, frozen=True, tag=True):
    """The destination is none of the node's own addresses."""


class NeighbourDiscovery(msgspec.Struct, frozen=True, tag=True):
    """One of the five ICMPv6 messages by which neighbours and routers find each other, sent on this very link."""


class OverLoopback(msgspec.Struct, frozen=True, tag=True):
    """The packet comes in over the loopback interface: the node sends to itself."""


class FromNode(msgspec.Struct, frozen=True, tag=True):
    """The source is one of the node's own addresses."""


class FromPodLink(msgspec.Struct, frozen=True, tag=True):
    """The packet comes in over a veth itself, not over a bridge to which the veth is attached."""


class ToPodLink(msgspec.Struct, frozen=True, tag=True):
    """The packet goes out over a veth."""


class ToMany(msgspec.Struct, frozen=True, tag=True):
    """The frame is sent to a broadcast or multicast address."""


class HopLimitIs(msgspec.Struct, frozen=True, tag=True):
    """The IPv6 packet has this hop limit. Only for frames with an IPv6 packet."""

    number: int


class OffRoute(msgspec.Struct, frozen=True, tag=True):
    """The node does not route the source address over the interface on which the packet arrives.

    This includes packets without a source address (`0.0.0.0`, `::`).
    """


class FromLinkLocal(msgspec.Struct, frozen=True, tag=True):
    """The source is an IPv6 link-local address, fe80::/10."""


ROUTERS_MESSAGES: Final = (134, 137)
"""The ICMPv6 messages by which routers direct packets of others to themselves: router advertisement and redirect."""


class Icmpv6Is(msgspec.Struct, frozen=True, tag=True):
    """The packet is an ICMPv6 message of this type."""

    message: int


class RateLimit(msgspec.Struct, frozen=True, tag=True):
    """At most this number of packets per second meets the condition; further packets do not."""

    packets: int


Condition = (
    Lookup
    | ClassLookup
    | OfFamily
    | ProtocolIs
    | PortBetween
    | FrameTypeIs
    | Established
    | EstablishedOrRelated
    | Untracked
    | ToOthers
    | NeighbourDiscovery
    | OverLoopback
    | FromNode
    | FromPodLink
    | ToPodLink
    | ToMany
    | HopLimitIs
    | OffRoute
    | FromLinkLocal
    | Icmpv6Is
    | RateLimit
)


_UDP: Final = 17


def to_port_in(ports: str) -> tuple[Condition, ...]:
    """The packet is a UDP datagram to a port in this set.

    The kernel keeps a set of ports as a bitmap, so that this takes half of the time of a lookup by protocol and port.
    """
    return ProtocolIs(_UDP), Lookup((Field.PORT,), ports)


class RuleVerdict(StrEnum):
    """What a rule does with a packet that meets its conditions."""

    ACCEPT = "accept"
    DROP = "drop"
    RETURN = "return"


class Goto(msgspec.Struct, frozen=True, tag=True):
    """Continue in another chain, without coming back to this one."""

    chain: str


class Jump(msgspec.Struct, frozen=True, tag=True):
    """Continue in another chain, and come back to this one if that chain returns."""

    chain: str


class Dispatch(msgspec.Struct, frozen=True, tag=True):
    """Jump or go to the chain in a map for the packet's concatenated `fields`. Without an entry, continue here."""

    fields: tuple[Field, ...]
    map: str


class DispatchGroup(msgspec.Struct, frozen=True, tag=True):
    """`Dispatch` by the class of the group in which the packet's `field` is.

    The map `groups` gives the group, and `classes` the class of it; if there is none, go on.
    """

    field: Field
    groups: str
    classes: str
    map: str


class Log(msgspec.Struct, frozen=True, tag=True):
    """Send a copy of the packet's headers to the listener of a log group, marked with `prefix`, and go on."""

    group: int
    prefix: str


class Track(msgspec.Struct, frozen=True, tag=True):
    """Let the kernel track the connection of an `Untracked` packet nevertheless, and continue."""


Action = RuleVerdict | Goto | Jump | Dispatch | DispatchGroup | Log | Track


class Rule(msgspec.Struct, frozen=True):
    """What to do with packets that meet all of some conditions."""

    conditions: tuple[Condition, ...]
    action: Action


class ForeignRule(msgspec.Struct, frozen=True):
    """A rule found in the kernel that ringfence never writes; `code` is its encoded form."""

    code: bytes
