"""The kernel: puts programs into it, and notices when somebody else was at the table.

All goes through one netlink socket, which belongs to the network namespace in which it was opened. Neither the nft
program nor its library is needed; docs/dataplane.md compares the three ways.

What was put in stays when this process ends. The next one finds it and changes only what differs.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ringfence.dataplane.connections import TrackedConnection, forbidden, is_among, list_connections
from ringfence.dataplane.nftables import carry_out, failure, read_counts, read_generation, read_program
from ringfence.dataplane.program import CONNECTION, DROPS, REVOKED, HashSet, Program, connection_key
from ringfence.dataplane.update import (
    NONE_AFFECTED,
    NOTHING,
    AddElements,
    AffectedAddresses,
    Command,
    DeleteTable,
    RemoveElements,
    affected_addresses,
    closing,
    commands,
    is_compatible,
    path,
    profiles_with,
    union_of,
)
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.netlink.addresses import list_addresses
from ringfence.netlink.messages import NETFILTER, ROUTE, NetlinkSocket
from ringfence.sets.addresses import Family


class DropCount(NamedTuple):
    """How many packets from (egress) or to (ingress) an isolated address were dropped, and how many bytes."""

    direction: Direction
    family: Family
    address: int
    packets: int
    bytes: int


class ProfilesRefused(KernelError):
    """The kernel refused parts of some profiles: their pods are closed, and everything else is in force.

    An exception and not a returned list, so that no caller can take such a program for one that is wholly in force.
    """

    def __init__(self, refusals: Sequence[KernelError]) -> None:
        super().__init__("; ".join(map(str, refusals)), refusals[0].code, refusals[0].refused)
        self.refusals = tuple(refusals)
        """One for each refused object."""


class Kernel:
    """The packet filter of one network namespace: of that in which the calling thread is when this is made."""

    def __init__(self) -> None:
        """Raises KernelError where the kernel or the user's rights do not allow packet filtering."""
        try:
            self._conversation = NetlinkSocket(NETFILTER)
            self._routing = NetlinkSocket(ROUTE)
        except OSError as error:
            raise _unusable(error) from error
        self._present = NOTHING
        self._suspects: AffectedAddresses = None
        self._revoked: frozenset[bytes] = frozenset()
        self._generation = -1
        self.transactions = 0
        """How many transactions the kernel has taken from here."""
        self.ended = 0
        """How many tracked connections have been revoked from here."""
        self._look()
        self._wanted = self._present

    def close(self) -> None:
        """Let go of the kernel; what was put in stays."""
        self._conversation.close()
        self._routing.close()

    @property
    def present(self) -> Program:
        """The program that was put in last, or found at the beginning."""
        return self._present

    @property
    def has_table(self) -> bool:
        """Whether the kernel held the table when it was last looked at."""
        return self._present is not NOTHING

    def apply(self, program: Program) -> None:
        """Put `program` in force, in steps none of which drops an allowed packet or passes a forbidden one.

        If the kernel refuses something that belongs to some profiles only, their pods are closed and everything else is
        put in force; then ProfilesRefused says what was refused. Raises any other KernelError if the kernel refuses
        more; then `present` is what is in force, and `repair` tries again.
        """
        self._wanted = program
        refusals: list[KernelError] = []
        closed: frozenset[str] = frozenset()
        while True:
            try:
                self._go(self._wanted)
            except KernelError as error:
                self._look()
                blamed = profiles_with(program, error.refused) - closed
                if not blamed:
                    raise
                refusals.append(error)
                closed |= blamed
                self._wanted = closing(program, closed)
            else:
                break
        if refusals:
            raise ProfilesRefused(refusals)

    def repair(self) -> bool:
        """Put the program in force again if another process changed the table; whether one had changed it.

        Costs next to nothing as long as no packet filter of the network namespace changes. Raises what `apply` raises.
        """
        if self._is_undisturbed():
            return False
        self._look()
        if self._present == self._wanted:
            return False
        self.apply(self._wanted)
        return True

    def remove(self) -> None:
        """Take everything out: nobody is isolated any more."""
        self._wanted = NOTHING
        if self._present is not NOTHING:
            self._clear()

    @property
    def revoked(self) -> frozenset[int]:
        """The numbers of the tracked connections that are no longer allowed."""
        return frozenset(int.from_bytes(key, "big") for key in self._revoked)

    def revoke(self, connections: Iterable[int]) -> None:
        """Drop all packets of exactly these tracked connections from now on, and of none that was revoked before."""
        wanted = frozenset(map(connection_key, connections))
        changes: list[Command] = []
        if added := wanted - self._revoked:
            changes.append(AddElements(REVOKED, HashSet(CONNECTION, added)))
        if removed := self._revoked - wanted:
            changes.append(RemoveElements(REVOKED, HashSet(CONNECTION, removed)))
        self._apply(changes)
        self._revoked = wanted
        self.ended += len(added)

    def revoke_forbidden(self) -> frozenset[int]:
        """Revoke the tracked connections that the present program would not let open; their numbers.

        Everything else stays or becomes free, and what has ended is forgotten. To be called whenever a program was put
        in, and every now and then. Only those are judged whose verdict may have changed since this was last called.
        """
        suspected = self._suspects
        about = None if suspected is None else suspected | self._revoked
        try:
            node = list_addresses(self._routing)
            connections = list(list_connections(self._conversation, about))
        except OSError as error:
            raise _unusable(error) from error
        judged = forbidden(self._present, connections, node, suspected)
        spared = (one for one in connections if self._is_revoked(one) and not is_among(suspected, one.opening))
        self.revoke(one.identifier for some in (judged, spared) for one in some)
        self._suspects = NONE_AFFECTED
        return self.revoked

    def _is_revoked(self, connection: TrackedConnection) -> bool:
        return connection_key(connection.identifier) in self._revoked

    def drops(self) -> Iterator[DropCount]:
        """What was dropped so far, for every isolated address and direction."""
        for (direction, family), name in DROPS.items():
            if name in self._present.collections:
                for key, packets, size in self._counts(name):
                    yield DropCount(direction, family, int.from_bytes(key, "big"), packets, size)

    def _go(self, program: Program) -> None:
        if not is_compatible(self._present, program):
            self._clear()
        self._suspects = union_of(self._suspects, affected_addresses(self._present, program))
        for before, after in pairwise([self._present, *path(self._present, program)]):
            self._apply(commands(before, after))
            self._present = after

    def _clear(self) -> None:
        self._apply([DeleteTable()])
        self._present, self._revoked = NOTHING, frozenset()

    def _apply(self, changes: Iterable[Command]) -> None:
        transactions = carry_out(self._conversation, changes)
        self._generation += transactions
        self.transactions += transactions

    def _look(self) -> None:
        """Find out what the kernel holds."""
        try:
            program, self._generation = read_program(self._conversation)
        except OSError as error:
            raise _unusable(error) from error
        revoked = program.collections.get(REVOKED)
        self._revoked = revoked.elements if isinstance(revoked, HashSet) else frozenset()
        self._present = program if revoked is None else program.changed({REVOKED: HashSet(CONNECTION)})

    def _is_undisturbed(self) -> bool:
        """Whether all transactions since the last look were our own."""
        try:
            return read_generation(self._conversation) == self._generation
        except OSError as error:
            raise _unusable(error) from error

    def _counts(self, name: str) -> list[tuple[bytes, int, int]]:
        try:
            return list(read_counts(self._conversation, name))
        except FileNotFoundError:  # somebody removed it: `repair` brings it back
            return []
        except OSError as error:
            raise _unusable(error) from error


def _unusable(error: OSError) -> KernelError:
    return failure("the packet filter cannot be used", error.errno or 0, error.strerror or str(error))
