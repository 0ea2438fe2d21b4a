"""Changes that other programs make to the table, as the kernel reports them.

After each transaction, before the system call of its sender returns, the kernel sends one message for every object that
changed, and at the end one with the name of the process (NFT_MSG_NEWGEN). All bear the port of the sender's socket, so
that own transactions can be left out.

The kernel builds these messages for every element, if anybody listens: 10,000 elements take 0.1 s more and 80 MB of its
memory for a moment (measured on Linux 6.18). So nobody listens while a large transaction is committed from here.

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
"""What every message about the table or something in it contains: the attributes for it all have the number 1."""

_TABLE_ATTRIBUTE: Final = next(each_attribute(_ABOUT_TABLE))


_MOST_PARTS: Final = 20
"""Sets and chains that are noted; more than that are anything."""


class ChangedBy(NamedTuple):
    """The process that changed the table, as the kernel names it: the first 15 characters of its program's name."""

    program: str
    process: int


class Touched(msgspec.Struct):
    """What others may have changed in the table: elements of some sets, rules of some chains, or anything."""

    sets: set[str] = msgspec.field(default_factory=set)
    chains: set[str] = msgspec.field(default_factory=set)
    anything: bool = False

    def __bool__(self) -> bool:
        """Whether others may have changed anything at all."""
        return self.anything or bool(self.sets or self.chains)


class TableChanges:
    """Listens for transactions of others, in the network namespace in which the calling thread is when this is made."""

    def __init__(self, own: NetlinkSocket, *ports: int) -> None:
        """Transactions of the socket `own` are not reported, nor those of the sockets with these ports.

        Raises OSError where the kernel refuses.
        """
        self._own = own
        self._netlink = NetlinkSocket(NETLINK_NETFILTER)
        self._netlink.ignore_senders(own.port, *ports)
        self._netlink.join(nf.NFNLGRP_NFTABLES)
        self._is_about_table = False
        """Whether the transaction that is being received is about the table."""
        self._has_missed = False
        """Whether others may have changed it while this did not listen."""
        self.last: ChangedBy | None = None
        """Who changed the table last, if the kernel has said so."""

    def close(self) -> None:
        """Stop listening."""
        self._netlink.close()

    def fileno(self) -> int:
        """The file descriptor that can be read when there are transactions to take."""
        return self._netlink.fileno()

    def take(self) -> Touched:
        """What others may have changed since this was last asked."""
        touched = Touched(anything=self._has_missed)
        self._has_missed = False
        while True:
            try:
                received = self._netlink.waiting()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                touched.anything = True  # so much came that some of it was lost
                continue
            if received is None:
                return touched
            # Most transactions of others are about other tables; to search is faster than to decode.
            if _ABOUT_TABLE in received:
                self._is_about_table = True
                if not touched.anything:
                    _note(received, touched)
            self._note_end(received)

    def generation(self) -> int:
        """The kernel's count of transactions; all that are counted in it have been reported and can be taken."""
        counted = read_generation(self._own)
        await_transactions(self._own)  # a transaction is counted some milliseconds before it is reported
        return counted

    @contextmanager
    def not_listening(self) -> Iterator[int]:
        """Do not listen while one transaction is committed from here, in the generation that this yields.

        All earlier ones have been reported then. If others commit one meanwhile, the kernel's count of transactions
        says so.
        """
        before = self.generation()
        self._netlink.leave(nf.NFNLGRP_NFTABLES)
        committed = 0
        try:
            yield before
            committed = 1
        finally:
            self._netlink.join(nf.NFNLGRP_NFTABLES)
            self._has_missed |= read_generation(self._own) != before + committed

    def _note_end(self, received: bytes) -> None:
        """Note who sent the transaction, if this is its last message and it was about the table."""
        first = next(decode_messages(received))
        if first.type != message_type(nf.NFT_MSG_NEWGEN):
            return  # no other message is sent together with the last one
        if self._is_about_table:
            settings = attributes(first.body[len(HEADER) :])
            name = read_string(settings.get(nf.NFTA_GEN_PROC_NAME, b""))
            self.last = ChangedBy(name, read_uint(settings.get(nf.NFTA_GEN_PROC_PID, b"")))
        self._is_about_table = False


_ABOUT_ELEMENTS: Final = frozenset(map(message_type, (nf.NFT_MSG_NEWSETELEM, nf.NFT_MSG_DELSETELEM)))
_ABOUT_RULES: Final = frozenset(map(message_type, (nf.NFT_MSG_NEWRULE, nf.NFT_MSG_DELRULE)))


_FAMILIES: Final = frozenset({HEADER[0], BRIDGE_HEADER[0]})


def _note(received: bytes, touched: Touched) -> None:
    """Note what messages say of the table."""
    for message in decode_messages(received):
        # The table comes first, and then, in messages about elements and about rules, the set or the chain.
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
