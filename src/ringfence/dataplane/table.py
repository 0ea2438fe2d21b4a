"""The table in the kernel: reading it back, and updating it to another program.

A table that contains only objects of this version of ringfence is updated step by step. A table with objects of another
program or of an incompatible version is replaced as a whole, while a second table holds the same program. As long as
both exist, a packet has to pass both, so the rules apply at all times.
"""

import errno
from collections.abc import Iterable, Sequence, Set
from contextlib import suppress
from itertools import product
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.isolating_parts import missing_isolating_parts
from ringfence.dataplane.nftables import (
    MOST_BYTES,
    ChangedBy,
    TableChanges,
    Touched,
    Transaction,
    commit_transaction,
    failure,
    fits_at_once,
    has_foreign_parts,
    has_table,
    is_dormant,
    read_counts,
    read_handle,
    read_parts,
    read_table,
    transactions,
)
from ringfence.dataplane.program import (
    CONNECTION,
    REVOKED,
    TABLE,
    HashSet,
    Program,
    fixed_chains,
    forget_differences,
    guards_bridges,
)
from ringfence.dataplane.standby import Standby
from ringfence.dataplane.update import (
    AddElements,
    AddTable,
    AffectedAddresses,
    Command,
    DeleteTable,
    RemoveElements,
    RenameChain,
    WakeTable,
    affected_addresses,
    commands_between,
    fits_always,
    is_compatible,
    stages_between,
    with_all_profiles_closed,
)
from ringfence.errors import KernelError
from ringfence.netlink.socket import NetlinkSocket

BESIDE: Final = "ringfence_beside"
"""The name of the second table, also of the cover (`restoration.py`)."""

LOADED_AT_ONCE: Final = 8_000
"""The largest size, in elements, of a program that is restored directly if the table is gone: this takes 7 ms.

A larger program is restored with all profiles closed first, so allowed packets are dropped until it is loaded. The sets
and chains that every program has count as 1,900 elements.
"""

_OBJECT_SIZE: Final = 25
"""The number of elements that take as long to load as a chain or an empty set (30 us)."""


LISTENED_TO: Final = 32 << 10
"""Bytes from which the reports of the kernel are switched off during a transaction.

The kernel creates a message for each element of a transaction as long as any socket listens.
"""


class KernelTable:
    """The table of one network namespace. All methods raise KernelError if the kernel refuses.

    The revoked connections are not part of a program: the set `revoked` of a program is empty.
    """

    def __init__(self, netlink: NetlinkSocket, standby: Standby) -> None:
        """Read the table. Transactions of `netlink` and of `standby` do not count as changes of other programs."""
        self._netlink = netlink
        self._standby = standby
        try:
            # It listens before the table is read, so that no change in between is missed.
            self._changes = TableChanges(netlink, standby.sender.port)
        except OSError as error:
            raise unusable(error) from error
        self._touched = Touched()
        """The objects that other programs may have changed since the table was last read."""
        self._tables: frozenset[TableName] = frozenset()
        """The tables that exist. The second one exists if it is a cover, or if an earlier process ended during a
        replacement."""
        self._may_be_covered = False
        """Whether the standby process may have created a cover since the tables were last listed."""
        self.program: Program | None = None
        """The program in the table; None if there is no table."""
        self.revoked: set[bytes] = set()
        """The keys of the revoked connections in the table."""
        self.is_dormant = False
        """Whether the table is dormant, so that no packet meets its rules. Another program has done this."""
        self.unknown_parts: tuple[str, ...] = ()
        """Other objects in the table, which only other programs create."""
        self.transactions = 0
        """How many transactions of this object the kernel has accepted."""
        self._was_interrupted = True
        """Whether the last update may have ended early. So may that of an earlier process, which has ended since."""
        self.read()

    def read(self) -> None:
        """Read back the whole table."""
        self._take_changes()
        try:
            found = read_table(self._netlink)
            self._find_tables()
        except OSError as error:
            raise unusable(error) from error
        self._touched = Touched()  # changes during the reading are still to be reported
        self.is_dormant, self.unknown_parts = found.is_dormant, found.unknown_parts
        self._note(found.program)

    def _find_tables(self) -> None:
        self._may_be_covered = False
        self._tables = frozenset(
            TableName(name, of_bridges)
            for name, of_bridges in product((TABLE, BESIDE), (False, True))
            if has_table(self._netlink, name, of_bridges=of_bridges)
        )

    def read_touched(self) -> None:
        """Read back what other programs may have changed. All changes from here must have succeeded before."""
        self._take_changes()
        if not self._has_read_parts():
            self.read()

    def _has_read_parts(self) -> bool:
        """Read back single sets and chains. Returns False if others may have changed more than these."""
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
        # Another version or program may have a set of another kind with this name. That set stays part of the program,
        # so the table counts as incompatible and is replaced.
        is_own = isinstance(revoked, HashSet) and revoked.key == CONNECTION
        self.revoked = set(revoked.elements) if isinstance(revoked, HashSet) and is_own else set()
        program = _with_revoked(found, frozenset()) if found and is_own else found
        if program != self.program:  # an equal program stays the same object, which makes later comparisons fast
            self.program = program

    def close(self) -> None:
        """Stop listening for changes. The rules in the table stay in force."""
        self._changes.close()

    def fileno(self) -> int:
        """A file descriptor that is readable when other programs may have changed the table."""
        return self._changes.fileno()

    def wake(self) -> bool:
        """Wake the table if it is dormant. Returns whether it was."""
        try:
            dormant = [one for one in (False, True) if is_dormant(self._netlink, of_bridges=one)]
        except OSError as error:
            raise unusable(error) from error
        # Nothing may delay this: no rule is in force until the table is awake.
        self._commit(map(WakeTable, dormant), may_stop=False)
        self.is_dormant = False
        return bool(dormant)

    def invalidate(self) -> None:
        """Assume that anything may have changed since the table was last read."""
        self._touched.anything = True

    @property
    def may_differ_anywhere(self) -> bool:
        """Whether other programs may have changed any part of the table since it was last read."""
        return self._touched.anything

    def is_disturbed(self) -> bool:
        """Whether other programs may have changed the table since it was last read, or there is a new cover."""
        self._take_changes()
        return bool(self._touched) or self._may_be_covered

    @property
    def changed_by(self) -> ChangedBy | None:
        """The process of another program that last changed the table; None if it is not known."""
        return self._changes.last

    @property
    def is_own(self) -> bool:
        """Whether the table contains only objects that ringfence writes."""
        return not self.unknown_parts and (self.program is None or not has_foreign_parts(self.program))

    def holds(self, program: Program | None, revoked: Set[bytes]) -> bool:
        """Whether the tables contained exactly this program, and no cover, when they were last read or changed."""
        needed = frozenset() if program is None else tables_of(program)
        return not self._tables - needed and self.is_as(program, revoked)

    def is_as(self, program: Program | None, revoked: Set[bytes]) -> bool:
        """Like `holds`, but a second table may exist."""
        if program is None:
            return self.program is None
        return not (self.is_dormant or self.unknown_parts) and self.program == program and self.revoked == revoked

    def affected_by(self, program: Program) -> AffectedAddresses:
        """The addresses for whose connections the present program and another one may decide differently."""
        if self.program is None or self._is_to_be_replaced_by(program):
            # None means all addresses: the old table may have decided about any of them in another way.
            return None
        return affected_addresses(self.program, program)

    def bring_to(self, program: Program, revoked: Set[bytes], *, was_guarded: bool) -> None:
        """Update the table to a program and its revoked connections.

        With `was_guarded`, a missing table was removed by another program: forbidden packets must not pass while it is
        restored.
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
        # The cover goes last, because the first table is whole only now.
        self._uncover()
        self._delete(self._tables - tables_of(program))

    def restore_isolation(self) -> bool:
        """Restore what isolates pods, as far as other programs have removed it. Returns whether they had.

        This comes before the whole table is read back, which takes much longer.
        """
        if self.program is None or not self.is_own:
            return False
        before = self.transactions
        # What is suppressed here is met, and raised, by reading the whole table and by the update.
        with suppress(OSError):
            for commands in missing_isolating_parts(self._netlink, _with_revoked(self.program, self.revoked)):
                with suppress(KernelError):
                    self._commit(commands, may_stop=False)
        return self.transactions != before

    def restore_fixed_chains(self, program: Program) -> None:
        """Restore the chains that every program has to their rules in `program`, in one transaction.

        Without these chains no rule is in force. An update plan would mistake their damage for another way of
        enforcing.
        """
        present, fixed = self.program, fixed_chains(program)
        if present is None or self._is_to_be_replaced_by(program) or not fixed.keys() <= present.chains.keys():
            return
        damaged = {
            name: chain
            # The kernel refuses a rule that looks up a missing set, and with it the whole transaction.
            for name, chain in fixed.items()
            if present.chains[name] != chain and chain.sets <= present.collections.keys()
        }
        restored = present.changed(chains=damaged)
        self._commit(commands_between(present, restored))
        self.program = restored

    def change_revoked(self, added: Set[bytes], removed: Set[bytes]) -> None:
        """Add and remove keys of revoked connections."""
        changes: list[Command] = []
        if added:
            changes.append(AddElements(REVOKED, HashSet(CONNECTION, frozenset(added))))
        if removed:
            changes.append(RemoveElements(REVOKED, HashSet(CONNECTION, frozenset(removed))))
        self._commit(changes)
        self.revoked |= added
        self.revoked -= removed

    def delete(self) -> None:
        """Remove all tables of ringfence that exist."""
        self._delete(self._tables)
        self.program, self.revoked, self.unknown_parts = None, set(), ()
        self.is_dormant = False

    def counts(self, name: str) -> list[tuple[bytes, int, int]]:
        """Each element of a counted set, with the packets and bytes that matched it."""
        try:
            return list(read_counts(self._netlink, name))
        except OSError as error:
            if error.errno == errno.ENOENT:  # another program removed the set, and the repair restores it
                return []
            raise unusable(error) from error

    # --- updates ----------------------------------------------------------------------------------------------------

    def _is_to_be_replaced_by(self, program: Program) -> bool:
        return bool(self.unknown_parts) or (self.program is not None and not is_compatible(self.program, program))

    def _update(self, program: Program) -> None:
        present = self.program or Program()
        stages = stages_between(present, program, self._fits_at_once, after_interruption=self._was_interrupted)
        self._was_interrupted = True
        try:
            for commands, after in stages:
                self._stop_if_disturbed()
                self._commit(map(self._with_handle, commands))
                self.program = after
                self._tables |= tables_of(after)
            self._was_interrupted = False
        finally:
            forget_differences()

    def _fits_at_once(self, commands: Sequence[Command]) -> bool:
        """Whether the kernel executes all `commands` in one transaction."""
        # Most changes are so small that they need not be encoded to tell.
        is_small = self._netlink.limit >= MOST_BYTES and fits_always(commands)
        return is_small or fits_at_once(self._netlink, commands)

    def _with_handle(self, command: Command) -> Command:
        """Return a command with what only the kernel knows: the handle of a chain that is renamed."""
        if not isinstance(command, RenameChain):
            return command
        try:
            return msgspec.structs.replace(command, handle=read_handle(self._netlink, command.name))
        except OSError as error:
            raise unusable(error) from error

    def _create(self, program: Program, revoked: Set[bytes], *, closed_first: bool) -> None:
        first = first_restored(program) if closed_first else program
        try:
            self._build(TABLE, first, revoked, must_be_new=closed_first)
        except KernelError as error:
            # The standby process or another program has created the table first. It must not be deleted, because it may
            # be what keeps pods closed. It is read back instead.
            self._touched.anything |= error.code == errno.EEXIST and not error.refused
            raise
        self._update(program)

    def _replace(self, program: Program, revoked: Set[bytes]) -> None:
        # Packets meet the rules of the second table while the first one is deleted and created again.
        for table in (BESIDE, TABLE):
            self._build(table, program, revoked)
        self.unknown_parts = ()

    def _build(self, table: str, program: Program, revoked: Set[bytes], *, must_be_new: bool = False) -> None:
        """Create a table, without a stop before packets meet its rules.

        It replaces a table of the same name. With `must_be_new`, it replaces only one that was read before.
        """
        unhooked, whole = stages_of(program, revoked)
        new = [TableName(table, one.of_bridges) for one in tables_of(program)]
        first: list[Command] = []
        for one in new:
            is_new = must_be_new and one not in self._tables
            first.append(AddTable(of_bridges=one.of_bridges, must_be_new=is_new))
            if not is_new:  # deleting a missing table is an error, so it is added first
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
        """Delete the second tables, unless others change the first one in between: they protect a damaged table."""
        for one in sorted(one for one in self._tables if one.name == BESIDE):
            # Deleting a missing table is an error, so it is added first.
            removal: list[Command] = [AddTable(of_bridges=one.of_bridges), DeleteTable(one.of_bridges)]
            for transaction in transactions(self._netlink, removal, one.name):
                self._commit_undisturbed(transaction)
            self._tables -= {one}

    def _commit_undisturbed(self, transaction: Transaction) -> None:
        """Commit a transaction only if nobody else has changed the table before the kernel commits it."""
        while True:
            generation = self._changes.generation()
            self._stop_if_disturbed()
            try:
                commit_transaction(self._netlink, transaction, generation)
            except KernelError as error:
                if error.code != errno.ERESTART:
                    raise
                continue  # another program has changed some table, probably not this one
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
                    # No change is reported here. With the generation, the kernel itself refuses if another program was
                    # faster (NFNL_BATCH_GENID, ERESTART).
                    commit_transaction(self._netlink, transaction, generation if may_stop else None)
            self.transactions += 1

    def _stop_if_disturbed(self) -> None:
        """Stop a change that has to start again anyway, because a repair must not wait for it."""
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
    """A table of the kernel: its name, and whether its family is `bridge` instead of `inet`."""

    name: str
    of_bridges: bool


def stages_of(program: Program, revoked: Set[bytes]) -> tuple[Program, Program]:
    """A program with its revoked connections in two stages: first without its base chains, then with them.

    In one transaction, packets would meet the rules while the kernel is still building the interval sets (measured on
    Linux 6.18: one packet in a thousand is lost).
    """
    whole = _with_revoked(program, revoked)
    return whole.changed(without=frozenset(name for name, chain in whole.chains.items() if chain.hook)), whole


def first_restored(program: Program) -> Program:
    """The program that is restored first if another program has removed the table. It passes no forbidden packet."""
    return with_all_profiles_closed(program) if _size(program) > LOADED_AT_ONCE else program


def tables_of(program: Program) -> frozenset[TableName]:
    """The tables of a program."""
    with_bridges = {TableName(TABLE, of_bridges=True)} if guards_bridges(program) else set()
    return frozenset({TableName(TABLE, of_bridges=False)} | with_bridges)


def _with_revoked(program: Program, revoked: Set[bytes]) -> Program:
    if REVOKED not in program.collections:
        return program
    return program.changed({REVOKED: HashSet(CONNECTION, frozenset(revoked))})


def _size(program: Program) -> int:
    """The size of a program in elements, as a measure of the time to load it."""
    elements = sum(one.size for one in program.collections.values())
    return elements + _OBJECT_SIZE * (len(program.collections) + len(program.chains))


def unusable(error: OSError) -> KernelError:
    """The KernelError for an OSError of a netlink socket."""
    return failure("the packet filter cannot be used", error.errno or 0, error.strerror or str(error))
