"""Reports: what the agent logs and counts. A condition is logged once when it begins, and once when it ends.

A failure that lasts for hours is one line in the log; the metrics count how often it happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from ringfence.agent.denials import Denial
from ringfence.agent.inbox import PacketLogFailed
from ringfence.agent.log import log, values
from ringfence.agent.metrics import Metrics
from ringfence.agent.repair_history import RepairHistory
from ringfence.agent.view import ObjectName, View
from ringfence.dataplane.adoption import Adopted
from ringfence.dataplane.kernel import ProfileRefused
from ringfence.dataplane.nftables import ChangedBy
from ringfence.errors import KernelError
from ringfence.model.kinds import KINDS
from ringfence.sources.cluster import Alive, CaughtUp, Event, Listed, Served, Unchecked, WatchFailed, WatchInterrupted

CLOSING_INTERVAL: Final = 60.0
"""Seconds in which closing the pods of the same namespace is logged once."""

SHORTEST_WATCH: Final = 1.0
"""Seconds: a watch that is interrupted again sooner counts as not reopened."""


class Interruption(NamedTuple):
    """Why a watch is interrupted, and when that began (monotonic seconds)."""

    reason: str
    since: float


class Reports:
    """Writes log lines and counts.

    `failed_watches` are the kinds whose watch a defect has ended, until it is open again. `veth_pairs_failure` is why
    the last attempt to read the veth pairs of pods failed; None if it did not.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.interruptions: Mapping[str, Interruption] = {}
        """The kinds whose watch is interrupted. It is replaced at each change, because other threads read it."""
        self._reopened: dict[str, tuple[Interruption, float]] = {}
        """The last interruption of each kind, and when its watch was reopened."""
        self._served: dict[str, str] = {}
        self._unchecked: dict[str, str] = {}
        self._failures: list[str] = []
        self._problems: dict[ObjectName, str] = {}
        self._defects: dict[ObjectName, Exception] = {}
        self._node_errors: list[str] = []
        self._log_failure = ""
        self._closed: dict[str, bool] = {}
        """The namespaces whose pods are closed, and whether this was logged."""
        self._closing_logged_at: dict[str, float] = {}
        self._has_untracked = False
        self._has_adopted = False
        self._repairs = 0
        self._repair_history = RepairHistory()
        self._review_failure: Exception | None = None
        self._standby_failure = ""
        self.veth_pairs_failure: Exception | None = None
        self.failed_watches: frozenset[str] = frozenset()

    def defect(self, stage: str, error: Exception) -> None:
        """Log and count a defect of ringfence, with its traceback."""
        self._metrics.failures.labels(stage).inc()
        log.error(f"a defect of ringfence ({stage}): {type(error).__name__}: {error}", exc_info=error)

    # --- watches ------------------------------------------------------------------------------------------------------

    def watch(self, event: Event, at: float) -> None:
        """Report what an event says about its watch. `at` is its arrival in monotonic seconds."""
        match event:
            case WatchInterrupted():
                self._interruption(event, at)
            case WatchFailed(kind=kind):
                self._metrics.watch_restarts.labels(kind).inc()
                self.defect("watch", event.error)
                # A new frozen set: health probes read it in other threads.
                self.failed_watches |= {kind}
            case Alive(kind=kind):
                if kind in self.interruptions or kind in self.failed_watches:
                    self._end_interruption(kind, at)
                    log.info("watching again", extra=values(kind=kind))
                self.failed_watches -= {kind}
            case Served(kind=kind, api_version=version):
                self._served_kind(kind, version)
            # The empty list of a kind that the server does not have is not reported.
            case Listed(kind=kind, names=names) if self._served.get(kind) != "":
                log.info("listed", extra=values(kind=kind, objects=len(names)))
            case Unchecked(kind=kind, reason=reason):
                if self._unchecked.get(kind) != reason:
                    log.warning(
                        f"the check whether all objects are known has failed: {reason}", extra=values(kind=kind)
                    )
                self._unchecked[kind] = reason
            case CaughtUp(kind=kind):
                self._unchecked.pop(kind, None)
            case _:
                pass

    def _served_kind(self, kind: str, version: str) -> None:
        """Report the `apiVersion` under which the server has a kind of custom resources; empty if it lacks the kind."""
        before = self._served.get(kind)
        self._served[kind] = version
        self._metrics.served.labels(kind).set(bool(version))
        if version == before:
            return
        row = KINDS.keyed(kind)
        if not version and before:
            log.warning("the API server no longer has this kind", extra=values(kind=kind))
        elif not version:
            log.info("the API server does not have this kind", extra=values(kind=kind))
        elif row and version not in row.api_versions:
            log.warning(
                f"the API server has this kind only in a version that ringfence does not know: it is read as "
                f"{row.api_versions[0]}",
                extra=values(kind=kind, version=version),
            )

    def _interruption(self, event: WatchInterrupted, at: float) -> None:
        kind, reason = event.kind, event.reason
        self._metrics.watch_restarts.labels(kind).inc()
        known = self.interruptions.get(kind)
        if known is None or known.reason != reason:
            log.warning(f"watch interrupted: {reason}", extra=values(kind=kind))
        since = known.since if known else self._outage_began(kind, at)
        self.interruptions = {**self.interruptions, kind: Interruption(reason, since)}

    def _outage_began(self, kind: str, at: float) -> float:
        """When an outage began: a watch that was open for less than `SHORTEST_WATCH` had not recovered."""
        last, reopened = self._reopened.get(kind, (None, 0.0))
        return last.since if last and at - reopened < SHORTEST_WATCH else at

    def _end_interruption(self, kind: str, at: float) -> None:
        if last := self.interruptions.get(kind):
            self._reopened[kind] = (last, at)
            self.interruptions = {one: known for one, known in self.interruptions.items() if one != kind}

    # --- objects ------------------------------------------------------------------------------------------------------

    def objects(self, view: View) -> None:
        """Report objects that cannot be used as they are, and those that a defect keeps out of the state."""
        problems = dict(view.problems)
        for (kind, namespace, name), text in problems.items() - self._problems.items():
            log.error(f"{kind} cannot be used as it is: {text}", extra=values(namespace=namespace, name=name))
        self._problems = problems
        for name_of_object, error in view.defects.items():
            if self._defects.get(name_of_object) is not error:
                self.defect("event", error)
        self._defects = view.defects

    # --- enforcement --------------------------------------------------------------------------------------------------

    def failures(self, stage: str, failures: Sequence[Exception]) -> None:
        """Report the failures of an attempt to put the program in force; none if it succeeded."""
        texts = [str(one) for one in failures]
        for failure, text in zip(failures, texts, strict=True):
            if not isinstance(failure, KernelError):
                self.defect("compile", failure)
                continue
            self._metrics.failures.labels(stage).inc()
            if text not in self._failures:
                log.error(f"{text}: {_consequence(failure)}")
        if self._failures and not failures:
            log.info("the kernel accepts the rules that it refused before")
        self._failures = texts

    def closed(self, namespaces: frozenset[str], now: float) -> None:
        """Report the namespaces whose pods are closed until their changes are in force."""
        self._closing_logged_at = {
            one: at for one, at in self._closing_logged_at.items() if now < at + CLOSING_INTERVAL
        }
        for namespace in namespaces - self._closed.keys():
            self._metrics.closings.inc()
            self._closed[namespace] = namespace not in self._closing_logged_at
            if self._closed[namespace]:
                self._closing_logged_at[namespace] = now
                log.warning(
                    "the namespace has used its share of the time: its pods are closed for now",
                    extra=values(namespace=namespace),
                )
        for namespace in self._closed.keys() - namespaces:
            if self._closed.pop(namespace):
                log.info("the policies of the namespace are in force", extra=values(namespace=namespace))

    def repairs(self, total: int, by: ChangedBy | None, now: float) -> None:
        """Report repairs: their `total` since the start, and the program that made the last change, if known."""
        # The repair thread repairs as well, so only the total tells how many are new.
        new = total - self._repairs
        self._repairs = total
        self._metrics.repairs.inc(new)
        reported = self._repair_history.add(new, now) if new else self._repair_history.overdue(now)
        contested = self._repair_history.is_contested(now)
        self._metrics.contested.set(contested)
        if reported is not None:
            named = values(program=by.program, process=by.process, repairs=reported) if by else values(repairs=reported)
            again = " repeatedly" if contested else ""
            log.warning(f"another program changed the table inet ringfence{again}: its rules are restored", extra=named)

    def review(self, failure: Exception | None) -> None:
        """Report why the last review of tracked connections failed; None if it did not."""
        before, self._review_failure = self._review_failure, failure
        if failure is None:
            if before:
                log.info("tracked connections are judged again")
        # While a failure lasts, the same exception is reported again and again.
        elif failure is not before:
            if not isinstance(failure, KernelError):
                self.defect("review", failure)
                return
            self._metrics.failures.labels("review").inc()
            if str(failure) != str(before):
                log.error(f"connections that policies forbid may be open until they can be judged: {failure}")

    def veth_pairs(self, failure: Exception | None) -> None:
        """Report why the last attempt to read the veth pairs of pods failed; None if it did not."""
        before, self.veth_pairs_failure = self.veth_pairs_failure, failure
        if failure is None:
            if before:
                log.info("the links of pods are read again")
        elif not isinstance(failure, OSError):
            self.defect("links", failure)
        else:
            self._metrics.failures.labels("links").inc()
            if str(failure) != str(before):
                log.error(f"the links of pods cannot be read, so new pods stay closed: {failure.strerror or failure}")

    def standby_failed(self, failure: Exception) -> None:
        """Report why there is no standby process. The repair thread still restores the table."""
        if not isinstance(failure, OSError | KernelError):
            self.defect("standby", failure)
            return
        self._metrics.failures.labels("standby").inc()
        if str(failure) != self._standby_failure:
            self._standby_failure = str(failure)
            log.error(
                f"the standby process failed, so a table that another program removes is restored later: {failure}"
            )

    def standby_restored(self) -> None:
        """Report that there is a standby process again."""
        if self._standby_failure:
            self._standby_failure = ""
            log.info("the standby process runs again")

    def node(self, errors: Iterable[str]) -> None:
        """Report conditions of the node that the rules cannot make up for; each is logged once while it lasts."""
        found = list(errors)
        for error in found:
            if error not in self._node_errors:
                log.error(error)
        self._node_errors = found

    def untracked(self, packets: int) -> None:
        """Report, once, that another program exempts packets from connection tracking."""
        if packets and not self._has_untracked:
            log.warning(
                "another program exempts packets from connection tracking (notrack): packets that the node forwards "
                "are tracked nevertheless; each packet that pods send to the node itself is judged on its own"
            )
        self._has_untracked |= packets > 0

    def adopted(self, adopted: Adopted | None) -> None:
        """Report, once, how many connections that were open before the kernel tracked any were adopted."""
        if adopted is not None and not self._has_adopted:
            self._has_adopted = True
            log.info("adopted connections that the kernel had not tracked before", extra=values(**adopted._asdict()))

    # --- denials ------------------------------------------------------------------------------------------------------

    def denial(self, denial: Denial, repeated: int) -> None:
        """Log a denied connection, and how often it was repeated since its last report."""
        log.info(str(denial), extra=values(**msgspec.structs.asdict(denial), repeated=repeated))

    def packet_log_failed(self, failed: PacketLogFailed) -> None:
        """Report that denied packets are not logged at present."""
        if not isinstance(failed.error, KernelError):
            self.defect("log", failed.error)
            return
        self._metrics.failures.labels("log").inc()
        if str(failed.error) != self._log_failure:
            log.error(f"denied packets are not logged: {failed.error}", extra=values(retry_in=failed.retry_in))
        self._log_failure = str(failed.error)

    def packet_log_restored(self) -> None:
        """Report that denied packets are logged again."""
        self._log_failure = ""
        log.info("denied packets are logged again")


def _consequence(failure: KernelError) -> str:
    if isinstance(failure, ProfileRefused):
        return "the pods concerned are closed until an attempt succeeds"
    return "the kernel may not hold all rules until an attempt succeeds"
