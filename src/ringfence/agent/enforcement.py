"""Enforcement: it keeps the rules in the kernel of this node in sync with the state.

At the start, the agent adopts the rules that an earlier agent left in the kernel: it reads them back and changes only
the difference. Then it judges all tracked connections, and is not ready before that has succeeded. If the kernel
refuses some profiles, their pods are closed, the refusals are reported, and the agent tries again.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from ringfence.agent.connection_reviews import ConnectionReviews
from ringfence.agent.rule_ages import RuleAges
from ringfence.agent.settings import Settings
from ringfence.agent.view import View
from ringfence.dataplane.adoption import Adopted, Adoption
from ringfence.dataplane.compile import (
    Address,
    Compiler,
    InSteps,
    MayBuild,
    NodeGuard,
    PodPlacement,
    Ports,
    always,
    never,
)
from ringfence.dataplane.kernel import Kernel, ProfilesRefused
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.program import ISOLATED, Program, VerdictMap, address_key, observing
from ringfence.engine.population import Member
from ringfence.errors import KernelError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
"""Seconds until the next attempt after a failure: first, and at most. They double with each failure."""

ADOPTION: Final = 3.0
"""Seconds for which the first program only observes if connections may be open that the kernel has not tracked."""


class NodeKernel(NamedTuple):
    """The kernel of this node, and how the agent learns what else it has to guard.

    `adoption` finds connections that are open at the start. `ports` finds the bridge ports of pods; without it, the
    bridges of the node are not guarded.
    """

    kernel: Kernel
    adoption: Adoption | None = None
    ports: PodPorts | None = None


class Permissions(NamedTuple):
    """What other parts of the agent permit.

    `release` returns whether a pod of this node counts as known (`new_pods`), `put_in_force` whether a program may be
    put in force now (`second_look`), and `compile_in_steps` whether rules of a certain effort are compiled by
    `Enforcement.compute`, in steps, instead of in a round.
    """

    release: Callable[[Member], bool] = lambda pod: True
    put_in_force: Callable[[Program, float], bool] = lambda program, now: True
    compile_in_steps: InSteps = never


ALL_PERMITTED: Final = Permissions()


class Enforcement:
    """Keeps the kernel in sync with the state. `clock` returns monotonic seconds."""

    def __init__(
        self,
        view: View,
        settings: Settings,
        node: NodeKernel,
        clock: Callable[[], float],
        may: Permissions = ALL_PERMITTED,
    ) -> None:
        """With an adoption, the first program only observes for `ADOPTION` seconds if pods run on the node."""
        self._view = view
        self._settings = settings
        kernel = self._kernel = node.kernel
        self._clock = clock
        self._may = may
        self._adoption = node.adoption
        self.adopts_until: float | None = None
        """When the connections that were found until then are adopted, by the clock; None outside of the adoption."""
        self.adopted: Adopted | None = None
        """The connections that were adopted; None without an adoption."""
        self._ports = node.ports
        self._asked_to_close: frozenset[str] = frozenset()
        self._held: Addresses | None = None
        self._compiler: Compiler | None = None
        self._retry_after = FIRST_RETRY
        self._known_repairs = 0
        """How many repairs of the kernel have been followed by a request to judge the connections."""
        self._reviews = ConnectionReviews(kernel, clock)
        self.ages = RuleAges()
        """When the rules of each address last changed."""
        self.has_begun = False
        """Whether there was a permitted attempt, or the first attempt is under way."""
        self._is_permitted = True
        """Whether the last attempt was permitted."""
        self._has_ended = False
        """Whether an attempt has ended: health probes ask from other threads while the first one is under way."""
        self.retry_at: float | None = None
        """When to enforce again even if nothing has changed, by the clock; None if that is not needed."""
        self.failures: Sequence[Exception] = ()
        """What failed at the last attempt: refusals of the kernel, or a defect. Empty if the kernel holds all rules."""

    @property
    def held(self) -> Addresses:
        """The ranges in which addresses without a known pod are closed."""
        return self._held or NO_ADDRESSES

    @property
    def holds_ranges(self) -> bool:
        """Whether there are ranges in which addresses without a known pod are closed."""
        return bool(self._held)

    def pod_outside_ranges(self) -> Member | None:
        """A pod of this node that has an address outside of the held ranges; None without such a pod or ranges."""
        return self._compiler.pod_outside(self._held) if self._compiler and self._held else None

    def placements(self) -> Iterator[PodPlacement]:
        """The chain that each address of each pod of this node should have, in each direction."""
        return self._compiler.placements() if self._compiler else iter(())

    def chain_in_force(self, direction: Direction, address: Address) -> str | None:
        """The name of the chain that the kernel uses for an address; None if the address is not isolated."""
        isolated = self._kernel.present.collections.get(ISOLATED[direction, address[0]])
        return isolated.chain_of(address_key(*address)) if isinstance(isolated, VerdictMap) else None

    @property
    def in_order(self) -> bool:
        """Whether the last attempt succeeded, so that the kernel holds all rules."""
        return self._has_ended and not self.failures and self.adopts_until is None

    @property
    def closed(self) -> frozenset[str]:
        """The namespaces whose pods are closed: those given to `enforce`, and those whose chains are postponed."""
        return self._compiler.closed if self._compiler else frozenset()

    @property
    def postponed(self) -> frozenset[str]:
        """The closed namespaces that are closed until their chains are built or loaded."""
        return self.closed - self._asked_to_close

    @property
    def computing(self) -> frozenset[str]:
        """The postponed namespaces whose chains cannot be built before `compute` has finished for them."""
        return self._compiler.computing & self.postponed if self._compiler else frozenset()

    @property
    def loaded_for(self) -> frozenset[str]:
        """The namespaces for which the last attempt loaded or removed parts of large chains."""
        return self._compiler.loaded_for if self._compiler else frozenset()

    @property
    def has_leftovers(self) -> bool:
        """Whether the kernel holds parts of large chains that are not needed, or chains whose form no longer suits.

        Each `enforce` removes some.
        """
        return self._compiler is not None and self._compiler.has_leftovers

    def compute(self, rank: Callable[[str], float]) -> str | None:
        """Compute one step for the namespace with the lowest rank. Returns that namespace; None if all is computed."""
        return self._compiler.compute(rank) if self._compiler else None

    def pods_in(self, namespaces: frozenset[str]) -> int:
        """How many pods of this node are in these namespaces."""
        return self._compiler.pods_in(namespaces) if self._compiler else 0

    def enforce(
        self, closed: frozenset[str] = frozenset(), may_build: MayBuild = always, may_load: MayBuild = always
    ) -> bool:
        """Apply the present state to the kernel, and request that connections that it forbids are ended.

        Pods in the namespaces `closed` are allowed nothing. The same holds, until the next call, for pods in namespaces
        whose chains `may_build` or `may_load` refuses to build or load now. Failures are in `failures`; no exception is
        raised for them.

        Returns whether the program was permitted. If not, the kernel was not changed.
        """
        had_begun, self.has_begun = self.has_begun, True
        self._asked_to_close = closed
        self._is_permitted = True
        failures = self._failures_of(partial(self._apply, closed, may_build, may_load))
        if not self._is_permitted:
            self.has_begun = had_begun
            return False
        if failures:
            self._note(failures)
        else:
            # The adoption ends with another round, also if nothing changes until then.
            self.failures, self.retry_at, self._retry_after = (), self.adopts_until, FIRST_RETRY
        self._has_ended = True
        return True

    def repair(self) -> bool:
        """Undo changes that other programs made to the table.

        Returns whether another program had changed the table. Failures are in `failures`, as after `enforce`, and
        `enforce` is due again.
        """
        changed = False

        def repair() -> None:
            nonlocal changed
            try:
                changed = self._kernel.repair()
            except ProfilesRefused:
                changed = True
                raise
            finally:
                # The repair thread may have repaired the table before this call.
                changed |= self._kernel.repairs != self._known_repairs
                self._known_repairs = self._kernel.repairs

        failures = self._failures_of(repair)
        if changed:
            self._reviews.request()
        if failures:
            self._note(failures)
        elif changed and self.failures:
            self.retry_at = self._clock()  # the kernel accepts rules again: it may accept those that failed
        return changed

    def _apply(self, closed: frozenset[str], may_build: MayBuild, may_load: MayBuild) -> None:
        before, present = self._kernel.transactions, self._kernel.present
        try:
            compiler = self._compiled()
            program = compiler.program(closed, may_build, self._kernel.present, may_load)
            self._is_permitted = self._may.put_in_force(program, self._clock())
            if not self._is_permitted:
                return
            if self._begins_to_adopt():
                self._kernel.apply(observing(program), compiler.refusals())
                return
            self._adopt(program)
            self._kernel.apply(program, compiler.refusals())
        finally:
            # Also after a refusal: the kernel may have accepted some transactions of the same attempt.
            if self._kernel.transactions != before:
                self.ages.note(present, self._kernel.present)
                self._reviews.request()
        if not self._settings.ends_connections and self._kernel.has_revoked:
            self._kernel.revoke(())  # by an earlier agent with other settings

    def _begins_to_adopt(self) -> bool:
        """Whether this program only observes, because the adoption starts with it. It ends at `adopts_until`."""
        if self._adoption is None or self.adopts_until is not None:
            return False
        if not any(self._is_local(member) and not member.host_network for member in self._view.state.members()):
            self._adoption = None
            return False
        self.adopts_until = self._clock() + ADOPTION
        return True

    def _adopt(self, program: Program) -> None:
        """Adopt the connections that were open before the kernel tracked any, if the adoption has started.

        A failure is raised once and the adoption is not repeated: it must not prevent enforcement.
        """
        adoption, self._adoption, self.adopts_until = self._adoption, None, None
        if adoption is not None:
            self.adopted = adoption.end(program)

    def _failures_of(self, attempt: Callable[[], None]) -> Sequence[Exception]:
        try:
            attempt()
        except ProfilesRefused as refused:
            return refused.refusals
        except KernelError as error:
            return [error]
        except Exception as error:
            # A defect of ringfence. The rules in force stay as they are. The next attempt has a new compiler, because
            # the state of this one may be inconsistent.
            self._compiler = None
            return [error]
        return ()

    def _note(self, failures: Sequence[Exception]) -> None:
        self.failures = failures
        now = self._clock()
        # Rounds for other changes fail, too, before the planned attempt. They must not make the interval longer.
        if self.retry_at is None or now >= self.retry_at:
            self.retry_at = now + self._retry_after
            self._retry_after = min(2 * self._retry_after, LAST_RETRY)

    # --- connections --------------------------------------------------------------------------------------------------

    @property
    def review_at(self) -> float | None:
        """When `review` is to be called, by the clock; None if there is nothing to review."""
        may_judge = self._settings.ends_connections and self.has_begun and self.adopts_until is None
        return self._reviews.next_at if may_judge else None

    @property
    def awaits_review(self) -> bool:
        """Whether connections that the present rules forbid may still be open."""
        return self._settings.ends_connections and self._reviews.is_pending

    def review(self) -> float | None:
        """Judge tracked connections for some milliseconds, and end those that are no longer allowed.

        Returns the seconds between the oldest unjudged change of the rules and now if this completes a review, else
        None. Failures are in `review_failure`.
        """
        return self._reviews.advance() if self.review_at is not None else None

    @property
    def review_failure(self) -> Exception | None:
        """Why the last review failed; None if it did not. A failed review is repeated until it succeeds."""
        return self._reviews.failure

    @property
    def review_error(self) -> str:
        """Why connections that policies forbid may be open; empty if none are."""
        return self._reviews.error if self._settings.ends_connections else ""

    # --- compiling ----------------------------------------------------------------------------------------------------

    def _compiled(self) -> Compiler:
        """The compiler. It is replaced when the pod ranges of the node change, which is rare."""
        held = self._held_ranges()
        if self._compiler is None or held != self._held:
            self._held = held
            locate = partial(self._locate, self._ports) if self._ports else None
            guard = NodeGuard(held, self._settings.reaction, locate, self._may.release)
            self._compiler = Compiler(self._view.state, self._is_local, guard, self._may.compile_in_steps)
        return self._compiler

    def _is_local(self, member: Member) -> bool:
        return member.node == self._settings.node

    def _locate(self, ports: PodPorts, pods: frozenset[frozenset[Address]]) -> Ports:
        return ports.locate(pods, self._held or NO_ADDRESSES, self._view.node_addresses(self._settings.node))

    def _held_ranges(self) -> Addresses:
        if not self._settings.holds:
            return NO_ADDRESSES
        if self._settings.pod_ranges is not None:
            return self._settings.pod_ranges
        return self._view.pod_ranges(self._settings.node)
