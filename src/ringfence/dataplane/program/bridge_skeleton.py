"""The part of the program for bridges: which frames a port of a bridge may send, and which it may receive.

Packets of pods on one bridge do not come over a link of their own: the rules of the other part see the bridge, and
identify a pod by the source address of its packets. Here every port is known, and with it the pod, so that

- a pod's frames have no addresses but its own: those of IP and ARP, those that it announces to its neighbours, and a
  hardware address that no other pod has;
- an isolated pod gets what is sent to its own address, and nothing that is sent to many: no policy could be asked
  about it, for no pod has its destination address;
- no pod sends to a tunnel between nodes;
- of link-local addresses and of anything that is neither IP nor ARP, an isolated pod sends and gets only what
  neighbours need to find each other, and to say which groups they are in.

Everything else goes on to the policies. A port is that of an *open* pod, of a pod that is *closed* in a direction,
because it is isolated in it, or of *another* network's host. A port in none of the maps is *unknown*: if unknown pods
are held, it is closed, and sends only from addresses in the held ranges that no other port has.

The kernel keeps this in a table of the family bridge: in it are all objects whose names begin with `BRIDGE_PREFIX`.
Ports of other kinds, to the outside or into a tunnel, are not touched.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ringfence.dataplane.program.collections import Collection, HashSet, RangeSet, VerdictMap
from ringfence.dataplane.program.keys import (
    ADDRESS,
    FRAME_TYPE,
    HARDWARE,
    ICMPV6_TYPE,
    LINK,
    LINK_ADDRESS,
    LINK_HARDWARE,
    LINK_SENDER,
    PACKET_FAMILY,
    PORT,
    address_key,
)
from ringfence.dataplane.program.program import Chain, Hook, Program
from ringfence.dataplane.program.reaction import SPOOFED_PREFIX, Reaction
from ringfence.dataplane.program.rules import (
    ROUTERS_MESSAGES,
    Condition,
    Dispatch,
    Field,
    FrameTypeIs,
    FromPodLink,
    Goto,
    HopLimitIs,
    Jump,
    Log,
    Lookup,
    RateLimit,
    Rule,
    RuleVerdict,
    ToMany,
    ToPodLink,
    to_port_in,
)
from ringfence.sets.addresses import FAMILIES, Family

BRIDGE_PREFIX: Final = "bridge_"

PORT_ADDRESSES: Final = {family: f"bridge_addresses{family:d}" for family in FAMILIES}
"""The addresses of the pod at each port: the link-local ones, too."""

PORT_HARDWARE: Final = "bridge_hardware"
"""The hardware address of the pod at each port."""

PORT_SENDERS: Final = "bridge_senders"
"""The hardware address of the pod at each port, with each of its IPv4 addresses: what most frames come from."""

OWNED: Final = {family: f"bridge_owned{family:d}" for family in FAMILIES}
OWNED_HARDWARE: Final = "bridge_owned_hardware"
"""The addresses that are the pod's at some port or the node's own, so that they are nobody else's."""

UNPLACED: Final = {family: f"bridge_unplaced{family:d}" for family in FAMILIES}
"""The addresses of known pods whose port is not known."""

BRIDGE_HELD: Final = {family: f"bridge_held{family:d}" for family in FAMILIES}
"""The ranges from which unknown pods have their addresses."""

BRIDGE_TUNNELS: Final = "bridge_tunnels"
"""The UDP ports of tunnels between nodes."""

FROM_PORT: Final = "bridge_from"
TO_PORT: Final = "bridge_to"
"""The chain for the frames that a port sends, and for those that it gets."""

PORT_FILTERS: Final = frozenset(
    [*OWNED.values(), OWNED_HARDWARE, *UNPLACED.values(), *BRIDGE_HELD.values(), FROM_PORT, TO_PORT]
)
"""What says which ports may send and get what, from which addresses; `PORT_ADDRESSES` has to say more by then."""

FROM_OPEN: Final = "bridge_from_open"
FROM_CLOSED: Final = "bridge_from_closed"
FROM_OTHER: Final = "bridge_from_other"
TO_OPEN: Final = "bridge_to_open"
TO_CLOSED: Final = "bridge_to_closed"

BRIDGE_SPOOFED: Final = "bridge_spoofed"
BRIDGE_DENIED: Final = "bridge_denied"
"""The sets that count frames with addresses that are not the pod's, and other frames that are not let through."""

BRIDGE_KEY: Final = bytes([7])
"""The family of a frame's packet, as the kernel numbers it (NFPROTO_BRIDGE)."""

_FROM_UNKNOWN: Final = "bridge_from_unknown"
_TO_UNKNOWN: Final = "bridge_to_unknown"

_SOURCES: Final = {
    Family.IPV4: (Field.FRAME_SOURCE_4, Field.ARP_SOURCE),
    Family.IPV6: (Field.FRAME_SOURCE_6,),
}
"""Where a frame says whose address it comes from."""

_DESTINATION: Final = {Family.IPV4: Field.FRAME_DESTINATION_4, Family.IPV6: Field.FRAME_DESTINATION_6}

_IPV4_TYPE: Final = 0x0800
_IPV4, _ARP, _IPV6 = (bytes.fromhex(one) for one in ("0800", "0806", "86dd"))
_LINK_LOCAL: Final = (bytes.fromhex("fe80") + bytes(14), bytes.fromhex("febf") + b"\xff" * 14)
_NEIGHBOUR_ADVERTISEMENT: Final = 136
_UNFORWARDED: Final = 255
"""The hop limit of a packet that no router has passed on."""

_CONSTANTS: Final[dict[str, Collection]] = {
    "bridge_link_local": RangeSet(ADDRESS[Family.IPV6], frozenset({_LINK_LOCAL})),
    **{
        f"bridge_nobody{family:d}": HashSet(ADDRESS[family], frozenset({address_key(family, 0)})) for family in FAMILIES
    },
    "bridge_arp": HashSet(FRAME_TYPE, frozenset({_ARP})),
    "bridge_ipv4": HashSet(FRAME_TYPE, frozenset({_IPV4})),
    "bridge_ipv6": HashSet(FRAME_TYPE, frozenset({_IPV6})),
    # VLAN tags (IEEE 802.1Q and 802.1ad).
    "bridge_tagged": HashSet(FRAME_TYPE, frozenset(bytes.fromhex(one) for one in ("8100", "88a8"))),
    "bridge_advertisement": HashSet(ICMPV6_TYPE, frozenset({bytes([_NEIGHBOUR_ADVERTISEMENT])})),
    # Neighbour discovery (RFC 4861).
    "bridge_neighbour_messages": HashSet(ICMPV6_TYPE, frozenset(bytes([one]) for one in (133, 134, 135, 136, 137))),
    "bridge_router_messages": HashSet(ICMPV6_TYPE, frozenset(bytes([one]) for one in ROUTERS_MESSAGES)),
    # Multicast listener discovery (RFC 2710, and 143 of RFC 3810).
    "bridge_group_messages": HashSet(ICMPV6_TYPE, frozenset(bytes([one]) for one in (130, 131, 132, 143))),
}


def is_of_bridges(name: str) -> bool:
    """Whether a chain, a set or a map belongs to this part."""
    return name.startswith(BRIDGE_PREFIX)


def guards_bridges(program: Program) -> bool:
    """Whether a program has this part."""
    return FROM_PORT in program.collections


def bridge_collections() -> dict[str, Collection]:
    """The sets and maps of this part, in which no port is known."""
    return {
        **{name: HashSet(LINK_ADDRESS[family]) for family, name in PORT_ADDRESSES.items()},
        PORT_HARDWARE: HashSet(LINK_HARDWARE),
        PORT_SENDERS: HashSet(LINK_SENDER),
        **{name: HashSet(ADDRESS[family]) for family, name in OWNED.items()},
        OWNED_HARDWARE: HashSet(HARDWARE),
        **{name: HashSet(ADDRESS[family]) for family, name in UNPLACED.items()},
        **{name: RangeSet(ADDRESS[family]) for family, name in BRIDGE_HELD.items()},
        BRIDGE_TUNNELS: HashSet(PORT),
        FROM_PORT: VerdictMap(LINK),
        TO_PORT: VerdictMap(LINK),
        **{
            name: HashSet(PACKET_FAMILY, frozenset({BRIDGE_KEY}), counted=True)
            for name in (BRIDGE_SPOOFED, BRIDGE_DENIED)
        },
        **_CONSTANTS,
    }


def bridge_chains(reaction: Reaction, *, holds: bool, with_tunnels: bool = True) -> dict[str, Chain]:
    """The chains of this part. With `holds`, unknown ports are closed; with `with_tunnels`, so are tunnels to pods."""
    of_unknown = (_of_held if holds else _not_of_others), (_to_held if holds else _to_everybody)
    sources: dict[str, Callable[[], Iterator[Rule]]] = {
        FROM_OPEN: _own,
        FROM_CLOSED: _own,
        FROM_OTHER: _not_of_others,
        _FROM_UNKNOWN: of_unknown[0],
    }
    closed = {FROM_CLOSED, *([_FROM_UNKNOWN] if holds else [])}
    checks = reaction.checks_sources
    keeping_out = dict.fromkeys((FROM_OPEN, FROM_CLOSED), _KEEPING_OUT_OF_TUNNELS) if checks and with_tunnels else {}
    return {
        BRIDGE_SPOOFED: Chain(tuple(_stopping(reaction, BRIDGE_SPOOFED))),
        BRIDGE_DENIED: Chain(tuple(_stopping(reaction, BRIDGE_DENIED))),
        **{_source_chain(name): Chain(tuple(rules() if checks else ())) for name, rules in sources.items()},
        **{name: Chain((*keeping_out.get(name, ()), *_sending(name, closed=name in closed))) for name in sources},
        TO_OPEN: Chain(tuple(_to_everybody())),
        TO_CLOSED: Chain(tuple(_to_own())),
        _TO_UNKNOWN: Chain(tuple(of_unknown[1]())),
        "bridge_prerouting": Chain(
            (Rule((), Dispatch((Field.LINK,), FROM_PORT)), Rule((FromPodLink(),), Goto(_FROM_UNKNOWN))), Hook.PREROUTING
        ),
        "bridge_forward": Chain(
            (Rule((), Dispatch((Field.OUT_LINK,), TO_PORT)), Rule((ToPodLink(),), Goto(_TO_UNKNOWN))), Hook.FORWARD
        ),
    }


# --- what a port sends ------------------------------------------------------------------------------------------------


def _source_chain(name: str) -> str:
    return f"{name}_source"


def _sending(name: str, *, closed: bool) -> Iterator[Rule]:
    # A pod that said it was a router would get the packets of its neighbours (CVE-2020-10749).
    yield Rule((_is_message("bridge_router_messages"),), Goto(BRIDGE_SPOOFED))
    yield Rule((), Jump(_source_chain(name)))
    if closed:
        # Accepted on the bridge only. The policies in the table for IP judge the packet.
        yield Rule((FrameTypeIs(_IPV4_TYPE),), RuleVerdict.ACCEPT)
        yield from _accepting_neighbours()
        yield from _refusing_link_local()
        yield Rule((_is_frame("bridge_ipv6"),), RuleVerdict.ACCEPT)
        yield Rule((), Goto(BRIDGE_DENIED))


_KEEPING_OUT_OF_TUNNELS: Final = (Rule(to_port_in(BRIDGE_TUNNELS), Goto(BRIDGE_SPOOFED)),)
"""What a tunnel takes out of a datagram has whatever source address the sender has written into it."""


def _own() -> Iterator[Rule]:
    """Return with frames that come from an address of the port's pod; everything else is spoofed."""
    # Of an IPv4 packet that has both addresses of the pod, one lookup says what all the following rules would.
    sender = (Field.LINK, Field.FRAME_HARDWARE_SOURCE, Field.FRAME_SOURCE_4)
    yield Rule((Lookup(sender, PORT_SENDERS),), RuleVerdict.RETURN)
    yield from _refusing_hardware_of_others()
    yield from _refusing_announcements_for_others()
    for family, fields in _SOURCES.items():
        for field in fields:
            yield Rule((Lookup((Field.LINK, field), PORT_ADDRESSES[family]),), RuleVerdict.RETURN)
    yield Rule((Lookup((Field.FRAME_SOURCE_6,), OWNED[Family.IPV6]),), Goto(BRIDGE_SPOOFED))
    yield from _returning_with_neighbours()
    # The other end strips an empty tag, and takes the packet in the frame for one without a tag.
    for kind in ("bridge_ipv4", "bridge_ipv6", "bridge_arp", "bridge_tagged"):
        yield Rule((_is_frame(kind),), Goto(BRIDGE_SPOOFED))


def _not_of_others() -> Iterator[Rule]:
    """Return with frames that have no address of another port's pod, or of the node."""
    yield from _refusing_hardware_of_others()
    yield from _refusing_announcements_for_others()
    for family, fields in _SOURCES.items():
        for field in fields:
            yield Rule((Lookup((field,), OWNED[family]),), Goto(BRIDGE_SPOOFED))


def _of_held() -> Iterator[Rule]:
    """Return with frames that come from an address which a pod at an unknown port may have.

    A host of another network, of which the agent does not know yet either, may send anything to others of that network.
    """
    yield from _not_of_others()
    for family, fields in _SOURCES.items():
        for field in fields:
            yield Rule((Lookup((field,), BRIDGE_HELD[family]),), RuleVerdict.RETURN)
            yield Rule((Lookup((field,), UNPLACED[family]),), RuleVerdict.RETURN)
    yield from _returning_with_neighbours()
    yield Rule((Lookup((Field.FRAME_HARDWARE_DESTINATION,), OWNED_HARDWARE),), Goto(BRIDGE_SPOOFED))
    for kind in ("bridge_ipv4", "bridge_ipv6", "bridge_tagged"):
        yield Rule((_is_frame(kind), ToMany()), Goto(BRIDGE_SPOOFED))
    yield Rule((), RuleVerdict.ACCEPT)


def _refusing_hardware_of_others() -> Iterator[Rule]:
    # Refused is a hardware address that a pod or the node has, but not the pod at this port.
    own = Lookup((Field.LINK, Field.FRAME_HARDWARE_SOURCE), PORT_HARDWARE, absent=True)
    yield Rule((own, Lookup((Field.FRAME_HARDWARE_SOURCE,), OWNED_HARDWARE)), Goto(BRIDGE_SPOOFED))


def _refusing_announcements_for_others() -> Iterator[Rule]:
    own = Lookup((Field.LINK, Field.NEIGHBOUR_TARGET), PORT_ADDRESSES[Family.IPV6], absent=True)
    of_another = own, Lookup((Field.NEIGHBOUR_TARGET,), OWNED[Family.IPV6])
    yield Rule((_is_message("bridge_advertisement"), *of_another), Goto(BRIDGE_SPOOFED))


def _returning_with_neighbours() -> Iterator[Rule]:
    """Return with frames from link-local addresses, or from no address as far as neighbours have to send those."""
    yield Rule((Lookup((Field.FRAME_SOURCE_6,), "bridge_link_local"),), RuleVerdict.RETURN)
    for message in _between_neighbours():
        yield Rule((Lookup((Field.FRAME_SOURCE_6,), "bridge_nobody6"), *message), RuleVerdict.RETURN)
    yield Rule((Lookup((Field.ARP_SOURCE,), "bridge_nobody4"),), RuleVerdict.RETURN)


# --- what a port gets -------------------------------------------------------------------------------------------------


def _to_everybody() -> Iterator[Rule]:
    # No rule: every frame passes here, and the policies judge the packets in the table for IP.
    yield from ()


def _to_own() -> Iterator[Rule]:
    yield Rule((Lookup((Field.OUT_LINK, Field.FRAME_DESTINATION_4), PORT_ADDRESSES[Family.IPV4]),), RuleVerdict.ACCEPT)
    yield from _accepting_neighbours()
    yield from _refusing_link_local()
    yield Rule((Lookup((Field.OUT_LINK, Field.FRAME_DESTINATION_6), PORT_ADDRESSES[Family.IPV6]),), RuleVerdict.ACCEPT)
    yield Rule((), Goto(BRIDGE_DENIED))


def _to_held() -> Iterator[Rule]:
    yield from _accepting_neighbours()
    yield from _refusing_link_local()
    for family, field in _DESTINATION.items():
        yield Rule((Lookup((field,), OWNED[family]),), Goto(BRIDGE_DENIED))
        yield Rule((Lookup((field,), BRIDGE_HELD[family]),), RuleVerdict.ACCEPT)
        yield Rule((Lookup((field,), UNPLACED[family]),), RuleVerdict.ACCEPT)
    yield Rule((ToMany(),), Goto(BRIDGE_DENIED))
    yield Rule((Lookup((Field.FRAME_HARDWARE_SOURCE,), OWNED_HARDWARE),), Goto(BRIDGE_DENIED))


# --- neighbours -------------------------------------------------------------------------------------------------------


def _accepting_neighbours() -> Iterator[Rule]:
    yield Rule((_is_frame("bridge_arp"),), RuleVerdict.ACCEPT)
    for message in _between_neighbours():
        yield Rule(message, RuleVerdict.ACCEPT)


def _refusing_link_local() -> Iterator[Rule]:
    for field in (Field.FRAME_SOURCE_6, Field.FRAME_DESTINATION_6):
        yield Rule((Lookup((field,), "bridge_link_local"),), Goto(BRIDGE_DENIED))


def _between_neighbours() -> Iterator[tuple[Condition, ...]]:
    """What neighbours need to find each other, and to say which groups they are in: the bridge listens to that."""
    yield _is_message("bridge_neighbour_messages"), HopLimitIs(_UNFORWARDED)
    yield (_is_message("bridge_group_messages"),)


def _is_message(kinds: str) -> Lookup:
    return Lookup((Field.FRAME_ICMPV6_TYPE,), kinds)


def _is_frame(kinds: str) -> Lookup:
    return Lookup((Field.FRAME_TYPE,), kinds)


def _stopping(reaction: Reaction, counter: str) -> Iterator[Rule]:
    if reaction.logging and counter == BRIDGE_SPOOFED:
        yield Rule((RateLimit(reaction.logging.packets),), Log(reaction.logging.group, SPOOFED_PREFIX))
    yield Rule((Lookup((Field.FAMILY,), counter),), reaction.verdict)  # which counts it
    yield Rule((), reaction.verdict)
