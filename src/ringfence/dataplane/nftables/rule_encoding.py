"""Encodes rules as nf_tables expressions. They are the expressions that nft would write, so that nft can list them.

Source: the output of `nft --debug=netlink`; `<linux/netfilter/nf_tables.h>`.
"""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Final

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.expressions import (
    compare,
    fib,
    immediate,
    limit,
    log,
    lookup,
    masked,
    meta,
    payload,
    set_tracked,
    tracked,
    verdict,
)
from ringfence.dataplane.program import (
    Action,
    ClassLookup,
    Condition,
    Dispatch,
    DispatchGroup,
    Established,
    EstablishedOrRelated,
    Field,
    FrameTypeIs,
    FromLinkLocal,
    FromNode,
    FromPodLink,
    Goto,
    HopLimitIs,
    Icmpv6Is,
    Jump,
    Log,
    Lookup,
    NeighbourDiscovery,
    OfFamily,
    OffRoute,
    OverLoopback,
    PortBetween,
    ProtocolIs,
    RateLimit,
    Rule,
    RuleVerdict,
    ToMany,
    ToOthers,
    ToPodLink,
    Track,
    Untracked,
    port_key,
)
from ringfence.netlink.codec import attribute, string, uint32
from ringfence.sets.addresses import Family

_ADDRESS_FAMILY: Final = {Family.IPV4: 2, Family.IPV6: 10}
_ICMPV6: Final = 58
_ROUTER_SOLICITATION, _REDIRECT = 133, 137
ONLY_FROM_THIS_LINK: Final = 255
"""The hop limit of a packet that no router has forwarded (RFC 4861)."""

_LOOPBACK: Final = (772).to_bytes(2, sys.byteorder)
"""The link type of the loopback interface (ARPHRD_LOOPBACK). No other interface has this type."""

_VETH: Final = b"veth".ljust(16, b"\0")
"""The link kind of a veth interface, padded to the length of an interface name (IFNAMSIZ)."""

_NO_LINK: Final = bytes(4)
"""The interface index 0. `fib` returns it if the node does not route the address over the given interface."""

_LINK_LOCAL, _LINK_LOCAL_MASK = bytes.fromhex("fe80"), bytes.fromhex("ffc0")

_GROUP_BIT: Final = bytes([1])
"""The bit in the first byte of a hardware address that is set in multicast and broadcast addresses."""

_LOCAL: Final = (2).to_bytes(4, sys.byteorder)
"""The type of a route to an address of this host (RTN_LOCAL)."""

_USUAL_ZONE: Final = bytes(2)

_ESTABLISHED, _RELATED, _UNTRACKED = 2, 4, 64
"""Bits of the connection state of a packet. Source: nft_ct_get_eval() of the kernel."""

_ZERO: Final = bytes(4)

VERDICT_CODES: Final = {
    RuleVerdict.DROP: nf.NF_DROP,
    RuleVerdict.ACCEPT: nf.NF_ACCEPT,
    RuleVerdict.RETURN: nf.NFT_RETURN,
}

_PAYLOADS: Final = {
    Field.SOURCE_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 12),
    Field.DESTINATION_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 16),
    Field.SOURCE_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 8),
    Field.DESTINATION_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 24),
    Field.PORT: (nf.NFT_PAYLOAD_TRANSPORT_HEADER, 2),
    Field.FRAME_TYPE: (nf.NFT_PAYLOAD_LL_HEADER, 12),
    Field.FRAME_HARDWARE_SOURCE: (nf.NFT_PAYLOAD_LL_HEADER, 6),
    Field.FRAME_HARDWARE_DESTINATION: (nf.NFT_PAYLOAD_LL_HEADER, 0),
    Field.FRAME_SOURCE_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 12),
    Field.FRAME_DESTINATION_4: (nf.NFT_PAYLOAD_NETWORK_HEADER, 16),
    Field.FRAME_SOURCE_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 8),
    Field.FRAME_DESTINATION_6: (nf.NFT_PAYLOAD_NETWORK_HEADER, 24),
    Field.FRAME_ICMPV6_TYPE: (nf.NFT_PAYLOAD_TRANSPORT_HEADER, 0),
    Field.NEIGHBOUR_TARGET: (nf.NFT_PAYLOAD_TRANSPORT_HEADER, 8),
    Field.ARP_SOURCE: (nf.NFT_PAYLOAD_NETWORK_HEADER, 14),
}
"""The header and the offset of each field that is read from the packet."""

_METAS: Final = {
    Field.PROTOCOL: nf.NFT_META_L4PROTO,
    Field.FAMILY: nf.NFT_META_NFPROTO,
    Field.LINK: nf.NFT_META_IIF,
    Field.OUT_LINK: nf.NFT_META_OIF,
}
"""The metadata key of each field that is not read from the packet."""


@cache
def encode_rule(rule: Rule) -> bytes:
    """The expressions of a rule."""
    conditions = (expression for condition in rule.conditions for expression in encode_condition(condition))
    return b"".join((*conditions, *encode_action(rule.action)))


def encode_condition(condition: Condition) -> Iterator[bytes]:
    """The expressions of a condition. They end the rule for packets that do not meet it."""
    match condition:
        case Lookup(fields, name, absent):
            yield from load(fields)
            yield lookup(name, *([uint32(nf.NFTA_LOOKUP_FLAGS, nf.NFT_LOOKUP_F_INV)] if absent else []))
        case ClassLookup(identifier, fields, name):
            yield from load(fields, identifier)
            yield lookup(name)
        case OfFamily(family):
            yield from of_family(family)
        case ProtocolIs(protocol):
            yield from load((Field.PROTOCOL,))
            yield compare(nf.NFT_CMP_EQ, bytes([protocol]))
        case PortBetween(first, last):
            yield from load((Field.PORT,))
            if first == last:
                yield compare(nf.NFT_CMP_EQ, port_key(first))
            else:
                yield compare(nf.NFT_CMP_GTE, port_key(first))
                yield compare(nf.NFT_CMP_LTE, port_key(last))
        case FrameTypeIs(number):
            yield from _of_frame_type(number)
        case Established():
            yield from _state(_ESTABLISHED)
        case EstablishedOrRelated():
            yield from _state(_ESTABLISHED | _RELATED)
        case Untracked():
            yield from _state(_UNTRACKED)
        case ToOthers():
            yield fib(nf.NFT_FIB_RESULT_ADDRTYPE, nf.NFTA_FIB_F_DADDR)
            yield compare(nf.NFT_CMP_NEQ, _LOCAL)
        case NeighbourDiscovery():
            yield from _icmpv6_type()
            yield compare(nf.NFT_CMP_GTE, bytes([_ROUTER_SOLICITATION]))
            yield compare(nf.NFT_CMP_LTE, bytes([_REDIRECT]))
            # Byte 7 of an IPv6 header is the hop limit. A router would have lowered it.
            yield payload(nf.NFT_PAYLOAD_NETWORK_HEADER, 7, 1, nf.NFT_REG_1)
            yield compare(nf.NFT_CMP_EQ, bytes([ONLY_FROM_THIS_LINK]))
        case OverLoopback():
            yield meta(nf.NFT_META_IIFTYPE, nf.NFT_REG_1)
            yield compare(nf.NFT_CMP_EQ, _LOOPBACK)
        case FromNode():
            yield fib(nf.NFT_FIB_RESULT_ADDRTYPE, nf.NFTA_FIB_F_SADDR)
            yield compare(nf.NFT_CMP_EQ, _LOCAL)
        case FromPodLink():
            yield meta(nf.NFT_META_IIFKIND, nf.NFT_REG_1)
            yield compare(nf.NFT_CMP_EQ, _VETH)
        case ToPodLink():
            yield meta(nf.NFT_META_OIFKIND, nf.NFT_REG_1)
            yield compare(nf.NFT_CMP_EQ, _VETH)
        case ToMany():
            yield payload(nf.NFT_PAYLOAD_LL_HEADER, 0, 1, nf.NFT_REG_1)
            yield masked(_GROUP_BIT)
            yield compare(nf.NFT_CMP_NEQ, bytes(1))
        case HopLimitIs(number):
            yield payload(nf.NFT_PAYLOAD_NETWORK_HEADER, 7, 1, nf.NFT_REG_1)
            yield compare(nf.NFT_CMP_EQ, bytes([number]))
        case OffRoute():
            yield fib(nf.NFT_FIB_RESULT_OIF, nf.NFTA_FIB_F_SADDR | nf.NFTA_FIB_F_IIF)
            yield compare(nf.NFT_CMP_EQ, _NO_LINK)
        case FromLinkLocal():
            yield from of_family(Family.IPV6)
            yield payload(nf.NFT_PAYLOAD_NETWORK_HEADER, 8, len(_LINK_LOCAL), nf.NFT_REG_1)
            yield masked(_LINK_LOCAL_MASK)
            yield compare(nf.NFT_CMP_EQ, _LINK_LOCAL)
        case Icmpv6Is(message):
            yield from _icmpv6_type()
            yield compare(nf.NFT_CMP_EQ, bytes([message]))
        case RateLimit(packets):
            yield limit(packets)


def _state(bits: int) -> Iterator[bytes]:
    """Continue the rule only for packets whose connection is in one of the states in `bits`."""
    yield tracked(nf.NFT_CT_STATE, nf.NFT_REG_1)
    yield masked(bits.to_bytes(4, sys.byteorder))
    yield compare(nf.NFT_CMP_NEQ, _ZERO)


def encode_action(action: Action) -> Iterator[bytes]:
    """The expressions of a rule's action."""
    match action:
        case RuleVerdict():
            yield verdict(uint32(nf.NFTA_VERDICT_CODE, VERDICT_CODES[action]))
        case Goto(chain):
            yield verdict(uint32(nf.NFTA_VERDICT_CODE, nf.NFT_GOTO), string(nf.NFTA_VERDICT_CHAIN, chain))
        case Jump(chain):
            yield verdict(uint32(nf.NFTA_VERDICT_CODE, nf.NFT_JUMP), string(nf.NFTA_VERDICT_CHAIN, chain))
        case Dispatch(fields, name):
            yield from load(fields)
            yield lookup(name, uint32(nf.NFTA_LOOKUP_DREG, nf.NFT_REG_VERDICT))
        case DispatchGroup(field, groups, classes, name):
            # nft has no syntax for a lookup whose key is the result of another lookup: nft 1.0.6 crashes when it lists
            # such a rule. So the address is in the second word of the registers. The values of the maps have eight
            # bytes, of which the last four overwrite this word. nft notes only the register in which a result begins,
            # and lists the rule as a lookup of the address.
            if field.family:
                yield from of_family(field.family)
            yield _load_field(field, nf.NFT_REG32_01)
            for one in (groups, classes):
                yield lookup(one, uint32(nf.NFTA_LOOKUP_DREG, nf.NFT_REG_1), register=nf.NFT_REG32_01)
            yield lookup(name, uint32(nf.NFTA_LOOKUP_DREG, nf.NFT_REG_VERDICT), register=nf.NFT_REG32_01)
        case Log(group, prefix):
            yield log(group, prefix)
        case Track():
            # When a rule sets the zone of a packet, the kernel attaches a connection template to the packet
            # (nft_ct_set_zone_eval()). The kernel tracks packets with a template, even if another rule exempted them.
            # The zone 0 is the default, so the zone itself does not change.
            yield immediate(nf.NFT_REG_1, attribute(nf.NFTA_DATA_VALUE, _USUAL_ZONE))
            yield set_tracked(nf.NFT_CT_ZONE)


def load(fields: tuple[Field, ...], constant: bytes = b"") -> Iterator[bytes]:
    """Load a constant, if there is one, and then the fields into consecutive registers, from the first register on."""
    # Addresses are loaded from fixed offsets, so the rule has to make sure of the family first. nft does the same.
    family = next((field.family for field in fields if field.family), None)
    if family:
        yield from of_family(family)
    frame_type = next((field.frame_type for field in fields if field.frame_type), None)
    if frame_type:
        yield from _of_frame_type(frame_type)
    if Field.FRAME_ICMPV6_TYPE in fields:
        yield from encode_condition(ProtocolIs(_ICMPV6))
    if constant:
        yield immediate(nf.NFT_REG_1, attribute(nf.NFTA_DATA_VALUE, constant))
    offset = len(constant)
    for field in fields:
        yield _load_field(field, _register(offset))
        offset += -(-field.part.length // 4) * 4


def _register(offset: int) -> int:
    """The register at this offset in bytes from the first register.

    At a multiple of 16 bytes, the kernel reports the number of the 16-byte register.
    """
    return nf.NFT_REG_1 + offset // 16 if offset % 16 == 0 else nf.NFT_REG32_00 + offset // 4


def _load_field(field: Field, register: int) -> bytes:
    match field:
        case Field.PROTOCOL | Field.FAMILY | Field.LINK | Field.OUT_LINK:
            return meta(_METAS[field], register)
        case Field.CONNECTION:
            return tracked(nf.NFT_CT_ID, register)
        case _:
            base, offset = _PAYLOADS[field]
            return payload(base, offset, field.part.length, register)


def of_family(family: Family) -> Iterator[bytes]:
    """Continue the rule only for packets of this address family."""
    yield meta(nf.NFT_META_NFPROTO, nf.NFT_REG_1)
    yield compare(nf.NFT_CMP_EQ, bytes([_ADDRESS_FAMILY[family]]))


def _of_frame_type(number: int) -> Iterator[bytes]:
    yield _load_field(Field.FRAME_TYPE, nf.NFT_REG_1)
    yield compare(nf.NFT_CMP_EQ, number.to_bytes(2, "big"))


def _icmpv6_type() -> Iterator[bytes]:
    yield from of_family(Family.IPV6)
    yield from encode_condition(ProtocolIs(_ICMPV6))
    yield payload(nf.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, nf.NFT_REG_1)
