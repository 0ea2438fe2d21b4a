"""The kernel: holds one program, keeps it in force, and revokes connections that it no longer allows.

All requests go through netlink sockets, which belong to the network namespace in which they were opened. Neither the
nft program nor its library is needed; docs/dataplane.md compares the three ways.

A program stays in force when this process ends. The next process reads it back and changes only what differs.
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
"""How often a change is tried again because another program changed the table meanwhile."""

_PIECES_AT_ONCE: Final = 8
"""After so many pieces of a review, some 1,000 connections, those are revoked that were found to be forbidden."""


class ProfileRefused(KernelError):
    """The kernel refused a part of some profiles, whose pods are closed."""

    def __init__(self, refusal: KernelError) -> None:
        super().__init__(str(refusal), refusal.code, refusal.refused)


class ProfilesRefused(KernelError):
    """The kernel refused parts of some profiles: their pods are closed, and everything else is in force.

    An exception and not a returned list, so that no caller can take such a program for one that is wholly in force.
    """

    def __init__(self, refusals: Sequence[KernelError]) -> None:
        super().__init__("; ".join(map(str, refusals)), refusals[0].code, refusals[0].refused)
        self.refusals = tuple(map(ProfileRefused, refusals))
        """One for each refused object."""


class Kernel:
    """The packet filter of one network namespace: of that in which the calling thread is when this is made."""

    def __init__(self) -> None:
        """Raises KernelError where the kernel or the user's rights do not allow packet filtering."""
        try:
            self._netfilter = NetlinkSocket(NETLINK_NETFILTER)
            self._connections = NetlinkSocket(NETLINK_NETFILTER)
            self._routes = NetlinkSocket(NETLINK_ROUTE)
            self.standby = Standby(self._netfilter.port)
        except OSError as error:
            raise unusable(error) from error
        self._lock = threading.RLock()
        """Each thread that uses the table holds it: one may repair the table while another prepares a change."""
        self._table = KernelTable(self._netfilter, self.standby)
        self._preparation = Preparation(self.standby.sender)
        self.changed = threading.Event()
        """Set when there may be another program, or other revoked connections, to prepare (`prepare`)."""
        self.counts = PacketCounts(lambda: self.present, self._counted)
        """How many packets were dropped, and why."""
        self._affected: AffectedAddresses = None
        """The addresses whose connections have to be judged again."""
        self._judged: AffectedAddresses = NONE_AFFECTED
        """The addresses whose connections have been judged, and are to be judged once more later."""
        self._unseen: frozenset[bytes] = frozenset()
        """The revoked connections that the last review did not find."""
        self.ended = 0
        """How many tracked connections have been revoked from here."""
        self.repairs = 0
        """How often changes of other programs have been undone from here."""
        self._wanted: Program | None = self._table.program
        self._knows_wanted = self._table.is_own
        """Whether `_wanted` can be put in force: not if it was found, and is in part another program's."""
        self._revoked = set(self._table.revoked)
        """The keys of the connections that are to be revoked."""
        self._has_guarded = False
        """Whether a program was in force from here, so that a table that is gone was removed by another program."""

    def close(self) -> None:
        """Close the sockets; the program stays in force."""
        self._table.close()
        self.standby.close()
        self._netfilter.close()
        self._connections.close()
        self._routes.close()

    @property
    def disturbances(self) -> tuple[int, ...]:
        """Descriptors one of which can be read when the table may not hold what it did: time for `repair`."""
        return self._table.fileno(), self.standby.ended, self.standby.covered

    @property
    def changed_by(self) -> ChangedBy | None:
        """Which process of another program changed the table last, if the kernel has said so."""
        return self._table.changed_by

    @property
    def present(self) -> Program:
        """The program that was applied last, or found at the beginning; an empty one if there is no table."""
        return self._table.program or Program()

    @property
    def has_table(self) -> bool:
        """Whether the kernel held the table when it was last read."""
        return self._table.program is not None

    @property
    def is_dormant(self) -> bool:
        """Whether no packet met the rules when the table was last read, because another program made it dormant."""
        return self._table.is_dormant

    @property
    def transactions(self) -> int:
        """How many transactions the kernel has taken from here."""
        return self._table.transactions

    def missing(self, features: Iterable[Feature]) -> list[Feature]:
        """Those of some features that this kernel lacks. No packet notices the question."""
        with self._lock:
            return missing_features(self._netfilter, features)

    def apply(self, program: Program, refusals: Sequence[KernelError] = ()) -> None:
        """Put `program` in force, in steps none of which drops an allowed packet or passes a forbidden one.

        If the kernel refuses something that belongs to some profiles only, their pods are closed and everything else is
        put in force; then ProfilesRefused says what was refused, and what the compiler refused before (`refusals`).
        Raises any other KernelError if the kernel refuses more; then `present` is what is in force, and `repair` tries
        again.
        """
        with self._lock:
            self._take_damage()
            self._wanted, self._knows_wanted = program, True
            self._put_in_force(program, refusals)

    def repair(self) -> bool:
        """Put the program in force again if another process changed the table; whether one had changed it.

        To be called when one of `disturbances` can be read. Costs two system calls as long as nobody changes the table,
        and may be called by any thread. Raises what `apply` raises; the next call tries again.
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
        """What the process that stands by is to send if another program changes the table: nothing if there is none.

        Waits for nobody, and returns the same object as long as that is the same. Only one thread may call this.
        """
        program = self._wanted
        if program is None or not self._has_guarded:
            return self._preparation.forget()
        return self._preparation.prepare(program, frozenset(self._revoked))

    def remove(self) -> None:
        """Delete the table: no pod is isolated any more."""
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
        """The identifiers of the tracked connections that are no longer allowed."""
        return frozenset(int.from_bytes(key, "big") for key in self._revoked)

    def revoke(self, connections: Iterable[int]) -> None:
        """Drop all packets of exactly these tracked connections from now on, and of none that was revoked before."""
        wanted = set(map(connection_key, connections))
        with self._lock:
            self._change_revoked(wanted - self._revoked, self._revoked - wanted)

    @property
    def has_revoked(self) -> bool:
        """Whether any tracked connection is revoked."""
        return bool(self._revoked)

    @property
    def may_have_missed(self) -> bool:
        """Whether connections that former rules accepted may have been tracked only after a review had passed them."""
        return self._judged != NONE_AFFECTED

    def revoke_forbidden(self) -> frozenset[int]:
        """Review all connections at once; the identifiers of those that are revoked then."""
        for _ in self.review():
            pass
        return self.revoked

    def review(self, *, again: bool = False) -> Iterator[None]:
        """Revoke the tracked connections that the present program would not let open, and release all others.

        Each step of the iterator judges a few hundred connections, within some milliseconds; only one review can be
        under way. To be called whenever a program was applied, and every now and then. Only those are judged whose
        verdict may have changed since the last call, and with `again`, those that were judged since the last such call.
        A program that is applied meanwhile counts for the connections that are still to be judged; those that it
        affects are judged by the next review.

        Raises KernelError where the kernel refuses; then the next review judges what this one should have judged.
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
                    self._judged = changed if again else union_of(self._judged, changed)
                else:
                    self._affected = union_of(self._affected, affected)

    def _judge_connections(self, affected: AffectedAddresses) -> Iterator[None]:
        before = frozenset(self._revoked)
        review = Review(list_addresses(self._routes), affected)
        # The kernel looks for them through the table of all network namespaces: 5 ms for 262,144 buckets, without one.
        pieces = connection_entries(self._connections) if count_connections(self._connections) else ()
        for number, entries in enumerate(pieces):
            review.judge(self.present, self._revoked, entries)
            if number % _PIECES_AT_ONCE == 0:
                self._revoke_judged(review)
            yield
        self._revoke_judged(review)
        # The table of connections can be resized while it is listed, and an entry be missed: what was seen neither
        # this time nor last time has ended.
        unseen = before - review.seen
        with self._lock:
            self._change_revoked(set(), unseen & self._unseen & self._revoked)
        self._unseen = unseen

    def _revoke_judged(self, review: Review) -> None:
        with self._lock:
            self._change_revoked(review.forbidden - self._revoked, review.allowed & self._revoked)
            review.forbidden, review.allowed = set(), set()

    def _change_revoked(self, added: Set[bytes], removed: Set[bytes]) -> None:
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
        """Have the table hold a program, also if other programs change it meanwhile.

        The kernel refuses to change what they removed. That is no refusal of anything in the program, so it is tried
        again with what the table holds then.
        """
        for _ in range(_MOST_DISTURBANCES):
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
        """Whether other programs may have changed the table. If so, what they may have changed is read back.

        After a failure all is read back, since not everything that was to be changed from here was.
        """
        if self.standby.has_ended():
            self._table.distrust()
        if not self._table.is_disturbed():
            return False
        believed = self._table.program, frozenset(self._table.revoked)
        was_dormant = self._knows_wanted and self._table.wake()  # at once: to read a large table takes a while
        if after_failure:
            self._table.read()
        else:
            self._table.read_touched()
        # Asked after reading: what the process that stands by has brought back, it has announced before.
        was_removed = self.standby.has_begun()
        is_damaged = was_dormant or was_removed or not self._table.is_as(*believed)
        if self._knows_wanted and is_damaged and (believed[0] is not None or self._wanted is None):
            self.repairs += 1
            self._affected = None  # nobody knows what passed meanwhile
            if believed[0] is not None:
                with suppress(KernelError):  # what the kernel refuses is refused again by what follows
                    self._table.restore_fixed_chains(believed[0])
        return True
