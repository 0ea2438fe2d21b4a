"""Tracked connections whose first packet the kernel has not seen: finding them, and reversing client and server.

The kernel assumes that the sender of the first packet that it sees is the client. It marks a TCP connection whose
opening it has not seen as liberal: it does not check the windows of such a connection. It creates an entry for an open
SCTP association only for a HEARTBEAT. All packets of one direction of an association have the same verification tag;
packets with another tag do not belong to it.

Source: tcp_new(), sctp_new() and ctnetlink_create_conntrack() of the kernel;
`<linux/netfilter/nfnetlink_conntrack.h>`.
"""

import errno
from typing import Final

from ringfence.netlink.codec import attribute, attributes, nested, read_uint, uint32
from ringfence.netlink.conntrack import CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, read_connection
from ringfence.netlink.constants import NFGENMSG_SIZE, NFNL_SUBSYS_CTNETLINK, NLM_F_CREATE, NLM_F_EXCL
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

IPCTNL_MSG_CT_NEW: Final = NFNL_SUBSYS_CTNETLINK << 8
IPCTNL_MSG_CT_DELETE: Final = NFNL_SUBSYS_CTNETLINK << 8 | 2
IPCTNL_MSG_CT_GET_STATS: Final = NFNL_SUBSYS_CTNETLINK << 8 | 5

CTA_STATUS: Final = 3
CTA_PROTOINFO: Final = 4
CTA_TIMEOUT: Final = 7
CTA_ZONE: Final = 18

CTA_PROTOINFO_TCP: Final = 1
CTA_PROTOINFO_SCTP: Final = 3
CTA_PROTOINFO_TCP_STATE: Final = 1
CTA_PROTOINFO_TCP_FLAGS_ORIGINAL: Final = 4
CTA_PROTOINFO_TCP_FLAGS_REPLY: Final = 5
CTA_PROTOINFO_SCTP_STATE: Final = 1
CTA_PROTOINFO_SCTP_VTAG_ORIGINAL: Final = 2
CTA_PROTOINFO_SCTP_VTAG_REPLY: Final = 3

CTA_STATS_GLOBAL_ENTRIES: Final = 1

IP_CT_TCP_FLAG_SACK_PERM: Final = 0x02
IP_CT_TCP_FLAG_BE_LIBERAL: Final = 0x08

IPS_SEEN_REPLY: Final = 0x2
IPS_ASSURED: Final = 0x4
IPS_CONFIRMED: Final = 0x8

_TCP: Final = 6
_SCTP: Final = 132
_ESTABLISHED: Final = 3
_ATTEMPTS: Final = 20
_EVERYTHING: Final = bytes(NFGENMSG_SIZE)


def count_connections(netlink: NetlinkSocket) -> int:
    """The number of tracked connections of the socket's network namespace. Raises OSError if the kernel refuses."""
    answer = attributes(netlink.ask(IPCTNL_MSG_CT_GET_STATS, _EVERYTHING)[NFGENMSG_SIZE:])
    return read_uint(answer.get(CTA_STATS_GLOBAL_ENTRIES, b""))


def may_be_reversed(entry: bytes) -> bool:
    """Whether the kernel may have client and server the wrong way round.

    That is so if it has not seen the opening of the connection, and translates no address or port of it.
    """
    connection = read_connection(entry)
    (source, destination), reply = connection.original, connection.reply
    if reply != (destination, source):
        return False
    # Only TCP entries show whether the kernel has seen the opening, so any entry of another protocol may be reversed.
    return connection.protocol != _TCP or bool(_tcp_flags(entry) & IP_CT_TCP_FLAG_BE_LIBERAL)


def reverse(netlink: NetlinkSocket, entry: bytes) -> bool:
    """Reverse client and server of a tracked connection. Returns whether that succeeded.

    The entry is deleted and created again. A packet that arrives in between creates an entry of its own, so the two
    steps are repeated, at most `_ATTEMPTS` times. The rules judge such a packet as one that opens a connection. Raises
    OSError if the kernel refuses.
    """
    for _ in range(_ATTEMPTS):
        try:
            netlink.request(IPCTNL_MSG_CT_DELETE, 0, _deletion(entry))
        except NetlinkError as error:
            # ENOENT: an earlier attempt has deleted the entry, or it has expired.
            if error.code != errno.ENOENT:
                raise
        try:
            netlink.request(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL, _reversed(entry))
            return True
        except NetlinkError as error:
            # EEXIST: a packet has created an entry since the deletion.
            if error.code != errno.EEXIST:
                raise
    return False


def _tcp_flags(entry: bytes) -> int:
    return _of_protocol(entry, CTA_PROTOINFO_TCP).get(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, bytes(2))[0]


def _of_protocol(entry: bytes, protocol: int) -> dict[int, bytes]:
    """The protocol state of an entry; empty if its connection has another protocol."""
    noted = attributes(attributes(entry[NFGENMSG_SIZE:]).get(CTA_PROTOINFO, b""))
    return attributes(noted.get(protocol, b""))


def _deletion(entry: bytes) -> bytes:
    settings = attributes(entry[NFGENMSG_SIZE:])
    # Without CTA_ID the kernel deletes whatever entry has this tuple, also one that a packet has created since. Entries
    # of different zones can have the same tuple, so the zone has to be named.
    return entry[:NFGENMSG_SIZE] + nested(CTA_TUPLE_ORIG, settings[CTA_TUPLE_ORIG]) + _zone(settings)


def _reversed(entry: bytes) -> bytes:
    settings = attributes(entry[NFGENMSG_SIZE:])
    parts = [
        nested(CTA_TUPLE_ORIG, settings[CTA_TUPLE_REPLY]),
        nested(CTA_TUPLE_REPLY, settings[CTA_TUPLE_ORIG]),
        attribute(CTA_TIMEOUT, settings[CTA_TIMEOUT]),
        # With IPS_SEEN_REPLY, the rules see packets of both directions as established. Without IPS_CONFIRMED the kernel
        # refuses the status with EBUSY (ctnetlink_change_status()).
        uint32(CTA_STATUS, IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED),
        _zone(settings),
    ]
    protocol = read_connection(entry).protocol
    if protocol == _TCP:
        # `struct nf_ct_tcp_flags`: the flags, and the mask of those to set. A new entry knows no window of either end,
        # so the kernel would find the packets of a connection that is not liberal invalid.
        liberal = bytes([IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_BE_LIBERAL] * 2)
        state = attribute(CTA_PROTOINFO_TCP_STATE, bytes([_ESTABLISHED]))
        flags = (CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, CTA_PROTOINFO_TCP_FLAGS_REPLY)
        parts.append(
            nested(CTA_PROTOINFO, nested(CTA_PROTOINFO_TCP, state, *(attribute(one, liberal) for one in flags)))
        )
    if protocol == _SCTP:
        noted = _of_protocol(entry, CTA_PROTOINFO_SCTP)
        # The verification tag of each direction moves with its direction. The kernel finds packets with another tag
        # invalid.
        swapped = {
            CTA_PROTOINFO_SCTP_STATE: noted[CTA_PROTOINFO_SCTP_STATE],
            CTA_PROTOINFO_SCTP_VTAG_ORIGINAL: noted[CTA_PROTOINFO_SCTP_VTAG_REPLY],
            CTA_PROTOINFO_SCTP_VTAG_REPLY: noted[CTA_PROTOINFO_SCTP_VTAG_ORIGINAL],
        }
        parts.append(nested(CTA_PROTOINFO, nested(CTA_PROTOINFO_SCTP, *(attribute(*one) for one in swapped.items()))))
    return entry[:NFGENMSG_SIZE] + b"".join(parts)


def _zone(settings: dict[int, bytes]) -> bytes:
    return attribute(CTA_ZONE, settings[CTA_ZONE]) if CTA_ZONE in settings else b""
