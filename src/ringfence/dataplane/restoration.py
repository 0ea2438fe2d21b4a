"""Restoring the table after changes of another program: prepared messages, and when they are sent.

A table that was removed is created again, and a dormant one is woken. For any other change, it is only known that the
table may be damaged: because the kernel reports a change, or, while it reports none, because signs of the table are
missing. Then a second table with the same rules, the cover, is created beside it: a packet has to pass
both. The cover does not help against damage that drops allowed packets. The repair of the whole program undoes that,
and then removes the cover.

This module imports little, because the standby process uses it (`agent/standby_process.py`).
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
"""The type of messages about a table itself (NFT_MSG_NEWTABLE): it is new, became dormant, or was woken."""


Question = tuple[int, bytes]
"""The type and the body of a request to the kernel."""


class Signs(msgspec.Struct, frozen=True, array_like=True):
    """What shows that a table is whole as far as it isolates pods: a few of its elements, and rules of some chains."""

    elements: tuple[tuple[Question, ...], ...] = ()
    """For each set or map, requests for some of its elements. If the kernel has none of them, it was flushed."""
    rules: tuple[Question, ...] = ()
    """Requests for the rules of chains that have rules."""


class Cover(msgspec.Struct, frozen=True, array_like=True):
    """The messages for the cover of one table."""

    name: bytes
    """The encoded attribute with its name. All messages about the table or its contents begin with it."""
    transactions: tuple[bytes, ...]
    """The transactions that create the cover. The kernel refuses the first one if the cover exists."""
    removal: bytes
    """The transaction that removes the cover if it exists."""
    question: Question
    """A request for the table of the cover, which the kernel refuses with ENOENT if it does not exist."""


class Restoration(msgspec.Struct, frozen=True, array_like=True):
    """The messages for one table."""

    family: int
    """The family of the table: NFPROTO_INET or NFPROTO_BRIDGE."""
    name: bytes
    """The encoded attribute with its name, as in `Cover`."""
    question: Question
    """A request for the table, which the kernel refuses with ENOENT if it does not exist."""
    transactions: tuple[bytes, ...]
    """The transactions that create the table. The kernel refuses the first one if it exists."""
    waking: bytes
    """The transaction that wakes the table if it is dormant, so that packets meet its rules."""
    cover: Cover
    signs: Signs


class Damage(msgspec.Struct):
    """The tables and covers that other programs may have changed, by family."""

    tables: set[int] = msgspec.field(default_factory=set)
    covers: set[int] = msgspec.field(default_factory=set)

    def note(self, received: bytes, restorations: Iterable[Restoration]) -> None:
        """Note the changes in a report of the kernel."""
        for one in restorations:
            # A new, dormant or woken table is no damage here: the request for the table shows these states.
            if any(message.type != _TABLE_ITSELF for message in _messages_about(one.name, one.family, received)):
                self.tables.add(one.family)
            if any(_messages_about(one.cover.name, one.family, received)):
                self.covers.add(one.family)


class Announcements(msgspec.Struct, frozen=True):
    """Callbacks: before a table is created or woken, after that, and after a cover was created."""

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
    *,
    reads_signs: bool = False,
) -> None:
    """Create missing tables, wake dormant ones, and cover those that may be damaged.

    With `reads_signs`, a table whose signs are missing is covered, too, although the kernel has reported no damage.

    Refusals of the kernel are ignored: the repair of the whole program meets and reports them.
    """
    for one in restorations:
        with suppress(OSError):
            is_there = _restore_table(netlink, one, announcements)
            if one.family in damage.covers:
                # Others may have changed this cover, so it is created again below.
                _send(netlink, (one.cover.removal,))
            if is_there and (
                one.family in damage.tables | damage.covers or (reads_signs and _is_flushed_and_bare(netlink, one))
            ):
                _send(netlink, one.cover.transactions)
                announcements.cover()


def _restore_table(netlink: NetlinkSocket, one: Restoration, announcements: Announcements) -> bool:
    """Create or wake a table if needed. Returns whether it existed."""
    is_there, is_dormant = _state(netlink, one)
    if is_there and not is_dormant:
        return True
    announcements.begin()
    try:
        _send(netlink, (one.waking,) if is_there else one.transactions)
    finally:
        # Announced after a failure, too: some of the transactions may have succeeded, so the agent has to read the
        # table.
        announcements.end()
    return is_there


def _is_flushed_and_bare(netlink: NetlinkSocket, one: Restoration) -> bool:
    """Whether signs of a table are missing, and no cover exists yet."""
    signs = one.signs
    is_flushed = any(not any(_exists(netlink, element) for element in some) for some in signs.elements) or any(
        not _has_rules(netlink, chain) for chain in signs.rules
    )
    return is_flushed and not _exists(netlink, one.cover.question)


def _exists(netlink: NetlinkSocket, question: Question) -> bool:
    """Whether the kernel has what the question asks for."""
    try:
        netlink.ask(*question)
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return False
    return True


def _has_rules(netlink: NetlinkSocket, question: Question) -> bool:
    """Whether a chain exists and has rules."""
    try:
        return bool(netlink.dump(*question))
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return False


def _state(netlink: NetlinkSocket, one: Restoration) -> tuple[bool, bool]:
    """Whether a table exists, and whether it is dormant."""
    try:
        answer = netlink.ask(*one.question)
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return False, False
    return True, bool(read_uint(attributes(answer[_FIXED_PART:]).get(_TABLE_FLAGS, b"")) & _DORMANT)


def _messages_about(name: bytes, family: int, received: bytes) -> Iterator[Message]:
    if name in received:  # most transactions are about other tables, and searching is faster than decoding
        for message in decode_messages(received):
            if message.body[0] == family and message.body.startswith(name, _FIXED_PART):
                yield message


def _send(netlink: NetlinkSocket, transactions: Iterable[bytes]) -> None:
    for transaction in transactions:
        netlink.send(transaction)
        # The first transaction is refused if the table exists. The others are meant for the table that the first
        # creates.
        if netlink.errors():
            return
