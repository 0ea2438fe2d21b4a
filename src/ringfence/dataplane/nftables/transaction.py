"""Commits commands in transactions. The kernel executes all commands of a transaction or none.

While the kernel executes a transaction, it holds a lock for all tables of the network namespace, and kube-proxy waits
for this lock. So a long list of commands is split into several transactions: between commands, or between portions of
elements within a command. `update` chooses its steps so that each part of a step is as safe as the whole step.

Source: `<linux/netfilter/nfnetlink.h>`; nfnetlink_rcv_batch() of the kernel, for the errors that it reports.
"""

import errno
import re
from collections.abc import Iterable, Iterator
from itertools import islice
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
"""The fixed part of the messages that begin and end a transaction.

It is a `struct nfgenmsg`; its resource id is the subsystem.
"""

MOST_BYTES: Final = 64_000
"""The largest size of a transaction. A unit that is larger, and cannot be divided, has a transaction of its own.

64,000 bytes hold 4,000 elements of 16 bytes or 220 rules. The kernel executes them in 2 to 6 ms; it holds the lock for
this time. To load 64,000 elements takes 120 ms, the same time as with transactions of 200,000 bytes, and a flush by
another program is detected in a third of the time. An unprivileged socket does not accept much more than 200,000 bytes
(EMSGSIZE).
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
    """A unit of messages, its size in bytes, and the command to which it belongs."""

    unit: Unit
    size: int
    command: Command


class Transaction(NamedTuple):
    """The units that the kernel executes together, and their size in bytes."""

    units: list[_EncodedUnit]
    size: int


def transactions(netlink: NetlinkSocket, commands: Iterable[Command], table: str = TABLE) -> Iterator[Transaction]:
    """Yield the transactions for `commands`, in order. There are as few as the size limit permits."""
    # The socket of an unprivileged process may accept less than `MOST_BYTES`.
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


def fits_at_once(netlink: NetlinkSocket, commands: Iterable[Command]) -> bool:
    """Whether the kernel executes all `commands` in one transaction."""
    return len(list(islice(transactions(netlink, commands), 2))) <= 1


def commit(netlink: NetlinkSocket, commands: Iterable[Command], table: str = TABLE) -> int:
    """Commit `commands` in order. Returns the number of transactions.

    Raises KernelError for the first transaction that the kernel refuses. The earlier transactions are in force.
    """
    count = 0
    for transaction in transactions(netlink, commands, table):
        commit_transaction(netlink, transaction)
        count += 1
    return count


def commit_transaction(netlink: NetlinkSocket, transaction: Transaction, generation: int | None = None) -> None:
    """Commit a transaction. Raises KernelError if the kernel refuses it; in this case, nothing has changed.

    With a `generation` (`read_generation`), the kernel refuses the transaction (ERESTART) if any program has committed
    another transaction since then. This check takes no time. Without it, the kernel must undo a transaction when it
    finds that an object no longer exists. This takes 10 to 15 ms (Linux 6.18), because __nf_tables_abort() waits for
    packets in flight, and all other programs wait with it.
    """
    message, commands = encoded_transaction(netlink, transaction, generation)
    try:
        netlink.send(message)
    except OSError as error:
        # The socket refuses what is too large (EMSGSIZE). Only a unit that is alone in its transaction can be.
        last = transaction.units[-1].command
        raise _failure_of(last, error.errno or 0, error.strerror or str(error)) from error
    if refusals := netlink.errors():
        raise _error(refusals, commands)


def encoded_transaction(
    netlink: NetlinkSocket, transaction: Transaction, generation: int | None = None
) -> tuple[bytes, dict[int, Command]]:
    """Encode a transaction. Also returns the command for each sequence number in it."""
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
    """Wait until all running transactions, of any program, have ended and their notifications have been sent.

    This sends an empty transaction. It changes nothing and does not increase the generation, but it waits for running
    transactions as every transaction does (nf_tables_valid_genid() of the kernel).
    """
    frame = (NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END)
    netlink.send(b"".join(encode_message(one, NLM_F_REQUEST, netlink.next_sequence(), _FRAME) for one in frame))


def failure(what: str, code: int, explanation: str, refused: str = "") -> KernelError:
    """The error for a request that the kernel refused, with a remedy if one is known.

    `refused` is the name of the object in the request.
    """
    remedy = _REMEDIES.get(code)
    return KernelError(f"{what}: {explanation}" + (f": {remedy}" if remedy else ""), code, refused)


def _error(refusals: list[NetlinkError], commands: dict[int, Command]) -> KernelError:
    """The error for the first command that was refused, or for the transaction if no command was refused."""
    # A refused command says more than a refused transaction, and an early refusal may be the cause of later ones.
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
