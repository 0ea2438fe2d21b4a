"""Transactions: commands that the kernel carries out all together or not at all.

The kernel holds a lock over all tables of the network namespace while it carries one out, and kube-proxy waits for it.
So what is long is split between commands and, within one, between portions of elements. `update` chooses its steps such
that each part of one is as safe as the whole.

Source: `<linux/netfilter/nfnetlink.h>`; nfnetlink_rcv_batch() of the kernel, for which errors it answers.
"""

import errno
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ringfence.dataplane.nftables.constants import NFNL_BATCH_GENID, NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END
from ringfence.dataplane.nftables.requests import Unit, encode
from ringfence.dataplane.program import TABLE
from ringfence.dataplane.update import AddTable, Command, DeleteTable, WakeTable
from ringfence.errors import KernelError
from ringfence.netlink.codec import HEADER_SIZE, encode_message, uint32
from ringfence.netlink.constants import NFNL_SUBSYS_NFTABLES, NLM_F_REQUEST
from ringfence.netlink.socket import NetlinkError, NetlinkSocket

_FRAME: Final = bytes([0, 0, 0, NFNL_SUBSYS_NFTABLES])
"""The fixed part of the messages around a transaction, `struct nfgenmsg`: its resource id is the subsystem."""

MOST_BYTES: Final = 64_000
"""What one transaction takes at most, unless a part of it that cannot be divided is larger.

These are 4,000 elements of 16 bytes or 220 rules: the kernel takes them in 2 to 6 ms, with a lock for which all others
wait. To load 64,000 elements takes 120 ms, no longer than with 200,000 bytes at once, and a flush meanwhile is noticed
in a third of the time. A socket without privileges does not accept much more than 200,000 (EMSGSIZE).
"""

_FRAME_SIZE: Final = 2 * (HEADER_SIZE + len(_FRAME))

_REMEDIES: Final = {
    errno.EPERM: "run as root, or with the capability NET_ADMIN in this network namespace",
    errno.EPROTONOSUPPORT: "this kernel has no nf_tables: load the module nf_tables, or use another kernel",
    errno.EOPNOTSUPP: "this kernel lacks a part of nf_tables; Linux 5.10 and newer have all that is needed",
    errno.ENOENT: (
        "another program edits the table, or the kernel lacks a module: nft_ct, nft_fib_inet, nft_limit or nft_log"
    ),
    errno.ENOMEM: "the kernel has no memory left for packet filters",
    errno.EMSGSIZE: "raise the limit: sysctl -w net.core.wmem_max=4194304",
}


class _EncodedUnit(NamedTuple):
    """A unit of messages, its size in bytes, and the command that it belongs to."""

    unit: Unit
    size: int
    command: Command


class Transaction(NamedTuple):
    """Commands, or parts of one, that the kernel carries out together, and the bytes that it is sent for them."""

    units: list[_EncodedUnit]
    size: int


def transactions(netlink: NetlinkSocket, commands: Iterable[Command], table: str = TABLE) -> Iterator[Transaction]:
    """The transactions that carry out commands in a table, in order: as few as their size allows."""
    limit = min(netlink.limit, MOST_BYTES) - _FRAME_SIZE
    units: list[_EncodedUnit] = []
    size = 0
    for command in commands:
        for unit in encode(command, table):
            encoded = _EncodedUnit(unit, sum(body.size for body in unit), command)
            if units and size + encoded.size > limit:
                yield Transaction(units, size)
                units, size = [], 0
            units.append(encoded)
            size += encoded.size
    if units:
        yield Transaction(units, size)


def commit(netlink: NetlinkSocket, commands: Iterable[Command], table: str = TABLE) -> int:
    """Have the kernel carry out commands in a table, in order; in how many transactions.

    Raises KernelError for the first transaction that was refused; those before it are in force.
    """
    count = 0
    for transaction in transactions(netlink, commands, table):
        commit_transaction(netlink, transaction)
        count += 1
    return count


def commit_transaction(netlink: NetlinkSocket, transaction: Transaction, generation: int | None = None) -> None:
    """Have the kernel carry out a transaction. Raises KernelError if it refuses: then nothing has changed.

    With a `generation` (`read_generation`), it is refused (ERESTART) if any program has changed anything since. That
    takes no time, while to find that an object is gone, and to undo what came before, takes 10 to 15 ms (Linux 6.18):
    __nf_tables_abort() waits for packets that are on their way, and all others wait with it.
    """
    message, commands = encoded_transaction(netlink, transaction, generation)
    try:
        netlink.send(message)
    except OSError as error:
        last = transaction.units[-1].command
        raise _failure_of(last, error.errno or 0, error.strerror or str(error)) from error
    if refusals := netlink.errors():
        raise _error(refusals, commands)


def encoded_transaction(
    netlink: NetlinkSocket, transaction: Transaction, generation: int | None = None
) -> tuple[bytes, dict[int, Command]]:
    """What is sent for a transaction, and the command to which each sequence number in it belongs."""
    commands: dict[int, Command] = {}
    beginning = _FRAME if generation is None else _FRAME + uint32(NFNL_BATCH_GENID, generation)
    messages = [encode_message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, netlink.next_sequence(), beginning)]
    for unit, _, command in transaction.units:
        for type, flags, content in unit:
            sequence = netlink.next_sequence()
            commands[sequence] = command
            messages.append(encode_message(type, NLM_F_REQUEST | flags, sequence, content))
    messages.append(encode_message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, netlink.next_sequence(), _FRAME))
    return b"".join(messages), commands


def await_transactions(netlink: NetlinkSocket) -> None:
    """Return when every transaction that was under way, of any program, has ended and was reported to those who listen.

    An empty one changes and counts as nothing, and waits for the others as any (nf_tables_valid_genid() of the kernel).
    """
    frame = (NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END)
    netlink.send(b"".join(encode_message(one, NLM_F_REQUEST, netlink.next_sequence(), _FRAME) for one in frame))


def failure(what: str, code: int, explanation: str, refused: str = "") -> KernelError:
    """The error to raise when the kernel refuses something, with the remedy if there is one; `refused` is its name."""
    remedy = _REMEDIES.get(code)
    return KernelError(f"{what}: {explanation}" + (f": {remedy}" if remedy else ""), code, refused)


def _error(refusals: list[NetlinkError], commands: dict[int, Command]) -> KernelError:
    """Name the command that was refused first; without one, it is the transaction as a whole that failed."""
    refusal = min(refusals, key=lambda one: (one.sequence not in commands, one.sequence))
    return _failure_of(commands.get(refusal.sequence), refusal.code, str(refusal))


def _failure_of(command: Command | None, code: int, explanation: str) -> KernelError:
    match command:
        case None:
            return failure("packet filter: a transaction was refused", code, explanation)
        case AddTable() | WakeTable() | DeleteTable():
            return failure(f"packet filter: {_in_words(command)}", code, explanation)
        case _:
            return failure(f"packet filter: {_in_words(command)} {command.name}", code, explanation, command.name)


def _in_words(command: Command) -> str:
    """`AddChain` as `add chain`."""
    return re.sub("(?<!^)([A-Z])", r" \1", type(command).__name__).lower()
