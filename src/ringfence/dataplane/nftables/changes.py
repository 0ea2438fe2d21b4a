"""Detects changes that other programs make to the table, from the notifications of the kernel.

After each transaction, before the system call of its sender returns, the kernel sends one message for every object that
changed. The last message (NFT_MSG_NEWGEN) contains the name of the process. Every message contains the port of the
sender's socket, so the transactions of this process can be ignored.

If a socket is subscribed, the kernel builds these messages for every element: 10,000 elements take 0.1 s longer and
use 80 MB of kernel memory for a moment (measured on Linux 6.18). So this process unsubscribes while it commits a large
transaction.

Source: nf_tables_commit() and nf_tables_gen_notify() of the kernel.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.nftables import constants as nf
from ringfence.dataplane.nftables.read_back import read_generation
from ringfence.dataplane.nftables.requests import BRIDGE_HEADER, HEADER, in_table, message_type
from ringfence.dataplane.nftables.transaction import await_transactions
from ringfence.netlink.codec import attributes, decode_messages, each_attribute, read_string, read_uint
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket

_ABOUT_TABLE: Final = in_table(nf.NFTA_TABLE_NAME)
"""The attribute that names the table.

Messages about tables, chains, sets, elements and rules all use the attribute number 1 for it. So every message about
the table or an object in it contains these bytes.
"""

_TABLE_ATTRIBUTE: Final = next(each_attribute(_ABOUT_TABLE))


_MOST_PARTS: Final = 20
"""The most sets and chains that are recorded by name. If more were touched, `Touched.anything` is set instead."""


class ChangedBy(NamedTuple):
    """The process that changed the table. The kernel reports the first 15 characters of its program's name."""

    program: str
    process: int


class Touched(msgspec.Struct):
    """The parts of the table that other programs may have changed.

    `sets` are the sets whose elements may have changed, and `chains` the chains whose rules may have changed. If
    `anything` is true, any part may have changed.
    """

    sets: set[str] = msgspec.field(default_factory=set)
    chains: set[str] = msgspec.field(default_factory=set)
    anything: bool = False

    def __bool__(self) -> bool:
        """Whether other programs may have changed any part of the table."""
        return self.anything or bool(self.sets or self.chains)


class TableChanges:
    """Listens for transactions of other programs.

    It listens in the network namespace of the thread that creates it, at the time of creation.
    """

    def __init__(self, own: NetlinkSocket, *ports: int) -> None:
        """Start to listen. Transactions sent from the socket `own` or from one of `ports` are not reported.

        Raises OSError if the kernel refuses.
        """
        self._own = own
        self._netlink = NetlinkSocket(NETLINK_NETFILTER)
        self._netlink.ignore_senders(own.port, *ports)
        self._netlink.join(nf.NFNLGRP_NFTABLES)
        self._is_about_table = False
        """Whether the transaction whose messages are being received changes the table."""
        self._has_missed = False
        """Whether other programs may have changed the table while this object did not listen."""
        self.last: ChangedBy | None = None
        """The process that changed the table last; None if the kernel has not reported one."""

    def close(self) -> None:
        """Stop listening."""
        self._netlink.close()

    def fileno(self) -> int:
        """The file descriptor that becomes readable when `take` has transactions to return."""
        return self._netlink.fileno()

    def take(self) -> Touched:
        """Return what other programs may have changed since the previous call."""
        touched = Touched(anything=self._has_missed)
        self._has_missed = False
        while True:
            try:
                received = self._netlink.waiting()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                touched.anything = True  # the receive buffer overflowed, so messages were lost
                continue
            if received is None:
                return touched
            # Most transactions of other programs change other tables. A search in the bytes is faster than decoding.
            if _ABOUT_TABLE in received:
                self._is_about_table = True
                if not touched.anything:
                    _note(received, touched)
            self._note_end(received)

    def generation(self) -> int:
        """The kernel's count of transactions. All counted transactions have been reported, so `take` returns them."""
        counted = read_generation(self._own)
        await_transactions(self._own)  # the kernel counts a transaction some milliseconds before it reports it
        return counted

    @contextmanager
    def not_listening(self) -> Iterator[int]:
        """Do not listen while this process commits one transaction. Yields the generation before this transaction.

        All transactions up to this generation have been reported. If other programs commit transactions in the
        meantime, the kernel's count of transactions is higher than expected, and `take` reports that anything may have
        changed.
        """
        before = self.generation()
        self._netlink.leave(nf.NFNLGRP_NFTABLES)
        committed = 0
        try:
            yield before
            # After an exception it stays 0: a refused transaction does not count as a generation.
            committed = 1
        finally:
            self._netlink.join(nf.NFNLGRP_NFTABLES)
            # Compared after joining: a transaction in between is noticed twice rather than never.
            self._has_missed |= read_generation(self._own) != before + committed

    def _note_end(self, received: bytes) -> None:
        """Record the sender of a transaction if this is its last message and the transaction changed the table."""
        first = next(decode_messages(received))
        if first.type != message_type(nf.NFT_MSG_NEWGEN):
            return  # the kernel sends NFT_MSG_NEWGEN on its own, so the first message is enough to recognize it
        if self._is_about_table:
            settings = attributes(first.body[len(HEADER) :])
            name = read_string(settings.get(nf.NFTA_GEN_PROC_NAME, b""))
            self.last = ChangedBy(name, read_uint(settings.get(nf.NFTA_GEN_PROC_PID, b"")))
        self._is_about_table = False


_ABOUT_ELEMENTS: Final = frozenset(map(message_type, (nf.NFT_MSG_NEWSETELEM, nf.NFT_MSG_DELSETELEM)))
_ABOUT_RULES: Final = frozenset(map(message_type, (nf.NFT_MSG_NEWRULE, nf.NFT_MSG_DELRULE)))


_FAMILIES: Final = frozenset({HEADER[0], BRIDGE_HEADER[0]})


def _note(received: bytes, touched: Touched) -> None:
    """Record in `touched` the changes of the table that these messages report."""
    for message in decode_messages(received):
        # The first attribute is the table. In messages about elements and rules, the second is the set or the chain.
        content = each_attribute(message.body[len(HEADER) :])
        if message.body[0] not in _FAMILIES or next(content, None) != _TABLE_ATTRIBUTE:
            continue
        kind, name = next(content, (0, b""))
        if message.type in _ABOUT_ELEMENTS and kind == nf.NFTA_SET_ELEM_LIST_SET:
            touched.sets.add(read_string(name))
        elif message.type in _ABOUT_RULES and kind == nf.NFTA_RULE_CHAIN:
            touched.chains.add(read_string(name))
        else:
            touched.anything = True
        if touched.anything or len(touched.sets) + len(touched.chains) > _MOST_PARTS:
            touched.anything = True
            return
