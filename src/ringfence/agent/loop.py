"""The loop: the one thread that owns the engine's state and the kernel.

Events are taken as they come, and enforced together: the first few at once, those of a storm in rounds, between which
there is as long a pause as the last round took. Nothing is enforced before the view is complete. In between, the kernel
is tended. Time here is monotonic: clocks may jump.
"""

import gc
import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from ringfence.agent import checks
from ringfence.agent.denials import Denial, Repetitions, explained
from ringfence.agent.enforcement import Enforcement
from ringfence.agent.journal import Journal
from ringfence.agent.metrics import Metrics
from ringfence.agent.settings import Settings
from ringfence.agent.view import View, kind_of_event
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.packet_log import LoggedPacket
from ringfence.errors import KernelError
from ringfence.sources.cluster import Alive, Event, Listed, WatchFailed, WatchInterrupted

TEND_EVERY: Final = 1.0
"""Seconds between two looks at whether the kernel still holds what it should; a look costs one question to it."""

CHECK_EVERY: Final = 60.0
"""Seconds between two looks at the node itself."""

LONGEST_PAUSE: Final = 1.0
"""Seconds that a storm of events can keep the next round waiting."""

_STORM: Final = 3
_LULL: Final = 0.1
"""So many rounds, each less than so many seconds after the one before, make a storm: one change is several events."""

_AT_ONCE: Final = 2_000
"""Events taken in before the clock is looked at again."""

METRICS_PATIENCE: Final = 2.0
"""Seconds that a reader of the metrics waits for them to be brought up to date."""

DEAD_AFTER: Final = 60.0
"""Seconds without a turn of the loop after which it is taken to hang."""


class Arrival(NamedTuple):
    """An event, and when it arrived."""

    event: Event
    at: float


class MetricsRequest(NamedTuple):
    """Somebody wants to read the metrics: `done` is set when they are up to date."""

    done: threading.Event


Inbox = queue.SimpleQueue[Arrival | MetricsRequest | LoggedPacket | KernelError | None]
"""What other threads put in and the loop takes out; None ends it."""


class AgentLoop:
    """Events in, enforcement out."""

    def __init__(
        self,
        settings: Settings,
        kernel: Kernel,
        inbox: Inbox,
        journal: Journal,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._kernel = kernel
        self._view = View()
        self._enforcement = Enforcement(self._view, settings, kernel, clock)
        self._waiting_since: float | None = None
        """When the oldest event arrived that is not enforced yet."""
        self._next_round = 0.0
        self._last_round = 0.0
        self._in_a_row = 0
        self._next_look = 0.0
        self._next_check = 0.0
        self._beat = clock()
        self._problems: dict[tuple[str, str, str], str] = {}
        self._refused: list[str] = []
        self._repetitions = Repetitions()
        self._interruptions: dict[str, str] = {}
        self._complained: list[str] = []
        self._failed_watches: frozenset[str] = frozenset()  # replaced, never changed: other threads read it

    # --- for other threads ----------------------------------------------------------------------------------------

    def ailing(self) -> str:
        """Why this process should be started anew, if it should."""
        silent = self._clock() - self._beat
        return f"the loop has not turned for {silent:.0f} s" if silent > DEAD_AFTER else ""

    def unready(self) -> str:
        """Why the node's policies may not all be in force, if it is so."""
        if not self._view.complete:
            return f"not listed yet: {', '.join(self._view.missing)}"
        if not self._view.has_node(self._settings.node):
            return f"there is no Node {self._settings.node}: is --node right?"
        if failed := sorted(self._failed_watches):
            return f"a defect of ringfence ended the watch of: {', '.join(failed)}: see the log"
        if not self._enforcement.in_order:
            refusals = "; ".join(map(str, self._enforcement.refusals))
            return f"the kernel does not hold what it should: {refusals or 'not enforced yet'}"
        return ""

    def metrics(self) -> bytes:
        """The metrics as they are now; as they were, if the loop is too busy to look."""
        look = MetricsRequest(threading.Event())
        self._inbox.put(look)
        look.done.wait(METRICS_PATIENCE)
        return self._metrics.text()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Go on until the inbox says that it is over."""
        while self._take_events():
            now = self._beat = self._clock()
            if self._is_due(now):
                self._enforce(now)
            if now >= self._next_look:
                self._tend()
                for denial, repeated in self._repetitions.overdue(now):
                    self._tell_denial(denial, repeated)
                self._next_look = now + TEND_EVERY
            if now >= self._next_check:
                self._check_node()
                self._next_check = now + CHECK_EVERY

    def _take_events(self) -> bool:
        """Wait for an event, or until something else is to be done, and take in all there are; whether to go on."""
        try:
            item = self._inbox.get(timeout=max(0.0, self._next_duty() - self._clock()))
            for _ in range(_AT_ONCE):
                if item is None:
                    return False
                self._take(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        return True

    def _next_duty(self) -> float:
        duties = [self._next_look, self._next_check]
        if self._waiting_since is not None and self._view.complete:
            duties.append(self._next_round)
        if self._enforcement.retry_at is not None:
            duties.append(self._enforcement.retry_at)
        return min(duties)

    def _take(self, item: Arrival | MetricsRequest | LoggedPacket | KernelError) -> None:
        match item:
            case MetricsRequest(done=done):
                self._show()
                done.set()
            case LoggedPacket():
                self._report_denial(item)
            case KernelError():
                self._report_end_of_log(item)
            case Arrival():
                self._take_event(item)

    def _take_event(self, arrival: Arrival) -> None:
        event = arrival.event
        try:
            changed = self._view.take(event)
        except Exception as error:  # all other objects count, whatever this one has found out about us
            self._report_defect("event", error)
            return
        if changed and self._waiting_since is None:
            self._waiting_since = arrival.at
        match event:
            case WatchInterrupted():
                self._report_interruption(event)
                return
            case WatchFailed(kind=kind):
                self._metrics.watch_restarts.labels(kind).inc()
                self._report_defect("watch", event.error)
                self._failed_watches |= {kind}
                return
            case Alive(kind=kind):
                if self._interruptions.pop(kind, None):
                    self._journal.info("watching again", kind=kind)
                self._failed_watches -= {kind}
            case Listed(kind=kind, names=names):
                self._journal.info("listed", kind=kind, objects=len(names))
            case _:
                pass
        self._metrics.last_event.labels(kind_of_event(event)).set_to_current_time()

    # --- enforcement ------------------------------------------------------------------------------------------------

    def _is_due(self, now: float) -> bool:
        if not self._view.complete:
            return False
        retry_at = self._enforcement.retry_at
        return (self._waiting_since is not None and now >= self._next_round) or (
            retry_at is not None and now >= retry_at
        )

    def _enforce(self, began: float) -> None:
        arrived, self._waiting_since = self._waiting_since, None
        is_first = not self._enforcement.began
        self._enforcement.enforce()
        if is_first:
            _spare_the_collector()
        ended = self._clock()
        self._plan_next_round(began, ended)
        self._metrics.enforcing.observe(ended - began)
        if arrived is not None and self._enforcement.in_order:
            self._metrics.programming.observe(ended - arrived)
        self._report_refusals()
        self._report_problems()
        if is_first:
            self._next_check = ended
            self._journal.info("enforcing", **self._view.counts(), seconds=round(ended - began, 3))

    def _plan_next_round(self, began: float, ended: float) -> None:
        self._in_a_row = self._in_a_row + 1 if began < self._last_round + _LULL else 1
        self._last_round = ended
        self._next_round = ended + (min(ended - began, LONGEST_PAUSE) if self._in_a_row >= _STORM else 0)

    def _tend(self) -> None:
        try:
            if self._enforcement.tend():
                self._metrics.repairs.inc()
                self._journal.warning("somebody changed the table inet ringfence: it is right again")
        except KernelError as error:
            self._metrics.failures.labels("repair").inc()
            self._journal.error(f"cannot repair: {error}")

    def _check_node(self) -> None:
        """Tell of what keeps policies from being enforced here, whatever is programmed: once, as long as it lasts."""
        bridges = checks.bridges_past_filters()
        complaints = list(self._complaints(bridges)) if self._view.complete else []
        for complaint in complaints:
            if complaint not in self._complained:
                self._journal.error(complaint)
        self._complained = complaints
        self._metrics.bypassing.set(len(bridges))

    def _complaints(self, bridges: list[str]) -> Iterator[str]:
        node = self._settings.node
        if not self._view.has_node(node):
            yield f"there is no Node {node}, so no pod is taken to be on it: is --node right?"
        elif self._settings.holds and not self._enforcement.held:
            yield f"no pod can be held: the Node {node} says no podCIDRs: give its pods' ranges with --pod-range"
        if bridges:
            yield (
                f"pods on the bridge {' and '.join(bridges)} reach each other past every packet filter: "
                "modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1 "
                "net.bridge.bridge-nf-call-ip6tables=1"
            )

    # --- telling ----------------------------------------------------------------------------------------------------

    def _report_interruption(self, event: WatchInterrupted) -> None:
        """Count every interruption, and tell of each reason once until the watch is open again."""
        self._metrics.watch_restarts.labels(event.kind).inc()
        if self._interruptions.get(event.kind) != event.reason:
            self._journal.warning(f"watch interrupted: {event.reason}", kind=event.kind)
        self._interruptions[event.kind] = event.reason

    def _report_denial(self, logged: LoggedPacket) -> None:
        try:
            denial = explained(self._view.state, logged, dropped=self._settings.drops)
        except Exception as error:  # no packet of anybody may keep policies from being enforced
            self._report_defect("denial", error)
            return
        repeated = self._repetitions.to_tell(denial, self._clock())
        if repeated is not None:
            self._tell_denial(denial, repeated)

    def _report_end_of_log(self, error: KernelError) -> None:
        self._metrics.failures.labels("log").inc()
        self._journal.error(f"denied packets are no longer logged: {error}")

    def _tell_denial(self, denial: Denial, repeated: int) -> None:
        self._journal.info(str(denial), **msgspec.structs.asdict(denial), repeated=repeated)

    def _report_refusals(self) -> None:
        texts = [str(one) for one in self._enforcement.refusals]
        for refusal in self._enforcement.refusals:
            if not isinstance(refusal, KernelError):
                self._report_defect("compile", refusal)
                continue
            self._metrics.failures.labels("kernel").inc()
            if str(refusal) not in self._refused:
                self._journal.error(f"{refusal}: the pods that it is about are closed; it is tried again")
        if self._refused and not texts:
            self._journal.info("what the kernel refused is in force now")
        self._refused = texts

    def _report_problems(self) -> None:
        problems = dict(self._view.problems)
        for (kind, namespace, name), text in problems.items() - self._problems.items():
            self._journal.error(f"{kind} cannot be used as it is: {text}", namespace=namespace, name=name)
        self._problems = problems

    def _report_defect(self, stage: str, error: Exception) -> None:
        self._metrics.failures.labels(stage).inc()
        self._journal.error("a defect of ringfence", trace="".join(traceback.format_exception(error)))

    def _show(self) -> None:
        """Bring the metrics to what is so now."""
        metrics, view = self._metrics, self._view
        metrics.show_objects(view.counts(), view.state.population.everyone.bit_count(), len(view.problems))
        metrics.show_program(self._kernel.present, self._kernel.transactions, self._kernel.ended)
        metrics.synced.set(view.complete)
        metrics.in_order.set(self._enforcement.in_order)
        try:
            metrics.show_drops(self._kernel.drops())
        except KernelError as error:
            metrics.failures.labels("count").inc()
            self._journal.error(f"cannot count what is dropped: {error}")


def _spare_the_collector() -> None:
    """Tell Python's collector to leave alone what is there now: it lives as long as the cluster does."""
    gc.collect()
    gc.freeze()
