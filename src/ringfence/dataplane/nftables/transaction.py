"""Transactions: commands carried out by the kernel all together or not at all.

A socket without privileges takes no more than about 200 kB at once (EMSGSIZE); what is longer is split between commands
and, within one, between portions of elements. Where that may happen is decided by `difference`: at each of its
waypoints, every part of the way to the next is as safe as the whole.

Source: `<linux/netfilter/nfnetlink.h>`; nfnetlink_rcv_batch() of the kernel, for which errors are answered to whom.
"""

import errno
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ringfence.dataplane.nftables.constants import BATCH_BEGIN, BATCH_END
from ringfence.dataplane.nftables.requests import Unit, encode
from ringfence.dataplane.update import AddTable, Command, DeleteTable
from ringfence.errors import KernelError
from ringfence.netlink.messages import REQUEST, NetlinkError, NetlinkSocket, message

_FRAME: Final = b"\0\0\0\x0a"
"""The fixed part of the messages around a transaction: for which subsystem it is (10: nf_tables)."""

_FRAME_SIZE: Final = 2 * (16 + len(_FRAME))
_HEADER_SIZE: Final = 16

_REMEDIES: Final = {
    errno.EPERM: "run as root, or with the capability NET_ADMIN in this network namespace",
    errno.EPROTONOSUPPORT: "this kernel has no nf_tables: load the module nf_tables, or use another kernel",
    errno.EOPNOTSUPP: "this kernel lacks a part of nf_tables; Linux 5.10 and newer have all that is needed",
    errno.ENOENT: "if nobody edits the table, the kernel lacks a module: nft_ct, nft_fib_inet, nft_limit or nft_log",
    errno.ENOMEM: "the kernel has no memory left for packet filters",
    errno.EMSGSIZE: "raise the limit: sysctl -w net.core.wmem_max=4194304",
}


class _Part(NamedTuple):
    """A unit of messages, its size in bytes, and the command that it belongs to."""

    unit: Unit
    size: int
    command: Command


def carry_out(conversation: NetlinkSocket, commands: Iterable[Command]) -> int:
    """Have the kernel carry out commands, in order, in as few transactions as it takes; how many it took.

    Raises KernelError for the first transaction that was refused; those before it are in force.
    """
    transactions = 0
    for parts in _transactions(commands, conversation.limit - _FRAME_SIZE):
        _commit(conversation, parts)
        transactions += 1
    return transactions


def failure(what: str, code: int, explanation: str, refused: str = "") -> KernelError:
    """The error to raise when the kernel refuses something, with the remedy if there is one; `refused` is its name."""
    remedy = _REMEDIES.get(code)
    return KernelError(f"{what}: {explanation}" + (f": {remedy}" if remedy else ""), code, refused)


def _transactions(commands: Iterable[Command], limit: int) -> Iterator[list[_Part]]:
    parts: list[_Part] = []
    size = 0
    for command in commands:
        for unit in encode(command):
            part = _Part(unit, sum(_HEADER_SIZE + len(body.content) for body in unit), command)
            if parts and size + part.size > limit:
                yield parts
                parts, size = [], 0
            parts.append(part)
            size += part.size
    if parts:
        yield parts


def _commit(conversation: NetlinkSocket, parts: list[_Part]) -> None:
    commands: dict[int, Command] = {}
    messages = [message(BATCH_BEGIN, REQUEST, conversation.next_sequence(), _FRAME)]
    for unit, _, command in parts:
        for type, flags, content in unit:
            sequence = conversation.next_sequence()
            commands[sequence] = command
            messages.append(message(type, REQUEST | flags, sequence, content))
    messages.append(message(BATCH_END, REQUEST, conversation.next_sequence(), _FRAME))
    try:
        conversation.send(b"".join(messages))
    except OSError as error:
        raise _failure_of(parts[-1].command, error.errno or 0, error.strerror or str(error)) from error
    if refusals := conversation.refusals():
        raise _error(refusals, commands)


def _error(refusals: list[NetlinkError], commands: dict[int, Command]) -> KernelError:
    """Name the command that was refused first; without one, it is the transaction as a whole that failed."""
    refusal = min(refusals, key=lambda one: (one.sequence not in commands, one.sequence))
    return _failure_of(commands.get(refusal.sequence), refusal.code, str(refusal))


def _failure_of(command: Command | None, code: int, explanation: str) -> KernelError:
    match command:
        case None:
            return failure("packet filter: a transaction was refused", code, explanation)
        case AddTable() | DeleteTable():
            return failure(f"packet filter: {_in_words(command)}", code, explanation)
        case _:
            return failure(f"packet filter: {_in_words(command)} {command.name}", code, explanation, command.name)


def _in_words(command: Command) -> str:
    """`AddChain` as `add chain`."""
    return re.sub("(?<!^)([A-Z])", r" \1", type(command).__name__).lower()
