"""Bringing a table back that another program has removed: bytes that are ready to be sent, and how they are sent.

This module imports little, because a small process of its own sends them (`agent/standby_process.py`).
"""

import errno
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from ringfence.netlink.socket import NetlinkError, NetlinkSocket


class Restoration(msgspec.Struct, frozen=True, array_like=True):
    """What is sent for one table."""

    question: tuple[int, bytes]
    """The type and the body of a request that the kernel refuses with ENOENT if there is no such table."""
    transactions: tuple[bytes, ...]
    """The transactions that create it. The kernel refuses the first one if there is a table."""


def restore_removed(
    netlink: NetlinkSocket,
    restorations: Iterable[Restoration],
    begin: Callable[[], None] = lambda: None,
    end: Callable[[], None] = lambda: None,
) -> None:
    """Create the tables that are not there. `begin` is called before something is sent for one, and `end` afterwards.

    What the kernel refuses is left to the repair of the whole program, which meets the same.
    """
    for one in restorations:
        with suppress(OSError):
            if _is_missing(netlink, one):
                begin()
                try:
                    _send(netlink, one.transactions)
                finally:
                    end()


def _is_missing(netlink: NetlinkSocket, restoration: Restoration) -> bool:
    try:
        netlink.ask(*restoration.question)
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return True
    return False


def _send(netlink: NetlinkSocket, transactions: Iterable[bytes]) -> None:
    for transaction in transactions:
        netlink.send(transaction)
        if netlink.errors():
            return
