"""A table that closes all isolated pods, ready to be sent: it takes the place of one that another program removes.

To put the whole program back takes a lock, the interpreter and many system calls, for all of which other threads
compete. To send what is ready takes two system calls, for which the interpreter is kept, and does not wait for the
lock: the kernel refuses it if there is a table already, so it does no harm if the repair was faster.
"""

import threading
from collections.abc import Iterator, Set
from contextlib import suppress
from itertools import pairwise

from ringfence.dataplane.nftables import encoded_transaction, has_table, transactions
from ringfence.dataplane.program import TABLE, Program, is_of_bridges
from ringfence.dataplane.table import stages_of, tables_of
from ringfence.dataplane.update import AddTable, Command, commands_between, with_all_profiles_closed
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket


class Standby:
    """What is sent if there is no table. Any thread may call any method."""

    def __init__(self) -> None:
        """Raises OSError where the kernel refuses."""
        self._netlink = NetlinkSocket(NETLINK_NETFILTER)
        self._lock = threading.Lock()
        self._messages: dict[bool, list[bytes]] = {}
        """By whether it is the table for bridges, the transactions that create it."""
        self._program: Program | None = None
        """The program that was last to be made ready."""
        self._prepared: tuple[Program, frozenset[bytes]] | None = None
        """The closed program and the revoked connections that are ready to be sent."""

    @property
    def port(self) -> int:
        """The port of the socket, by which the kernel reports what was sent from here."""
        return self._netlink.port

    def close(self) -> None:
        """Close the socket; what the kernel holds stays in force."""
        self._netlink.close()

    def prepare(self, program: Program, revoked: Set[bytes]) -> None:
        """Be ready to close the pods that `program` isolates, and to revoke these connections."""
        if self._prepared and self._program is program and self._prepared[1] == revoked:
            return
        self._program, wanted = program, (with_all_profiles_closed(program), frozenset(revoked))
        if self._prepared != wanted:
            messages = {one.of_bridges: list(self._encoded(*wanted, one.of_bridges)) for one in tables_of(program)}
            with self._lock:
                self._messages, self._prepared = messages, wanted

    def forget(self) -> None:
        """Send nothing any more: the table is to be removed from here."""
        with self._lock:
            self._messages, self._prepared = {}, None

    def stand_in(self) -> None:
        """Send what is ready for each table that is not there."""
        # To put the whole program back afterwards meets what is wrong as well.
        with self._lock, suppress(OSError):
            for of_bridges, messages in self._messages.items():
                if not has_table(self._netlink, TABLE, of_bridges=of_bridges):
                    self._send(messages)

    def _send(self, messages: list[bytes]) -> None:
        for message in messages:
            self._netlink.send_at_once(message)
            if self._netlink.errors():
                return

    def _encoded(self, program: Program, revoked: Set[bytes], of_bridges: bool) -> Iterator[bytes]:
        """The transactions that create one of the tables, the base chains in one of their own."""
        elsewhere = {name for name in (*program.collections, *program.chains) if is_of_bridges(name) != of_bridges}
        stages = (one.changed(without=frozenset(elsewhere)) for one in stages_of(program, revoked))
        new: list[Command] = [AddTable(of_bridges=of_bridges, must_be_new=True)]
        for before, after in pairwise([Program(), *stages]):
            for transaction in transactions(self._netlink, [*new, *commands_between(before, after)]):
                yield encoded_transaction(self._netlink, transaction)[0]
            new = []
