"""The second look: lists that would open or close most pods are enforced only after everything is listed again.

An API server that was restored without its data, or a wrong one, lists no policies and no pods. An agent that enforced
such lists would open all isolated pods of its node, or close all pods. So the first round after a list compares its
program with the one that the kernel held before the list. If most pods would lose something (`losses`), the kernel is
not changed. `seconds` later all kinds are listed again, and the result of these lists is enforced in any case.
Deletions that a watch reports never wait.

What cluster policies deny does not show in which addresses are isolated, because NetworkPolicies may isolate the same
pods. So a list that lacks most of the cluster policies in force waits, too.

Additions also wait: a list that lacks pods or namespaces is as wrong about peers as about subjects.
"""

from collections.abc import Callable, Set
from enum import Enum, auto
from typing import NamedTuple

from ringfence.agent.losses import most_lost
from ringfence.agent.view import FOLLOWED_KINDS, Name
from ringfence.dataplane.program import Program
from ringfence.model.kinds import CLUSTER_POLICY_KINDS
from ringfence.sources.cluster import Event, Listed, Page, Removed


class _Stage(Enum):
    CERTAIN = auto()
    """Everything that was listed may be enforced."""
    LISTED = auto()
    """Something was listed, and is not compared with the program in the kernel yet."""
    WAITING = auto()
    """Most pods would lose something: nothing changes for some time."""
    ASKED = auto()
    """All kinds are being listed again."""
    LISTED_AGAIN = auto()
    """All kinds have been listed again."""


class PresentState(NamedTuple):
    """What is in force on this node at present, and known of it.

    `program` returns the program in the kernel, `pods` the number of known pods, and `policies` the names of the
    cluster policies of a kind that are in force.
    """

    program: Callable[[], Program]
    pods: Callable[[], int]
    policies: Callable[[str], Set[Name]] = lambda kind: frozenset()


class SecondLook:
    """Decides whether what was listed may be enforced. All times are monotonic seconds."""

    def __init__(
        self,
        seconds: float,
        relist: Callable[[], None] | None,
        present: PresentState,
        has_waiting: Callable[[float], bool],
    ) -> None:
        """`relist` requests that all kinds are listed again, `seconds` after a wait begins; without it, nothing waits.

        `has_waiting` returns whether a change that arrived until a time is not applied.
        """
        self._seconds = seconds
        self._relist = relist
        self._present = present
        self._has_waiting = has_waiting
        self._deleted: set[Removed] = set()
        """The cluster policies that were deleted since the last round, and may still be in force."""
        self._lost_policies = ""
        """A message about the cluster policies that a list lacks, if it lacks most of those in force; else empty."""
        self._stage = _Stage.CERTAIN
        self._before = Program()
        """The program in the kernel before the list."""
        self._listed_at = 0.0
        self._missing: frozenset[str] = frozenset()
        self.ask_at: float | None = None
        """When all kinds have to be listed again; None if they need not be."""
        self.reason = ""
        """Why the agent waits: what most pods would lose; empty if it does not wait."""

    @property
    def is_waiting(self) -> bool:
        """Whether the rules in the kernel have to stay as they are."""
        return self._stage in (_Stage.WAITING, _Stage.ASKED)

    @property
    def is_due(self) -> bool:
        """Whether the next round is the first one after a list."""
        return self._stage in (_Stage.LISTED, _Stage.LISTED_AGAIN)

    def note(self, event: Event, arrived: float) -> None:
        """Note lists, and deletions that watches report."""
        if isinstance(event, Removed) and event.kind in CLUSTER_POLICY_KINDS:
            self._deleted.add(event)
        if self._relist is None or not isinstance(event, Page | Listed):
            return
        self._listed_at = arrived
        if self._stage is _Stage.CERTAIN:
            # Taken at the first page: later programs may contain parts of the list.
            self._stage, self._before = _Stage.LISTED, self._present.program()
        if self._stage is _Stage.LISTED and isinstance(event, Listed) and event.kind in CLUSTER_POLICY_KINDS:
            self._compare_policies(event)
        if self._stage is _Stage.ASKED and isinstance(event, Listed):
            self._missing -= {event.kind}
            if not self._missing:
                self._stage = _Stage.LISTED_AGAIN

    def _compare_policies(self, listed: Listed) -> None:
        in_force = {
            name for name in self._present.policies(listed.kind) if Removed(listed.kind, *name) not in self._deleted
        }
        lost = in_force - listed.names
        if 2 * len(lost) > len(in_force):
            self._lost_policies = f"{len(lost)} of {len(in_force)} policies of kind {listed.kind} are gone"

    def awaits(self, oldest: float | None) -> bool:
        """Whether the next round has to wait for a change that arrived at `oldest`: a list is enforced as a whole."""
        return self.is_due and oldest is not None and oldest <= self._listed_at

    def permits(self, program: Program, now: float) -> bool:
        """Whether a program may be put in force. If not, the wait for the second look begins.

        Namespaces that have used their share are closed until the rest of the list is applied. Their losses show only
        then. Until then, each program is compared with the one that the kernel held before the list.
        """
        # The round that asks enforces these deletions.
        self._deleted.clear()
        if self._stage is _Stage.LISTED:
            if lost := most_lost(self._before, program, self._present.pods()) or self._lost_policies:
                self._stage, self.reason, self.ask_at = _Stage.WAITING, lost, now + self._seconds
                return False
            if self._has_waiting(self._listed_at):
                return True
        self._stage, self._before, self.reason, self._lost_policies = _Stage.CERTAIN, Program(), "", ""
        return True

    def relist_if_due(self, now: float) -> None:
        """Request that all kinds are listed again, if it is time."""
        if self.ask_at is not None and now >= self.ask_at and self._relist is not None:
            self._stage, self._missing, self.ask_at = _Stage.ASKED, frozenset(FOLLOWED_KINDS), None
            self._relist()
