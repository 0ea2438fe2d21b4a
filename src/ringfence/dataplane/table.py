"""The table in the kernel: what it holds, and how it comes to hold another program.

A table that is wholly ringfence's own becomes another program step by step. One that another program or another version
has made different in kind is replaced as a whole, beside a second table that holds the same. As long as both are there,
a packet has to pass both, so there is no moment in which the rules do not apply.
"""

import errno
from collections.abc import Iterable, Set
from itertools import pairwise, product
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import (
    ChangedBy,
    TableChanges,
    Touched,
    Transaction,
    commit_transaction,
    failure,
    has_foreign_parts,
    has_table,
    is_dormant,
    read_counts,
    read_parts,
    read_table,
    transactions,
)
from ringfence.dataplane.program import CONNECTION, REVOKED, TABLE, HashSet, Program, fixed_chains, guards_bridges
from ringfence.dataplane.standby import Standby
from ringfence.dataplane.update import (
    AddElements,
    AddTable,
    AffectedAddresses,
    Command,
    DeleteTable,
    RemoveElements,
    WakeTable,
    affected_addresses,
    commands_between,
    is_compatible,
    plan_update,
    with_all_profiles_closed,
)
from ringfence.errors import KernelError
from ringfence.netlink.socket import NetlinkSocket

BESIDE: Final = "ringfence_beside"
"""The name of the second table."""

LOADED_AT_ONCE: Final = 8_000
"""The size of a program that is loaded at once where the table is gone: it takes 7 ms. A larger one is closed first,
which drops what is allowed until it is loaded. The sets and chains of every program are 1,900 of it."""

_OBJECT_SIZE: Final = 25
"""Elements that take as long to load as a chain or an empty set does (30 us)."""


LISTENED_TO: Final = 32 << 10
"""Bytes of a transaction during which changes of others are listened for: to listen costs the kernel a message for each
element."""


class KernelTable:
    """The table of one network namespace. All methods raise KernelError where the kernel refuses.

    The set of revoked connections is not part of a program: programs leave it empty.
    """

    def __init__(self, netlink: NetlinkSocket, standby: Standby) -> None:
        """What is sent from `netlink`, and what `standby` sends, does not count as a change of another program."""
        self._netlink = netlink
        self._standby = standby
        try:
            self._changes = TableChanges(netlink, standby.sender.port)
        except OSError as error:
            raise unusable(error) from error
        self._touched = Touched()
        """What other programs may have changed since the table was last read."""
        self._tables: frozenset[TableName] = frozenset()
        """The tables that are there: the second one if the process that stands by covers the first with it, or if an
        earlier process ended while both were there."""
        self._may_be_covered = False
        """Whether it may have done so since the tables were last looked for."""
        self.program: Program | None = None
        """What the table holds; None if there is no table."""
        self.revoked: set[bytes] = set()
        """The keys of the revoked connections in it."""
        self.is_dormant = False
        """Whether no packet meets its rules: any program with rights over the network can say so."""
        self.oddities: tuple[str, ...] = ()
        """What it has besides: things that only other programs make."""
        self.transactions = 0
        """How many transactions the kernel has taken from here."""
        self.read()

    def read(self) -> None:
        """Read back what the kernel holds."""
        self._take_changes()
        try:
            found = read_table(self._netlink)
            self._find_tables()
        except OSError as error:
            raise unusable(error) from error
        self._touched = Touched()  # what was changed while it was read is reported once more
        self.is_dormant, self.oddities = found.is_dormant, found.oddities
        self._note(found.program)

    def _find_tables(self) -> None:
        self._may_be_covered = False
        self._tables = frozenset(
            TableName(name, of_bridges)
            for name, of_bridges in product((TABLE, BESIDE), (False, True))
            if has_table(self._netlink, name, of_bridges=of_bridges)
        )

    def read_touched(self) -> None:
        """Read back what other programs may have changed; all that was changed from here must have succeeded."""
        self._take_changes()
        if not self._has_read_parts():
            self.read()

    def _has_read_parts(self) -> bool:
        """Read back some sets and chains, if these are all that others may have changed; whether that was enough."""
        touched = self._touched
        if self.program is None or touched.anything:
            return False
        try:
            if self._may_be_covered:
                self._find_tables()
            if not touched:
                return True
            before = _with_revoked(self.program, self.revoked)
            program = read_parts(self._netlink, before, touched.sets, touched.chains)
        except OSError as error:
            raise unusable(error) from error
        if program is None:
            return False
        self._touched = Touched()
        self._note(program)
        return True

    def _note(self, found: Program | None) -> None:
        revoked = found.collections.get(REVOKED) if found else None
        is_own = isinstance(revoked, HashSet) and revoked.key == CONNECTION
        self.revoked = set(revoked.elements) if isinstance(revoked, HashSet) and is_own else set()
        program = _with_revoked(found, frozenset()) if found and is_own else found
        if program != self.program:  # equal ones stay the same object, which is quickly compared
            self.program = program

    def close(self) -> None:
        """Stop listening for changes; what the table holds stays in force."""
        self._changes.close()

    def fileno(self) -> int:
        """The file descriptor that can be read when other programs may have changed the table."""
        return self._changes.fileno()

    def wake(self) -> bool:
        """Let packets meet the rules again, if the table is dormant; whether it was."""
        try:
            dormant = [one for one in (False, True) if is_dormant(self._netlink, of_bridges=one)]
        except OSError as error:
            raise unusable(error) from error
        self._commit(map(WakeTable, dormant), may_stop=False)
        self.is_dormant = False
        return bool(dormant)

    def distrust(self) -> None:
        """Take it that anything may have changed since it was last read."""
        self._touched.anything = True

    def is_disturbed(self) -> bool:
        """Whether other programs may have changed the table since it was last read, or the process has covered it."""
        self._take_changes()
        return bool(self._touched) or self._may_be_covered

    @property
    def changed_by(self) -> ChangedBy | None:
        """Which process of another program changed the table last."""
        return self._changes.last

    @property
    def is_own(self) -> bool:
        """Whether there is nothing in it that ringfence does not write."""
        return not self.oddities and (self.program is None or not has_foreign_parts(self.program))

    def holds(self, program: Program | None, revoked: Set[bytes]) -> bool:
        """Whether it held exactly this when it was last read or changed."""
        needed = frozenset() if program is None else tables_of(program)
        return not self._tables - needed and self.is_as(program, revoked)

    def is_as(self, program: Program | None, revoked: Set[bytes]) -> bool:
        """The same, whether or not there is a second table."""
        if program is None:
            return self.program is None
        return not (self.is_dormant or self.oddities) and self.program == program and self.revoked == revoked

    def affected_by(self, program: Program) -> AffectedAddresses:
        """The addresses about whose connections what it holds and another program may decide differently."""
        if self.program is None or self._is_to_be_replaced_by(program):
            return None
        return affected_addresses(self.program, program)

    def bring_to(self, program: Program, revoked: Set[bytes], *, was_guarded: bool) -> None:
        """Have it hold a program, and these revoked connections.

        `was_guarded` says that, if there is no table, this is because another program removed it: what its rules
        forbade must not pass while it is loaded again.
        """
        if self.is_dormant:
            self.wake()
        if self.program is None:
            self._create(program, revoked, closed_first=was_guarded)
        elif self._is_to_be_replaced_by(program):
            self._replace(program, revoked)
        else:
            self._update(program)
        if self.revoked != revoked:
            self.change_revoked(revoked - self.revoked, self.revoked - revoked)
        self._uncover()
        self._delete(self._tables - tables_of(program))

    def restore_fixed_chains(self, program: Program) -> None:
        """Give the chains that every program has the rules back that they had in `program`, all at once.

        Without them nothing else is in force, and a plan would take their damage for another way of enforcing.
        """
        present, fixed = self.program, fixed_chains(program)
        if present is None or self._is_to_be_replaced_by(program) or not fixed.keys() <= present.chains.keys():
            return
        damaged = {
            name: chain
            for name, chain in fixed.items()
            if present.chains[name] != chain and chain.sets <= present.collections.keys()
        }
        restored = present.changed(chains=damaged)
        self._commit(commands_between(present, restored))
        self.program = restored

    def change_revoked(self, added: Set[bytes], removed: Set[bytes]) -> None:
        """Have some connections revoked that are not, and others no longer that are."""
        changes: list[Command] = []
        if added:
            changes.append(AddElements(REVOKED, HashSet(CONNECTION, frozenset(added))))
        if removed:
            changes.append(RemoveElements(REVOKED, HashSet(CONNECTION, frozenset(removed))))
        self._commit(changes)
        self.revoked |= added
        self.revoked -= removed

    def delete(self) -> None:
        """Remove it, if it is there."""
        self._delete(self._tables)
        self.program, self.revoked, self.oddities = None, set(), ()
        self.is_dormant = False

    def counts(self, name: str) -> list[tuple[bytes, int, int]]:
        """Every element of a counted set, with the packets and bytes that matched it."""
        try:
            return list(read_counts(self._netlink, name))
        except OSError as error:
            if error.errno == errno.ENOENT:  # another program removed the set, which will be brought back
                return []
            raise unusable(error) from error

    # --- ways to another program ------------------------------------------------------------------------------------

    def _is_to_be_replaced_by(self, program: Program) -> bool:
        return bool(self.oddities) or (self.program is not None and not is_compatible(self.program, program))

    def _update(self, program: Program) -> None:
        present = self.program or Program()
        for before, after in pairwise([present, *plan_update(present, program).programs]):
            self._stop_if_disturbed()
            self._commit(commands_between(before, after))
            self.program = after
            self._tables |= tables_of(after)

    def _create(self, program: Program, revoked: Set[bytes], *, closed_first: bool) -> None:
        first = first_restored(program) if closed_first else program
        try:
            self._build(TABLE, first, revoked, must_be_new=closed_first)
        except KernelError as error:
            # The process that stands by was faster, or another program. What is there must not be deleted: it closes.
            self._touched.anything |= error.code == errno.EEXIST and not error.refused
            raise
        self._update(program)

    def _replace(self, program: Program, revoked: Set[bytes]) -> None:
        for table in (BESIDE, TABLE):
            self._build(table, program, revoked)
        self.oddities = ()

    def _build(self, table: str, program: Program, revoked: Set[bytes], *, must_be_new: bool = False) -> None:
        """Create a table, and not stop before packets meet its rules.

        It takes the place of one of the same name, whatever that is; if it `must_be_new`, only of one that was read.
        """
        unhooked, whole = stages_of(program, revoked)
        new = [TableName(table, one.of_bridges) for one in tables_of(program)]
        first: list[Command] = []
        for one in new:
            is_new = must_be_new and one not in self._tables
            first.append(AddTable(of_bridges=one.of_bridges, must_be_new=is_new))
            if not is_new:  # what is not there cannot be deleted, so it is created before
                first.append(DeleteTable(one.of_bridges))
        self._commit([*first, *commands_between(None, unhooked)], table, may_stop=False)
        self._tables |= frozenset(new)
        self._commit(commands_between(unhooked, whole), table, may_stop=False)
        self.program, self.revoked = program, set(revoked)

    def _delete(self, tables: frozenset["TableName"]) -> None:
        for one in tables:
            self._commit([DeleteTable(one.of_bridges)], one.name)
        self._tables -= tables

    def _uncover(self) -> None:
        """Delete the second tables, unless others change this one meanwhile: they guard what may be damaged."""
        for one in sorted(one for one in self._tables if one.name == BESIDE):
            # What is not there cannot be deleted, so it is created before.
            removal: list[Command] = [AddTable(of_bridges=one.of_bridges), DeleteTable(one.of_bridges)]
            for transaction in transactions(self._netlink, removal, one.name):
                self._commit_undisturbed(transaction)
            self._tables -= {one}

    def _commit_undisturbed(self, transaction: Transaction) -> None:
        """Commit it if nobody has changed the table when the kernel does so."""
        while True:
            generation = self._changes.generation()
            self._stop_if_disturbed()
            try:
                commit_transaction(self._netlink, transaction, generation)
            except KernelError as error:
                if error.code != errno.ERESTART:
                    raise
                continue  # others have changed something, probably another table
            self.transactions += 1
            return

    def _commit(self, changes: Iterable[Command], table: str = TABLE, *, may_stop: bool = True) -> None:
        for i, transaction in enumerate(transactions(self._netlink, changes, table)):
            if i and may_stop:
                self._stop_if_disturbed()
            if transaction.size < LISTENED_TO:
                commit_transaction(self._netlink, transaction)
            else:
                with self._standby.not_listening(), self._changes.not_listening() as generation:
                    if may_stop:
                        self._stop_if_disturbed()
                    commit_transaction(self._netlink, transaction, generation if may_stop else None)
            self.transactions += 1

    def _stop_if_disturbed(self) -> None:
        """Stop a change that has to begin anew anyway: a repair must not wait for it."""
        if self.is_disturbed():
            raise KernelError("another program changed the table while it was changed from here", errno.EAGAIN)

    def _take_changes(self) -> None:
        try:
            new = self._changes.take()
        except OSError as error:
            raise unusable(error) from error
        self._touched.sets |= new.sets
        self._touched.chains |= new.chains
        self._touched.anything |= new.anything
        self._may_be_covered |= self._standby.has_covered()


class TableName(NamedTuple):
    """One of the kernel's tables: by its name, the one for IP, or the one for bridges."""

    name: str
    of_bridges: bool


def stages_of(program: Program, revoked: Set[bytes]) -> tuple[Program, Program]:
    """A program with its revoked connections, first without its base chains: they come in a transaction of their own.

    In the same one, packets would already meet the rules while the kernel still puts together the sets of ranges
    (measured on Linux 6.18: one packet in a thousand is lost).
    """
    whole = _with_revoked(program, revoked)
    return whole.changed(without=frozenset(name for name, chain in whole.chains.items() if chain.hook)), whole


def first_restored(program: Program) -> Program:
    """What is brought back at first where another program has removed the table: what it forbids must not pass."""
    return with_all_profiles_closed(program) if _size(program) > LOADED_AT_ONCE else program


def tables_of(program: Program) -> frozenset[TableName]:
    """The tables that a program needs."""
    with_bridges = {TableName(TABLE, of_bridges=True)} if guards_bridges(program) else set()
    return frozenset({TableName(TABLE, of_bridges=False)} | with_bridges)


def _with_revoked(program: Program, revoked: Set[bytes]) -> Program:
    if REVOKED not in program.collections:
        return program
    return program.changed({REVOKED: HashSet(CONNECTION, frozenset(revoked))})


def _size(program: Program) -> int:
    """How long a program takes to load, in elements."""
    elements = sum(one.size for one in program.collections.values())
    return elements + _OBJECT_SIZE * (len(program.collections) + len(program.chains))


def unusable(error: OSError) -> KernelError:
    """The error to raise when the kernel does not answer a question."""
    return failure("the packet filter cannot be used", error.errno or 0, error.strerror or str(error))
