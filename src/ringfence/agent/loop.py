"""The loop: the one thread that owns the engine's state and the kernel.

Namespaces take turns in having their changes applied to the view (`intake.py`), and the changes are enforced in rounds
(`rounds.py`). Nothing is enforced before the view is complete. The same holds while the Node of this machine is
unknown, because then the agent knows none of its own pods. Between rounds, the loop undoes changes that other programs
made to the table, and checks the node. All times are monotonic: wall clocks may jump.
"""

import math
import queue
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple, ParamSpec

from ringfence.agent.arrived_namespaces import ArrivedNamespaces
from ringfence.agent.denial_reports import DenialReports
from ringfence.agent.denials import Explanations
from ringfence.agent.enforcement import Enforcement, NodeKernel, Permissions
from ringfence.agent.garbage import Collections
from ringfence.agent.heartbeat import LONGEST_WAIT, Heartbeat
from ringfence.agent.inbox import (
    Arrival,
    Inbox,
    InboxItem,
    Inquiry,
    LoggedPackets,
    PacketLogFailed,
    PacketLogRestored,
    Receiver,
    RepairAttempted,
    StandbyFailed,
    StandbyRestored,
    VethPairsChanged,
    VethPairsUnread,
)
from ringfence.agent.inquiries import Inquiries
from ringfence.agent.intake import Intake
from ringfence.agent.lag import Lag
from ringfence.agent.log import log, values
from ringfence.agent.metrics import Metrics
from ringfence.agent.metrics_requests import MetricsRequests
from ringfence.agent.metrics_update import update_metrics
from ringfence.agent.new_pods import NewPods
from ringfence.agent.node_checks import NodeChecks
from ringfence.agent.readiness import CONDITIONS, AgentParts, readiness_errors
from ringfence.agent.reports import Reports
from ringfence.agent.rounds import Rounds
from ringfence.agent.schedule import Schedule
from ringfence.agent.second_look import PresentState, SecondLook
from ringfence.agent.settings import Settings
from ringfence.agent.shares import CLUSTER
from ringfence.agent.time_account import Building, TimeAccount
from ringfence.agent.view import View, kind_of_event
from ringfence.errors import KernelError
from ringfence.sets.addresses import Addresses
from ringfence.sources.cluster import Listed, WatchFailed, WatchInterrupted

REPAIR_INTERVAL: Final = LONGEST_WAIT
"""Seconds between two attempts of the loop to repair the table, and between two reports of repeated denials."""

CHECK_INTERVAL: Final = 60.0
"""Seconds between two checks of the node itself."""

METRICS_TIMEOUT: Final = 2.0
"""Seconds that a request for the metrics waits for the loop to update them."""

_MOST_AT_ONCE: Final = 2_000
"""Items that are received at most before the loop checks which steps are due."""

LEAST_EFFORT: Final = 15_000
"""The effort from which rules of a namespace that has used its share are computed in steps: 25 ms of work.

The pods of the namespace are closed while their rules are computed in steps. Ordinary policies must therefore stay
below this limit: 100 small policies that select one pod, with one selector each, take 5,000.
"""

MOST_EFFORT: Final = 30_000
"""The effort above which rules of any other namespace are computed in steps: 50 ms of work."""

COMPUTING: Final = 0.02
"""Seconds of computing rules after which the loop checks which steps are due; an arriving item ends it sooner."""

P = ParamSpec("P")


class LoopOutputs(NamedTuple):
    """Where the loop reports to, and what it requests from other threads.

    `request_check` requests a check whether all policies are known (`new_pods`); without it, no pod waits. `relist`
    requests that all kinds are listed again (`second_look`); without it, there is no second look. `remember` stores the
    ranges in which pods are held (`remembered_ranges`).
    """

    metrics: Metrics
    request_check: Callable[[str], None] | None = None
    relist: Callable[[], None] | None = None
    remember: Callable[[Addresses], None] = lambda ranges: None


class AgentLoop:
    """Applies events to the view and enforces the result in the kernel."""

    def __init__(
        self,
        settings: Settings,
        node: NodeKernel,
        inbox: Inbox,
        clock: Callable[[], float],
        outputs: LoopOutputs,
    ) -> None:
        """Enforce the events that arrive in `inbox`. `clock` returns monotonic seconds."""
        kernel, _, ports = node
        metrics = outputs.metrics
        self._settings = settings
        self._kernel = kernel
        self._metrics = metrics
        self._clock = clock
        self._view = View(settings.node)
        self._heartbeat = Heartbeat(clock)
        self._new_pods = NewPods(settings.node, outputs.request_check)
        self._account = TimeAccount(self._heartbeat.beat)
        self._arrived = ArrivedNamespaces(self._account.shares)
        self._receiver = Receiver(inbox, self._arrived.add, self._arrived.discard)
        self._intake = Intake(self._view, self._account, self._first_arrived)
        present = PresentState(lambda: kernel.present, lambda: self._new_pods.known_pods, self._view.in_force)
        self._second_look = SecondLook(settings.second_look, outputs.relist, present, self._intake.has_waiting)
        may = Permissions(self._new_pods.is_released, self._second_look.permits, self._in_steps)
        self._enforcement = Enforcement(self._view, settings, node, clock, may)
        self._ports = ports
        self._lag = Lag(self._receiver, clock)
        metrics.show_lag(self._lag.seconds)
        self._rounds = Rounds()
        self._reports = Reports(metrics)
        self._node = NodeChecks(settings, self._view, ports)
        self._parts = AgentParts(
            settings,
            self._view,
            self._node,
            self._new_pods,
            self._second_look,
            self._enforcement,
            self._lag,
            self._heartbeat,
            self._reports,
            clock,
        )
        self._schedule = Schedule(self._parts, self._intake, self._rounds)
        self._remember = outputs.remember
        self.inquiries = Inquiries(inbox, self._parts, self._intake, kernel)
        self._metrics_requests = MetricsRequests(inbox, partial(self._guard, "metrics", self._update_metrics))
        explanations = Explanations(self._view.state, clock, dropped=settings.drops)
        self._denials = DenialReports(explanations, self._reports, clock)
        self._next_repair = 0.0
        self._next_check = 0.0
        self._nodes_changed = False
        self._collections = Collections()

    # --- for other threads --------------------------------------------------------------------------------------------

    def liveness_error(self) -> str:
        """Why this process should be restarted; empty if it should not be."""
        return self._heartbeat.liveness_error()

    def readiness_errors(self) -> dict[str, str]:
        """Why some policies of the node may not be in force, by reason; empty if all are."""
        return readiness_errors(self._parts)

    def readiness_error(self) -> str:
        """The same as a text: a line for each reason."""
        return "\n".join(self.readiness_errors().values())

    def metrics_text(self) -> bytes:
        """The metrics, updated by the loop. If it does not do so within `METRICS_TIMEOUT`, they are those of before."""
        self._metrics_requests.wait(METRICS_TIMEOUT)
        errors = self.readiness_errors()
        self._metrics.show_readiness({reason: reason in errors for reason in CONDITIONS})
        return self._metrics.text()

    # --- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until None arrives in the inbox."""
        while self._receive():
            if self._intake.has_turn or self._nodes_changed:
                self._guard("event", self._serve_turn)
            # After the turn: a pod whose last policy was applied in it is released before the next round.
            self._guard("event", self._release_new_pods)
            now = self._heartbeat.beat()
            self._guard("event", self._second_look.relist_if_due, now)
            if self._schedule.is_due(now):
                self._guard("enforce", self._enforce, now)
            if now >= self._next_repair:
                self._next_repair = now + REPAIR_INTERVAL
                self._guard("repair", self._repair)
                self._guard("denial", self._denials.report_repeated)
            self._guard("review", self._review)
            self._guard("compile", self._compute, now)
            if now >= self._next_check:
                self._next_check = now + CHECK_INTERVAL
                self._guard("check", self._check_node)
            self._note_lag()

    def _guard(self, stage: str, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run a step, and report a defect in it: the other steps have to keep the node's policies in force."""
        try:
            step(*args, **kwargs)
        except Exception as error:
            self._reports.defect(stage, error)

    def _receive(self) -> bool:
        """Wait for an item, or until a step is due, and receive all waiting items. Returns whether to continue."""
        timeout = max(0.0, self._next_step() - self._clock())
        with suppress(queue.Empty):
            for _ in range(_MOST_AT_ONCE):
                item = self._receiver.get(timeout)
                if item is None:
                    return False
                self._receive_item(item)
                timeout = 0.0  # only the first item is waited for
        self._note_lag()
        self._lag.received = self._clock()
        return True

    def _note_lag(self) -> None:
        """Note when the oldest change arrived that is not in force."""
        waiting = (self._rounds.waiting_since, self._intake.waiting_since())
        self._lag.oldest = min((since for since in waiting if since is not None), default=None)

    def _next_step(self) -> float:
        if self._intake.has_turn or self._nodes_changed or self._enforcement.computing:
            return 0.0
        others = (
            self._enforcement.adopts_until,
            self._second_look.ask_at,
            self._schedule.next_round(),
            self._enforcement.review_at,
        )
        return min(self._next_repair, self._next_check, *(one for one in others if one is not None))

    def _receive_item(self, item: InboxItem) -> None:
        match item:
            case Arrival():
                self._guard("event", self._receive_event, item)
            case LoggedPackets():
                self._metrics.unlogged.inc(item.lost)
                for packet in item.packets:
                    self._guard("denial", self._denials.report, packet)
                item.taken()
            case Inquiry(answer=answer, done=done):
                self._guard("inquiry", answer)
                done.set()
            case PacketLogFailed():
                self._reports.packet_log_failed(item)
            case PacketLogRestored():
                self._reports.packet_log_restored()
            case RepairAttempted():
                # The loop's own attempt notes what the thread has repaired, and requests a review of connections.
                self._next_repair = 0.0
            case StandbyFailed(error=error):
                self._reports.standby_failed(error)
            case StandbyRestored():
                self._reports.standby_restored()
            case VethPairsChanged():
                self._veth_pairs_changed()
            case VethPairsUnread(error=error):
                self._reports.veth_pairs(error)

    def _receive_event(self, arrival: Arrival) -> None:
        event = arrival.event
        self._second_look.note(event, arrival.at)
        if self._intake.add(event, arrival.at):
            self._rounds.add_change(arrival.at, self._clock())
        self._new_pods.note(event, arrival.at)
        self._nodes_changed |= kind_of_event(event) == "Node"
        if isinstance(event, Listed):
            self._next_check = 0.0
            # The first round after a list waits for all changes, so no namespace may stay suspended.
            self._intake.resume()
        self._reports.watch(event, arrival.at)
        if not isinstance(event, WatchInterrupted | WatchFailed):
            self._metrics.last_event.labels(kind_of_event(event)).set_to_current_time()

    def _serve_turn(self) -> None:
        """Give a turn to one namespace. What has no namespace, such as Nodes, comes before all namespaces."""
        # The first round after a list waits until everything that was listed is applied, so no turn is postponed.
        waiting = frozenset() if self._second_look.is_due else self._enforcement.postponed
        arrived = self._intake.serve(waiting)
        if arrived is not None:
            self._rounds.add_change(arrived, self._clock())
        # A turn for objects without a namespace may be interrupted before the Node is applied.
        if self._nodes_changed and self._intake.has_applied(CLUSTER, math.inf):
            self._nodes_changed = False
            self._identify_node()

    def _release_new_pods(self) -> None:
        if self._view.complete:
            self._new_pods.begin(self._clock())
        released = self._new_pods.release(self._intake.has_applied)
        pods = [pod for name in released if (pod := self._view.state.pod(*name))]
        if pods:
            # The compiler asks again only about pods that the population reports as changed.
            self._view.state.population.touch(pods)
            now = self._clock()
            self._rounds.add_change(now, now)

    # --- enforcement --------------------------------------------------------------------------------------------------

    def _enforce(self, began: float) -> None:
        work, arrived = self._account.work(), self._rounds.begin()
        is_first = not self._enforcement.has_begun
        if is_first:
            self._account.forget()
        closed = self._schedule.closed(is_after_list=is_first or self._second_look.is_due)
        building = Building(self._account, self._others_wait)
        is_permitted = self._enforcement.enforce(closed, building.may_build, building.may_load)
        building.end()
        self._intake.resume()
        if not is_permitted:
            # The changes of this round are still to be enforced, and keep their time of arrival.
            self._rounds.add_change(began if arrived is None else arrived, began)
            return
        self._remember(self._enforcement.held)
        if is_first:
            self._collections.freeze(began)
        ended = self._clock()
        self._rounds.end(began, ended, has_changes=arrived is not None)
        # What was spent on building is charged already, to the namespaces of the chains.
        seconds = self._account.work() - work - building.seconds
        self._account.charge_round(seconds, self._enforcement.loaded_for)
        self._metrics.enforcing.observe(ended - began)
        # A round that failed has not put the changes in force.
        if arrived is not None and self._enforcement.in_order:
            self._metrics.programming.observe(ended - arrived)
        self._reports.failures("kernel", self._enforcement.failures)
        self._reports.adopted(self._enforcement.adopted)
        # Excessive namespaces are reported as problems of their policies.
        self._reports.closed(self._enforcement.closed - self._view.excessive, ended)
        self._reports.objects(self._view)
        if is_first:
            self._next_check = ended
            is_adopting = self._enforcement.adopts_until is not None
            log.info(
                "observing before enforcing" if is_adopting else "enforcing",
                extra=values(
                    **{kind: n for kind, n in self._view.counts().items() if n}, seconds=round(ended - began, 3)
                ),
            )

    def _in_steps(self, namespace: str, effort: int) -> bool:
        """Whether rules that take this much effort are computed in steps."""
        return effort > (LEAST_EFFORT if self._account.is_used_up(namespace) else MOST_EFFORT)

    def _compute(self, began: float) -> None:
        """Compute rules in steps for `COMPUTING` seconds, or until something arrives."""
        work = self._account.work()
        while (namespace := self._enforcement.compute(self._account.shares.rank)) is not None:
            self._account.charge(namespace, work)
            # Charged after each step, so that the next step is for the namespace that has used the least by then.
            work = self._account.work()
            if not self._receiver.is_empty or self._clock() >= began + COMPUTING:
                break

    def _others_wait(self, namespace: str) -> bool:
        """Whether changes of namespaces that have used less time than this one wait in the backlog or the inbox."""
        return self._intake.has_others_before(namespace)

    def _first_arrived(self) -> str | None:
        """The namespace that has used the least time of those whose changes have arrived and were not received yet."""
        self._receiver.arrived()
        return self._arrived.first()

    def _repair(self) -> None:
        self._enforcement.repair()
        if self._enforcement.failures:
            self._reports.failures("repair", self._enforcement.failures)
        else:
            self._reports.repairs(self._kernel.repairs, self._kernel.changed_by, self._clock())

    def _review(self) -> None:
        seconds = self._enforcement.review()
        if seconds is not None:
            self._metrics.reviewing.observe(seconds)
        self._reports.review(self._enforcement.review_failure)

    # --- the node -----------------------------------------------------------------------------------------------------

    def _check_node(self) -> None:
        self._collections.collect_if_due(self._clock())
        self._node.check(self._enforcement)
        self._metrics.bypassing.set(len(self._node.bypassing_bridges))
        self._reports.node(self._node.errors() if self._view.complete else ())
        with suppress(KernelError):  # `update_metrics` reports that counters cannot be read
            self._reports.untracked(sum(self._kernel.counts.untracked().values()))

    def _veth_pairs_changed(self) -> None:
        now = self._clock()
        self._rounds.add_change(now, now)
        self._next_check = 0.0
        self._reports.veth_pairs(None)

    def _identify_node(self) -> None:
        if self._node.identify():
            self._next_check = 0.0

    def _update_metrics(self) -> None:
        update_metrics(self._metrics, self._parts, self._intake, self._kernel)
        if self._ports:
            self._metrics.show_ports(self._ports.counts())
