"""What undoes at once what another program does to the table, as bytes that are ready to be sent (`restoration.py`).

A large program is brought back, or covered, with all isolated pods closed, and the repair opens them again.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice, pairwise
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import encoded_transaction, table_attribute, table_question, transactions
from ringfence.dataplane.program import Program, is_of_bridges
from ringfence.dataplane.restoration import Cover, Restoration
from ringfence.dataplane.table import BESIDE, TableName, first_restored, stages_of, tables_of
from ringfence.dataplane.update import AddTable, Command, DeleteTable, WakeTable, commands_between
from ringfence.netlink.socket import NetlinkSocket

REVOKED_SOON: Final = 1_000
"""Revoked connections that are loaded before packets meet the rules; others pass until all of them are."""


class _Prepared(NamedTuple):
    """For what something was made ready, and the first program that it brings back."""

    program: Program
    revoked: frozenset[bytes]
    first: Program


class Preparation:
    """Makes ready what the socket `netlink` is to send."""

    def __init__(self, netlink: NetlinkSocket) -> None:
        self._netlink = netlink
        self._prepared: _Prepared | None = None
        self.restorations: tuple[Restoration, ...] = ()
        """What was made ready last."""

    def prepare(self, program: Program, revoked: frozenset[bytes]) -> tuple[Restoration, ...]:
        """Make ready to bring a program back, with these revoked connections; the same object if nothing changed."""
        before = self._prepared
        if before and before.program is program and before.revoked == revoked:
            return self.restorations
        first = first_restored(program)
        if not before or (before.first, before.revoked) != (first, revoked):
            self.restorations = tuple(_restorations(self._netlink, first, revoked))
        self._prepared = _Prepared(program, revoked, first)
        return self.restorations

    def forget(self) -> tuple[Restoration, ...]:
        """Have nothing ready: the table is to be removed from here."""
        self._prepared, self.restorations = None, ()
        return self.restorations


def _stages(program: Program, revoked: Set[bytes]) -> tuple[Program, ...]:
    """A program without its base chains, with them, and with all revoked connections, which may take long to load."""
    soon = frozenset(islice(revoked, REVOKED_SOON))
    return (*stages_of(program, soon), stages_of(program, revoked)[1])


def _restorations(netlink: NetlinkSocket, program: Program, revoked: Set[bytes]) -> Iterator[Restoration]:
    # The table that filters at the IP layer comes first: all programs have it, and it isolates pods on any network.
    for table in sorted(tables_of(program)):
        elsewhere = {
            name for name in (*program.collections, *program.chains) if is_of_bridges(name) != table.of_bridges
        }
        stages = [stage.changed(without=frozenset(elsewhere)) for stage in _stages(program, revoked)]
        question = table_question(of_bridges=table.of_bridges)
        yield Restoration(
            question[1][0],
            table_attribute(table.name),
            question,
            _creation(netlink, table, stages),
            _encoded(netlink, table.name, [WakeTable(table.of_bridges)]),
            _cover(netlink, TableName(BESIDE, table.of_bridges), stages),
        )


def _cover(netlink: NetlinkSocket, table: TableName, stages: Sequence[Program]) -> Cover:
    # What is not there cannot be deleted, so it is created before.
    removal: list[Command] = [AddTable(of_bridges=table.of_bridges), DeleteTable(table.of_bridges)]
    return Cover(table_attribute(table.name), _creation(netlink, table, stages), _encoded(netlink, table.name, removal))


def _creation(netlink: NetlinkSocket, table: TableName, stages: Sequence[Program]) -> tuple[bytes, ...]:
    """The transactions that create a table, such that it holds one program after the other."""
    new: list[Command] = [AddTable(of_bridges=table.of_bridges, must_be_new=True)]
    messages: list[bytes] = []
    for before, after in pairwise([Program(), *stages]):
        parts = transactions(netlink, [*new, *commands_between(before, after)], table.name)
        messages += (encoded_transaction(netlink, part)[0] for part in parts)
        new = []
    return tuple(messages)


def _encoded(netlink: NetlinkSocket, table: str, commands: Iterable[Command]) -> bytes:
    """The one transaction that carries out a few commands."""
    return b"".join(encoded_transaction(netlink, one)[0] for one in transactions(netlink, commands, table))
