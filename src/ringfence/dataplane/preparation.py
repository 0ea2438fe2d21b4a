"""Preparing restorations: the encoded messages with which the standby process restores the table (`restoration.py`).

A large program is restored, or covered, with all isolated pods closed, and the repair opens them again.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice, pairwise
from typing import Final, NamedTuple

from ringfence.dataplane.isolating_parts import ISOLATING
from ringfence.dataplane.nftables import (
    element_question,
    encoded_transaction,
    rules_question,
    table_attribute,
    table_question,
    transactions,
)
from ringfence.dataplane.program import REVOKED, Collection, HashSet, Program, RangeSet, VerdictMap, is_of_bridges
from ringfence.dataplane.restoration import Cover, Restoration, Signs
from ringfence.dataplane.table import BESIDE, TableName, first_restored, stages_of, tables_of
from ringfence.dataplane.update import AddTable, Command, DeleteTable, WakeTable, commands_between
from ringfence.netlink.socket import NetlinkSocket

REVOKED_SOON: Final = 1_000
"""Revoked connections that are loaded before packets meet the rules; the others pass until they are loaded."""


SIGNS: Final = 4
"""The elements of a set or map that are signs of it. A few pods may be removed before new signs are prepared."""


class _Prepared(NamedTuple):
    """The input of the last preparation, and the program that its restorations create first."""

    program: Program
    revoked: frozenset[bytes]
    first: Program


class Preparation:
    """Prepares the messages that are sent from the socket `netlink`."""

    def __init__(self, netlink: NetlinkSocket) -> None:
        self._netlink = netlink
        self._prepared: _Prepared | None = None
        self.restorations: tuple[Restoration, ...] = ()
        """The restorations that were prepared last."""

    def prepare(self, program: Program, revoked: frozenset[bytes]) -> tuple[Restoration, ...]:
        """The restorations of a program with its revoked connections; the same object if nothing has changed."""
        before = self._prepared
        if before and before.program is program and before.revoked == revoked:
            return self.restorations
        first = first_restored(program)
        if not before or (before.first, before.revoked) != (first, revoked):
            self.restorations = tuple(_restorations(self._netlink, first, revoked))
        self._prepared = _Prepared(program, revoked, first)
        return self.restorations

    def forget(self) -> tuple[Restoration, ...]:
        """Forget the restorations, because the table must not be restored."""
        self._prepared, self.restorations = None, ()
        return self.restorations


def _stages(program: Program, revoked: Set[bytes]) -> tuple[Program, ...]:
    """The stages in which a program is created: without its base chains, with them, and with all revoked connections.

    Loading all revoked connections may take long, so it comes last.
    """
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
            question[1][0],  # the family, the first byte of `struct nfgenmsg`
            table_attribute(table.name),
            question,
            _creation(netlink, table, stages),
            _encoded(netlink, table.name, [WakeTable(table.of_bridges)]),
            _cover(netlink, TableName(BESIDE, table.of_bridges), stages),
            _signs(stages[-1]),
        )


def _cover(netlink: NetlinkSocket, table: TableName, stages: Sequence[Program]) -> Cover:
    # Deleting a missing table is an error, so it is added first.
    removal: list[Command] = [AddTable(of_bridges=table.of_bridges), DeleteTable(table.of_bridges)]
    return Cover(
        table_attribute(table.name),
        _creation(netlink, table, stages),
        _encoded(netlink, table.name, removal),
        table_question(table.name, of_bridges=table.of_bridges),
    )


def _signs(program: Program) -> Signs:
    """The signs of one of the tables of a program. Revoked connections change all the time, so they are no signs."""
    signs = {name: _some_keys(program.collections[name]) for name in ISOLATING if name in program.collections}
    return Signs(
        tuple(
            tuple(element_question(name, key) for key in keys)
            for name, keys in signs.items()
            if keys and name != REVOKED
        ),
        tuple(rules_question(name) for name, chain in program.chains.items() if chain.hook and chain.rules),
    )


def _some_keys(collection: Collection) -> list[bytes]:
    """A few keys of a set or map; of ranges, their first keys."""
    match collection:
        case HashSet(elements=elements):
            keys: Iterable[bytes] = elements
        case RangeSet(elements=ranges):
            keys = (low for low, _ in ranges)
        case VerdictMap(elements=chains):
            keys = (key for some in chains.values() for key in some)
        case _:
            keys = ()
    return list(islice(keys, SIGNS))


def _creation(netlink: NetlinkSocket, table: TableName, stages: Sequence[Program]) -> tuple[bytes, ...]:
    """The transactions that create a table and bring it from one stage to the next."""
    new: list[Command] = [AddTable(of_bridges=table.of_bridges, must_be_new=True)]
    messages: list[bytes] = []
    # Only the first transaction may create the table, so the kernel refuses it if somebody else was faster.
    for before, after in pairwise([Program(), *stages]):
        parts = transactions(netlink, [*new, *commands_between(before, after)], table.name)
        messages += (encoded_transaction(netlink, part)[0] for part in parts)
        new = []
    return tuple(messages)


def _encoded(netlink: NetlinkSocket, table: str, commands: Iterable[Command]) -> bytes:
    """A few commands, encoded as one transaction."""
    return b"".join(encoded_transaction(netlink, one)[0] for one in transactions(netlink, commands, table))
