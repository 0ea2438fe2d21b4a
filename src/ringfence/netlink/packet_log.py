"""Log groups: the kernel copies the headers of packets that match rules with `log group`, and sends them to a listener.

The listener of a group is the socket that is bound to it in the network namespace in which the packet was filtered.
This also works with nested user namespaces.

Source: `<linux/netfilter/nfnetlink_log.h>`.
"""

import os
import select
import struct
import weakref
from typing import Final, NamedTuple

from ringfence.netlink.codec import attribute, attributes, read_string, uint32
from ringfence.netlink.constants import NETLINK_NETFILTER, NFGENMSG_SIZE, NFNL_SUBSYS_ULOG
from ringfence.netlink.socket import NetlinkSocket

NFULNL_MSG_PACKET: Final = NFNL_SUBSYS_ULOG << 8
NFULNL_MSG_CONFIG: Final = NFNL_SUBSYS_ULOG << 8 | 1

NFULA_PAYLOAD: Final = 9
NFULA_PREFIX: Final = 10
NFULA_SEQ: Final = 12

NFULA_CFG_CMD: Final = 1
NFULA_CFG_MODE: Final = 2
NFULA_CFG_TIMEOUT: Final = 4
NFULA_CFG_QTHRESH: Final = 5
NFULA_CFG_FLAGS: Final = 6

NFULNL_CFG_CMD_BIND: Final = 1
NFULNL_COPY_PACKET: Final = 2
NFULNL_CFG_F_SEQ: Final = 1

COPIED_BYTES: Final = 256
"""Bytes of each packet that are copied, enough for its headers."""

_FLUSH_AFTER: Final = 10
"""Hundredths of a second after which the kernel sends collected copies at the latest."""

_NUMBERS: Final = 1 << 32


class PacketCopy(NamedTuple):
    """The log prefix of the rule, and the first bytes of the packet from its IP header on.

    The kernel numbers the copies of a group from 0 on, including those that it could not deliver.
    """

    prefix: str
    content: bytes
    number: int = 0


class LogGroup:
    """Listens to a log group in the network namespace of the thread that creates it."""

    def __init__(self, group: int) -> None:
        """Raises OSError if the kernel has no packet log, NetlinkError if another process listens to the group."""
        self._netlink = NetlinkSocket(NETLINK_NETFILTER)
        try:
            for setting in (
                attribute(NFULA_CFG_CMD, bytes([NFULNL_CFG_CMD_BIND])),
                attribute(NFULA_CFG_MODE, struct.pack("!IBx", COPIED_BYTES, NFULNL_COPY_PACKET)),
                uint32(NFULA_CFG_TIMEOUT, _FLUSH_AFTER),
                uint32(NFULA_CFG_QTHRESH, 1),  # send each copy without waiting for others
                attribute(NFULA_CFG_FLAGS, struct.pack("!H", NFULNL_CFG_F_SEQ)),
            ):
                # The resource id of `struct nfgenmsg` is the group.
                self._netlink.request(NFULNL_MSG_CONFIG, 0, struct.pack("!BBH", 0, 0, group) + setting)
        except OSError:
            self._netlink.close()
            raise
        self._next_number = 0
        self.lost = 0
        """How many copies before the last received one were lost because the reader was too slow."""
        # Closing a socket does not wake a thread that reads from it, so the thread also waits for this event.
        self._closed = os.eventfd(0, os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._closed)
        self._poll = select.poll()
        for descriptor in (self._closed, self._netlink.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float | None = None) -> list[PacketCopy] | None:
        """Wait for copies. Returns None when any thread has closed the group.

        The list is empty if none arrive within `seconds`, or if so many arrive at once that some are lost, which `lost`
        counts. Raises OSError if the group can no longer be read.
        """
        ready = [descriptor for descriptor, _ in self._poll.poll(None if seconds is None else 1000 * seconds)]
        if self._closed in ready:
            return None
        if not ready:
            return []
        messages = self._netlink.notifications()
        copies = [_decode(one.body[NFGENMSG_SIZE:]) for one in messages if one.type == NFULNL_MSG_PACKET]
        for copy in copies:
            # The kernel's numbers have 32 bits, and begin again at 0.
            self.lost += (copy.number - self._next_number) % _NUMBERS
            self._next_number = (copy.number + 1) % _NUMBERS
        return copies

    def close(self) -> None:
        """Stop listening, and wake a thread that waits."""
        os.eventfd_write(self._closed, 1)
        self._netlink.close()


def _decode(encoded: bytes) -> PacketCopy:
    settings = attributes(encoded)
    number = int.from_bytes(settings.get(NFULA_SEQ, b""), "big")
    return PacketCopy(read_string(settings.get(NFULA_PREFIX, b"")), settings.get(NFULA_PAYLOAD, b""), number)
