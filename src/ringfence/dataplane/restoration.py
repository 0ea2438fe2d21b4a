"""Undoing at once what another program has done to the table: bytes that are ready to be sent, and when they are sent.

A table that was removed is created again, and one that is dormant is woken. Of other damage nothing is known but that
there may be some, so a second table with the same rules is put beside the damaged one, its cover: a packet has to pass
both. What the cover does not undo is damage that drops what is allowed. It is left to the repair of the whole program,
which then removes the cover.

This module imports little, because a small process of its own uses it (`agent/standby_process.py`).
"""

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from ringfence.netlink.codec import Message, attributes, decode_messages, read_uint
from ringfence.netlink.constants import NFNL_SUBSYS_NFTABLES
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

_FIXED_PART: Final = 4
"""The size of `struct nfgenmsg`, which comes before the attributes; its first byte is the family of the table."""

_TABLE_FLAGS: Final = 2
_DORMANT: Final = 1
"""NFTA_TABLE_FLAGS and NFT_TABLE_F_DORMANT of `<linux/netfilter/nf_tables.h>`."""

_TABLE_ITSELF: Final = NFNL_SUBSYS_NFTABLES << 8
"""The type of messages about a table and nothing in it (NFT_MSG_NEWTABLE): it is new, or is dormant now, or woken."""


class Cover(msgspec.Struct, frozen=True, array_like=True):
    """What is sent for the cover of one table."""

    name: bytes
    """The attribute with its name: all messages about it or something in it begin with this, after their header."""
    transactions: tuple[bytes, ...]
    """The transactions that create it. The kernel refuses the first one if there is a cover."""
    removal: bytes
    """The transaction that removes it, if it is there."""


class Restoration(msgspec.Struct, frozen=True, array_like=True):
    """What is sent for one table."""

    family: int
    """That of the table, NFPROTO_INET or NFPROTO_BRIDGE."""
    name: bytes
    """The attribute with its name, as in `Cover`."""
    question: tuple[int, bytes]
    """The type and the body of a request that the kernel refuses with ENOENT if there is no such table."""
    transactions: tuple[bytes, ...]
    """The transactions that create it. The kernel refuses the first one if there is a table."""
    waking: bytes
    """The transaction that lets packets meet its rules again, if it is dormant."""
    cover: Cover


class Damage(msgspec.Struct):
    """Where other programs may have changed something, by the families of tables."""

    tables: set[int] = msgspec.field(default_factory=set)
    covers: set[int] = msgspec.field(default_factory=set)

    def note(self, received: bytes, restorations: Iterable[Restoration]) -> None:
        """Note what the kernel reports of the tables."""
        for one in restorations:
            # That a table is new, dormant or woken is no damage: the question for it tells that.
            if any(message.type != _TABLE_ITSELF for message in _messages_about(one.name, one.family, received)):
                self.tables.add(one.family)
            if any(_messages_about(one.cover.name, one.family, received)):
                self.covers.add(one.family)


class Announcements(msgspec.Struct, frozen=True):
    """What is called before a table is created or woken, after that, and after a cover was created."""

    begin: Callable[[], None] = lambda: None
    end: Callable[[], None] = lambda: None
    cover: Callable[[], None] = lambda: None


_NO_DAMAGE: Final = Damage()
_NO_ANNOUNCEMENTS: Final = Announcements()


def restore(
    netlink: NetlinkSocket,
    restorations: Iterable[Restoration],
    damage: Damage = _NO_DAMAGE,
    announcements: Announcements = _NO_ANNOUNCEMENTS,
) -> None:
    """Create the tables that are not there, wake those that are dormant, and cover those that may be damaged.

    What the kernel refuses is left to the repair of the whole program, which meets the same.
    """
    for one in restorations:
        with suppress(OSError):
            is_there = _restore_table(netlink, one, announcements)
            if one.family in damage.covers:
                _send(netlink, (one.cover.removal,))
            if is_there and one.family in damage.tables | damage.covers:
                _send(netlink, one.cover.transactions)
                announcements.cover()


def _restore_table(netlink: NetlinkSocket, one: Restoration, announcements: Announcements) -> bool:
    """Create or wake a table if that is needed; whether it was there."""
    is_there, is_dormant = _state(netlink, one)
    if is_there and not is_dormant:
        return True
    announcements.begin()
    try:
        _send(netlink, (one.waking,) if is_there else one.transactions)
    finally:
        announcements.end()
    return is_there


def _state(netlink: NetlinkSocket, one: Restoration) -> tuple[bool, bool]:
    """Whether a table is there, and whether it is dormant."""
    try:
        answer = netlink.ask(*one.question)
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return False, False
    return True, bool(read_uint(attributes(answer[_FIXED_PART:]).get(_TABLE_FLAGS, b"")) & _DORMANT)


def _messages_about(name: bytes, family: int, received: bytes) -> Iterator[Message]:
    if name in received:  # most transactions are about other tables; to search is faster than to decode
        for message in decode_messages(received):
            if message.body[0] == family and message.body.startswith(name, _FIXED_PART):
                yield message


def _send(netlink: NetlinkSocket, transactions: Iterable[bytes]) -> None:
    for transaction in transactions:
        netlink.send(transaction)
        if netlink.errors():
            return
