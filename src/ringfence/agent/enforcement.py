"""Enforcement: the kernel of this node holds what the state says, and goes on holding it.

The first complete view is adopted: what an agent before this one left in the kernel is read back, and only what differs
is changed. What the kernel refuses for some profiles closes their pods, is reported, and is tried again.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ringfence.agent.settings import Settings
from ringfence.agent.view import View
from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel, ProfilesRefused
from ringfence.dataplane.program import Program
from ringfence.engine.population import Member
from ringfence.errors import KernelError
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
"""Seconds until what the kernel refused is tried again: at first, and at most."""

_REVIEW_EVERY: Final = 5.0
_REVIEW_SHARE: Final = 100
"""Revoked connections that have ended are looked for every so many seconds, in no more than a hundredth of the time."""


class Enforcement:
    """Keeps the kernel to the state. `clock` gives seconds and never goes back."""

    def __init__(self, view: View, settings: Settings, kernel: Kernel, clock: Callable[[], float]) -> None:
        self._view = view
        self._settings = settings
        self._kernel = kernel
        self._clock = clock
        self._held: Addresses | None = None
        self._compiler: Compiler | None = None
        self._retry_after = FIRST_RETRY
        self._next_review = 0.0
        self.began = False
        """Whether there was an attempt."""
        self.retry_at: float | None = None
        """When to enforce again although nothing has changed, by the clock; None if there is no need."""
        self.refusals: Sequence[Exception] = ()
        """What went wrong at the last attempt, mostly refusals by the kernel; empty if it holds all that it should."""

    @property
    def held(self) -> bool:
        """Whether there are ranges in which unknown addresses are held."""
        return bool(self._held)

    @property
    def in_order(self) -> bool:
        """Whether the kernel holds what the state said when it was last enforced."""
        return self.began and not self.refusals

    def enforce(self) -> None:
        """Bring the kernel to what the state says now, and end the connections that it no longer allows.

        What goes wrong is in `refusals`; nothing is raised for it.
        """
        before = self._kernel.transactions
        try:
            self.refusals = self._applied(self._compiled().program())
            if self._settings.ends_connections and self._kernel.transactions != before:
                self._review_connections()
            elif not self._settings.ends_connections and self._kernel.revoked:
                self._kernel.revoke(())  # an agent before this one was to end them
        except KernelError as error:
            self.refusals = [error]
        except Exception as error:  # a defect: what is in force stays so, and the next attempt starts from nothing
            self.refusals = [error]
            self._compiler = None
        self.began = True
        self._plan_retry()

    def _applied(self, program: Program) -> Sequence[KernelError]:
        """What the kernel refused of some profiles, whose pods are closed; everything else is in force."""
        try:
            self._kernel.apply(program)
        except ProfilesRefused as refused:
            return refused.refusals
        return ()

    def tend(self) -> bool:
        """Undo what somebody else did to the table, and forget revoked connections that have ended; whether it was so.

        Raises KernelError where the kernel refuses.
        """
        try:
            repaired = self._kernel.repair()
        except ProfilesRefused as refused:  # enforced again as after any other refusal, with a pause that grows
            self.refusals = refused.refusals
            self._plan_retry()
            raise
        is_due = bool(self._kernel.revoked) and self._clock() >= self._next_review
        if self._settings.ends_connections and (repaired or is_due):
            self._review_connections()
        return repaired

    def _review_connections(self) -> None:
        """Judge all tracked connections; the longer it takes, the longer until it is done again without need."""
        began = self._clock()
        self._kernel.revoke_forbidden()
        ended = self._clock()
        self._next_review = ended + max(_REVIEW_EVERY, _REVIEW_SHARE * (ended - began))

    def _compiled(self) -> Compiler:
        """The compiler for the present ranges of the node's pods: others are made seldom, if ever."""
        held = self._held_ranges()
        if self._compiler is None or held != self._held:
            self._held = held
            self._compiler = Compiler(self._view.state, self._is_local, held, self._settings.reaction)
        return self._compiler

    def _is_local(self, member: Member) -> bool:
        return member.node == self._settings.node

    def _held_ranges(self) -> Addresses:
        if not self._settings.holds:
            return NO_ADDRESSES
        if self._settings.pod_ranges is not None:
            return self._settings.pod_ranges
        return self._view.pod_ranges(self._settings.node)

    def _plan_retry(self) -> None:
        if not self.refusals:
            self._retry_after, self.retry_at = FIRST_RETRY, None
            return
        self.retry_at = self._clock() + self._retry_after
        self._retry_after = min(2 * self._retry_after, LAST_RETRY)
