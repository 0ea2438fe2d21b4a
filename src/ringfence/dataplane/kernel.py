"""The kernel: it puts one program in force, repairs it, and revokes connections that it no longer allows.

All requests use netlink sockets, which belong to the network namespace in which they were opened. Neither the nft
program nor its library is needed; docs/dataplane.md compares the three ways.

A program stays in force when this process ends. The next process reads it back and changes only the difference.
"""

import errno
import threading
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from typing import Final

from ringfence.dataplane.nftables import ChangedBy
from ringfence.dataplane.packet_counts import PacketCounts
from ringfence.dataplane.preflight import Feature, missing_features
from ringfence.dataplane.preparation import Preparation
from ringfence.dataplane.program import (
    TABLE,
    Program,
    connection_key,
)
from ringfence.dataplane.restoration import Restoration
from ringfence.dataplane.revocation import Review
from ringfence.dataplane.standby import Standby
from ringfence.dataplane.table import KernelTable, unusable
from ringfence.dataplane.update import (
    NONE_AFFECTED,
    AffectedAddresses,
    is_needed,
    profiles_using,
    union_of,
    with_profiles_closed,
    without_unneeded,
)
from ringfence.errors import KernelError
from ringfence.netlink.addresses import list_addresses
from ringfence.netlink.conntrack import connection_entries
from ringfence.netlink.conntrack_reversal import count_connections
from ringfence.netlink.constants import NETLINK_NETFILTER, NETLINK_ROUTE
from ringfence.netlink.socket import NetlinkSocket

_MOST_DISTURBANCES: Final = 20
"""How often a change is attempted if other programs change the table at the same time."""

_PIECES_AT_ONCE: Final = 8
"""Pieces of a review, together about 1,000 connections, after which the forbidden ones among them are revoked."""


class ProfileRefused(KernelError):
    """The kernel refused a part of some profiles. Their pods are closed."""

    def __init__(self, refusal: KernelError) -> None:
        super().__init__(str(refusal), refusal.code, refusal.refused)


class ProfilesRefused(KernelError):
    """The kernel refused parts of some profiles: their pods are closed, and everything else is in force.

    It is an exception and not a returned list, so that no caller can mistake the program for one that is completely in
    force.
    """

    def __init__(self, refusals: Sequence[KernelError]) -> None:
        super().__init__("; ".join(map(str, refusals)), refusals[0].code, refusals[0].refused)
        self.refusals = tuple(map(ProfileRefused, refusals))
        """One for each refused object."""


class Kernel:
    """The packet filter of the network namespace of the thread that creates this object."""

    def __init__(self) -> None:
        """Open the sockets and read the table. Raises KernelError if the kernel or the rights do not allow it."""
        try:
            self._netfilter = NetlinkSocket(NETLINK_NETFILTER)
            # A list of connections occupies its socket until the end, and connections are revoked between its pieces.
            self._connections = NetlinkSocket(NETLINK_NETFILTER)
            self._routes = NetlinkSocket(NETLINK_ROUTE)
            self.standby = Standby(self._netfilter.port)
        except OSError as error:
            raise unusable(error) from error
        # Reentrant, because `_change_revoked` repairs the table while it holds the lock.
        self._lock = threading.RLock()
        """Held by each thread that uses the table: one may repair it while another one compiles a change."""
        self._table = KernelTable(self._netfilter, self.standby)
        self._preparation = Preparation(self.standby.sender)
        self.changed = threading.Event()
        """Set when `prepare` may have a different program, or different revoked connections, to prepare."""
        self.counts = PacketCounts(lambda: self.present, self._counted)
        """The counters of dropped packets."""
        # All addresses at first: an earlier process may have ended after it changed the rules and before it revoked.
        self._affected: AffectedAddresses = None
        """The addresses whose connections the next review has to judge."""
        self._judged: AffectedAddresses = NONE_AFFECTED
        """The addresses whose connections were judged once, and are judged again by a later review."""
        self._unseen: frozenset[bytes] = frozenset()
        """The revoked connections that the last review did not find."""
        self.ended = 0
        """How many tracked connections this object has revoked."""
        self.repairs = 0
        """How often this object has undone changes of other programs."""
        self._wanted: Program | None = self._table.program
        self._knows_wanted = self._table.is_own
        """Whether `_wanted` can be put in force. A table that was found with foreign parts cannot."""
        self._revoked = set(self._table.revoked)
        """The keys of the connections that should be revoked."""
        self._has_guarded = False
        """Whether this object has put a program in force. If the table is gone, another program has removed it then."""

    def close(self) -> None:
        """Close the sockets; the program stays in force."""
        self._table.close()
        self.standby.close()
        self._netfilter.close()
        self._connections.close()
        self._routes.close()

    @property
    def disturbances(self) -> tuple[int, ...]:
        """Descriptors. When one of them can be read, the table may have changed, and `repair` is due."""
        return self._table.fileno(), self.standby.ended, self.standby.covered

    @property
    def changed_by(self) -> ChangedBy | None:
        """The process that last changed the table, other than this one, if the kernel has reported it."""
        return self._table.changed_by

    @property
    def present(self) -> Program:
        """The program in the kernel when it was last changed or read; an empty one if there is no table."""
        return self._table.program or Program()

    @property
    def has_table(self) -> bool:
        """Whether the kernel held the table when it was last read."""
        return self._table.program is not None

    @property
    def is_dormant(self) -> bool:
        """Whether the table was dormant when it was last read: then no packet meets its rules."""
        return self._table.is_dormant

    @property
    def transactions(self) -> int:
        """How many transactions of this object the kernel has accepted."""
        return self._table.transactions

    def missing(self, features: Iterable[Feature]) -> list[Feature]:
        """The features that this kernel lacks. The check does not affect packets."""
        with self._lock:
            return missing_features(self._netfilter, features)

    def apply(self, program: Program, refusals: Sequence[KernelError] = ()) -> None:
        """Put `program` in force, in steps none of which drops an allowed packet or passes a forbidden one.

        If the kernel refuses objects that belong only to some profiles, the pods of these are closed and everything
        else is put in force. Then ProfilesRefused is raised with these refusals and those of the compiler (`refusals`).
        If the kernel refuses anything else, another KernelError is raised; `present` is in force then, and `repair`
        tries again.
        """
        with self._lock:
            self._take_damage()
            self._wanted, self._knows_wanted = program, True
            self._put_in_force(program, refusals)

    def repair(self) -> bool:
        """Put the program in force again if another program has changed the table. Returns whether one had.

        Call it when one of `disturbances` can be read. It takes two system calls if the table has not changed, and any
        thread may call it. Raises the same errors as `apply`; the next call tries again.
        """
        with self._lock:
            before = self.repairs
            self._take_damage()
            if not self._knows_wanted or self._table.holds(self._wanted, self._revoked):
                return self.repairs != before
            if self._wanted is None:
                self._table.delete()
            else:
                self._put_in_force(self._wanted)
            return True

    def prepare(self) -> tuple[Restoration, ...]:
        """The restorations for the standby process; empty as long as no program is in force from here.

        It takes no lock. The same object is returned as long as the restorations do not change. Only one thread may
        call it.
        """
        # Read once, and the set copied in one step of the interpreter: another thread may change both at any time.
        program = self._wanted
        if program is None or not self._has_guarded:
            return self._preparation.forget()
        return self._preparation.prepare(program, frozenset(self._revoked))

    def remove(self) -> None:
        """Delete the table. No pod is isolated afterwards."""
        with self._lock:
            self._wanted, self._knows_wanted, self._has_guarded = None, True, False
            self._revoked = set()
            self._table.delete()
            self.changed.set()

    def _counted(self, name: str) -> list[tuple[bytes, int, int]]:
        with self._lock:
            return self._table.counts(name)

    # --- connections ------------------------------------------------------------------------------------------------

    @property
    def revoked(self) -> frozenset[int]:
        """The identifiers of the revoked connections."""
        return frozenset(int.from_bytes(key, "big") for key in self._revoked)

    def revoke(self, connections: Iterable[int]) -> None:
        """Revoke exactly these tracked connections, so that all their packets are dropped, and release all others."""
        wanted = set(map(connection_key, connections))
        with self._lock:
            self._change_revoked(wanted - self._revoked, self._revoked - wanted)

    @property
    def has_revoked(self) -> bool:
        """Whether any tracked connection is revoked."""
        return bool(self._revoked)

    @property
    def may_have_missed(self) -> bool:
        """Whether a review may have missed connections that earlier rules accepted and the kernel tracked later."""
        return self._judged != NONE_AFFECTED

    def revoke_forbidden(self) -> frozenset[int]:
        """Review all connections without a pause. Returns the identifiers of the revoked ones."""
        for _ in self.review():
            pass
        return self.revoked

    def review(self, *, again: bool = False) -> Iterator[None]:
        """Revoke the tracked connections that the present program would not let open, and release all others.

        Each step of the iterator judges some hundred connections, which takes some milliseconds. Only one review can be
        under way. Call it after each applied program. It judges only connections whose verdict may have changed since
        the last review. With `again`, it also judges those that were judged since the last review with `again`. If a
        program is applied during a review, the review judges its remaining connections by that program, and the next
        review judges all that it affects.

        Raises KernelError if the kernel refuses; then the next review judges the connections of this one, too.
        """
        with self._lock:
            changed, self._affected = self._affected, NONE_AFFECTED
        affected = union_of(changed, self._judged) if again else changed
        has_ended = False
        try:
            if affected is None or affected or self._revoked:
                yield from self._judge_connections(affected)
            has_ended = True
        except OSError as error:
            raise unusable(error) from error
        finally:
            with self._lock:
                if has_ended:
                    # This also runs if the caller closes the iterator before its end.
                    self._judged = changed if again else union_of(self._judged, changed)
                else:
                    self._affected = union_of(self._affected, affected)

    def _judge_connections(self, affected: AffectedAddresses) -> Iterator[None]:
        before = frozenset(self._revoked)
        review = Review(list_addresses(self._routes), affected)
        # All network namespaces share one connection table. To list it takes 5 ms for 262,144 buckets, even if there is
        # no connection of this namespace.
        pieces = connection_entries(self._connections) if count_connections(self._connections) else ()
        for number, entries in enumerate(pieces):
            review.judge(self.present, self._revoked, entries)
            if number % _PIECES_AT_ONCE == 0:
                self._revoke_judged(review)
            yield
        self._revoke_judged(review)
        # The kernel can resize the table while it is listed, so that an entry is missed. A connection has ended if two
        # reviews in a row have not seen it.
        unseen = before - review.seen
        with self._lock:
            self._change_revoked(set(), unseen & self._unseen & self._revoked)
        self._unseen = unseen

    def _revoke_judged(self, review: Review) -> None:
        with self._lock:
            self._change_revoked(review.forbidden - self._revoked, review.allowed & self._revoked)
            review.forbidden, review.allowed = set(), set()

    def _change_revoked(self, added: Set[bytes], removed: Set[bytes]) -> None:
        # Noted before the kernel is asked. If it refuses, the next repair revokes the same connections.
        self.ended += len(added)
        self._revoked |= added
        self._revoked -= removed
        if added or removed:
            self.changed.set()
        try:
            self._table.change_revoked(added, removed)
        except KernelError:
            if not self._take_damage(after_failure=True):
                raise
            self.repair()

    # --- the table --------------------------------------------------------------------------------------------------

    def _put_in_force(self, program: Program, refusals: Sequence[KernelError] = ()) -> None:
        wanted = self._wanted = program
        # The loop ends: each turn closes a profile that was not closed, or removes the parts that no profile needs.
        found = list(refusals)
        closed: frozenset[str] = frozenset()
        while True:
            try:
                self._bring_to(wanted)
                break
            except KernelError as error:
                if error.refused in (program.chains.keys() | program.collections) and not is_needed(
                    program, error.refused
                ):
                    program = without_unneeded(program)  # it was being loaded for a profile that is still closed
                else:
                    using = profiles_using(program, error.refused) - closed
                    if not using:
                        raise
                    closed |= using
                found.append(error)
                wanted = self._wanted = with_profiles_closed(program, closed)
        if found:
            raise ProfilesRefused(found)

    def _bring_to(self, program: Program) -> None:
        """Update the table to a program, also if other programs change it at the same time.

        The kernel refuses changes of objects that another program has removed. This is not a refusal of the program, so
        the table is read again and the update is repeated.
        """
        for _ in range(_MOST_DISTURBANCES):
            # Noted before the update: if it fails halfway, the kernel may have accepted some of its transactions.
            self._affected = union_of(self._affected, self._table.affected_by(program))
            try:
                self._table.bring_to(program, self._revoked, was_guarded=self._has_guarded)
            except KernelError:
                if not self._take_damage(after_failure=True):
                    self._table.read()
                    raise
                continue
            self._has_guarded = True
            self.changed.set()
            if not self._take_damage() or self._table.holds(program, self._revoked):
                return
        raise KernelError(
            f"other programs changed the table inet {TABLE} {_MOST_DISTURBANCES} times while it was repaired",
            errno.EAGAIN,
        )

    def _take_damage(self, *, after_failure: bool = False) -> bool:
        """Read back what other programs may have changed in the table. Returns whether they may have changed anything.

        After a failure the whole table is read back, because a change from here may be incomplete.
        """
        if self.standby.has_ended():
            self._table.invalidate()
        if not self._table.is_disturbed():
            return False
        believed = self._table.program, frozenset(self._table.revoked)
        # First, because reading a large table takes long.
        was_dormant = self._knows_wanted and self._table.wake()
        is_whole_to_be_read = after_failure or self._table.may_differ_anywhere
        was_open = self._knows_wanted and is_whole_to_be_read and self._table.restore_isolation()
        if after_failure:
            self._table.read()
        else:
            self._table.read_touched()
        # After reading: the standby process announces each restoration before it sends it.
        was_removed = self.standby.has_begun()
        is_damaged = was_dormant or was_open or was_removed or not self._table.is_as(*believed)
        if self._knows_wanted and is_damaged and (believed[0] is not None or self._wanted is None):
            self.repairs += 1
            self._affected = None  # any connection may have been opened in between
            if believed[0] is not None:
                with suppress(KernelError):  # the update that follows meets the same refusal and raises it
                    self._table.restore_fixed_chains(believed[0])
        return True
