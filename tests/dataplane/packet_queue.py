"""A program that receives packets from the kernel and decides when they continue, as inspecting firewalls do (NFQUEUE).

Source: `<linux/netfilter/nfnetlink_queue.h>`.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.dataplane.network import nft

from ringfence.netlink.codec import attribute, attributes, encode_message, nested, string, uint32
from ringfence.netlink.constants import (
    NETLINK_NETFILTER,
    NFGENMSG_SIZE,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REQUEST,
)
from ringfence.netlink.socket import NetlinkSocket

_QUEUE = 7
_VERDICT, _CONFIG, _PACKET = (3 << 8 | message for message in (1, 2, 0))
"""NFQNL_MSG_VERDICT, NFQNL_MSG_CONFIG and NFQNL_MSG_PACKET of the subsystem NFNL_SUBSYS_QUEUE."""

_CFG_CMD, _CFG_PARAMS = 1, 2
_PACKET_HDR, _VERDICT_HDR = 1, 2
_BIND, _COPY_META, _ACCEPT = 1, 1, 1

_TABLE = "table ip inspecting { chain last { type filter hook postrouting priority 100; }; }"
"""Packets are held after all filters have accepted them, and before their connection is entered in the table."""

_NEW_RULE, _BATCH_BEGIN, _BATCH_END = 10 << 8 | 6, 16, 17
_NFTABLES = struct.pack("!BBH", socket.AF_INET, 0, 10)
_TARGET = nested(
    1,
    string(1, "target"),
    nested(2, string(1, "NFQUEUE"), uint32(2, 0), attribute(3, struct.pack("=H", _QUEUE).ljust(8, b"\0"))),
)
_RULE = string(1, "inspecting") + string(2, "last") + nested(4, _TARGET)
"""A rule with the target NFQUEUE of iptables, as iptables-nft writes it: more kernels have that than `queue` of nft."""


class PacketQueue:
    """The packets that leave the present network. They are held until they are released."""

    def __init__(self) -> None:
        self._netlink = NetlinkSocket(NETLINK_NETFILTER)
        self._configure(_CFG_CMD, struct.pack("!BxH", _BIND, 0))
        self._configure(_CFG_PARAMS, struct.pack("!IB", 0, _COPY_META))
        nft(_TABLE)
        rule = struct.pack("!BBH", socket.AF_INET, 0, 0) + _RULE
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            netlink.send(
                encode_message(_BATCH_BEGIN, NLM_F_REQUEST, 1, _NFTABLES)
                + encode_message(_NEW_RULE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND, 2, rule)
                + encode_message(_BATCH_END, NLM_F_REQUEST, 3, _NFTABLES)
            )
            for error in netlink.errors():
                pytest.skip(f"this kernel cannot queue packets: {error}")

    def next(self) -> bytes:
        """Wait for a packet; return the identifier by which it is released."""
        while True:
            for message in self._netlink.notifications():
                if message.type == _PACKET:
                    return attributes(message.body[NFGENMSG_SIZE:])[_PACKET_HDR][:4]

    def release(self, packet: bytes) -> None:
        """Release a packet."""
        verdict = attribute(_VERDICT_HDR, struct.pack("!I", _ACCEPT) + packet)
        self._netlink.request(_VERDICT, 0, struct.pack("!BBH", 0, 0, _QUEUE) + verdict)

    def close(self) -> None:
        nft("delete", "table", "ip", "inspecting")
        self._netlink.close()

    def _configure(self, type: int, value: bytes) -> None:
        self._netlink.request(_CONFIG, 0, struct.pack("!BBH", 0, 0, _QUEUE) + attribute(type, value))


@contextmanager
def packet_queue() -> Iterator[PacketQueue]:
    """A queue that exists while the context is open."""
    queue = PacketQueue()
    try:
        yield queue
    finally:
        queue.close()
