"""Prometheus metrics of an agent: how fast it enforces, what the kernel holds, and what fails.

Source: prometheus.io, "Metric and label naming".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from ringfence.dataplane.packet_counts import BridgeCounts, DropCount
from ringfence.dataplane.program import Program
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

_LATENCIES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The metrics of one agent, in a registry of their own."""

    def __init__(self, dropped_lines: Callable[[], int] = lambda: 0) -> None:
        """`dropped_lines` returns how many log lines could not be written so far."""
        # They would be one more series for each counter and histogram.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry()
        self.programming = Histogram(
            "ringfence_programming_seconds",
            "Seconds from the arrival of an event until the kernel enforces it.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.enforcing = Histogram(
            "ringfence_enforcing_seconds",
            "Seconds of one round of compiling and programming the kernel.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.reviewing = Histogram(
            "ringfence_review_seconds",
            "Seconds from a change of the rules until all connections that they forbid are ended.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.failures = Counter(
            "ringfence_failures", "Failures while policies were enforced, by stage.", ["stage"], registry=registry
        )
        self.repairs = Counter(
            "ringfence_repairs", "Times that changes of other programs to the table were undone.", registry=registry
        )
        self.contested = Gauge(
            "ringfence_table_contested",
            "1 if other programs changed the table three times or more in the last minute.",
            registry=registry,
        )
        self.watch_restarts = Counter(
            "ringfence_watch_restarts", "Times that a watch was interrupted, by kind.", ["kind"], registry=registry
        )
        self.last_event = Gauge(
            "ringfence_last_event_timestamp_seconds",
            "Unix time of the last event from the API server, by kind.",
            ["kind"],
            registry=registry,
        )
        self.synced = Gauge("ringfence_synced", "1 if every kind has been listed.", registry=registry)
        self.served = Gauge(
            "ringfence_kind_served",
            "1 if the API server has this kind of custom resources, 0 if it does not.",
            ["kind"],
            registry=registry,
        )
        self._not_ready = Gauge(
            "ringfence_not_ready", "1 if policies may not be in force for this reason.", ["reason"], registry=registry
        )
        self.in_order = Gauge("ringfence_in_order", "1 if the kernel holds all rules.", registry=registry)
        self.unlogged = Counter(
            "ringfence_unlogged_packets",
            "Denied packets that could not be logged because too many came at once.",
            registry=registry,
        )
        self.problems = Gauge(
            "ringfence_unusable_objects", "Objects that cannot be used as they are.", registry=registry
        )
        self.bypassing = Gauge(
            "ringfence_bypassing_bridges", "Bridges whose packets bypass packet filters.", registry=registry
        )
        self.closings = Counter(
            "ringfence_closings",
            "Times that the pods of a namespace were closed because it had used its share of the agent's time.",
            registry=registry,
        )
        self.written_events = Counter(
            "ringfence_written_events", "Kubernetes Events that were written.", registry=registry
        )
        self.dropped_events = Counter(
            "ringfence_dropped_events",
            "Kubernetes Events that were not written because there are too many, or because the server refused them.",
            registry=registry,
        )
        self._lag = Gauge(
            "ringfence_lag_seconds", "Age of the oldest change that is not in force, 0 if all are.", registry=registry
        )
        self._waiting = Gauge(
            "ringfence_waiting_changes", "Changes that have arrived and are not applied.", registry=registry
        )
        self._closed_pods = Gauge(
            "ringfence_closed_pods",
            "Pods of this node that are allowed nothing until their policies are in force, by reason.",
            ["reason"],
            registry=registry,
        )
        self._objects = Gauge("ringfence_objects", "Known objects, by kind.", ["kind"], registry=registry)
        self._identities = Gauge(
            "ringfence_identities", "Groups of pods that no policy in force can tell apart.", registry=registry
        )
        self._sets = Gauge("ringfence_sets", "Sets and maps in the kernel.", registry=registry)
        self._elements = Gauge("ringfence_elements", "Elements in all sets and maps.", registry=registry)
        self._chains = Gauge("ringfence_chains", "Chains in the kernel.", registry=registry)
        self._isolated = Gauge(
            "ringfence_isolated_addresses", "Isolated addresses, by direction.", ["direction"], registry=registry
        )
        self._transactions = _TotalCounter(
            Counter("ringfence_transactions", "Transactions that the kernel has accepted.", registry=registry)
        )
        self._ended = _TotalCounter(
            Counter(
                "ringfence_ended_connections",
                "Open connections that were ended because no policy allows them any more.",
                registry=registry,
            )
        )
        self._dropped = Counter(
            "ringfence_dropped_packets",
            "Packets that policies denied (in observe mode: would have denied), by direction.",
            ["direction"],
            registry=registry,
        )
        self._dropped_lines = dropped_lines
        self._log_lines = _TotalCounter(
            Counter(
                "ringfence_dropped_log_lines",
                "Lines of the log that were dropped because they could not be written in time.",
                registry=registry,
            )
        )
        self._spoofed = Counter(
            "ringfence_spoofed_packets",
            "Packets of pods with a source address that does not belong to the link of the pod, by address family.",
            ["family"],
            registry=registry,
        )
        self._ports = Gauge(
            "ringfence_bridge_ports",
            "Ports of bridges, by what is known of where they lead.",
            ["leads_to"],
            registry=registry,
        )
        self._bridged = Counter(
            "ringfence_bridge_dropped_frames",
            "Frames on bridges that were dropped independently of policies, by reason.",
            ["reason"],
            registry=registry,
        )
        self._bridged_seen = BridgeCounts(0, 0)
        self._held = Counter(
            "ringfence_held_packets",
            "Packets of pods that are not known yet, or are closed, by reason and address family.",
            ["reason", "family"],
            registry=registry,
        )
        self._untracked = Counter(
            "ringfence_untracked_packets",
            "Packets that were tracked although another program had exempted them, by address family.",
            ["family"],
            registry=registry,
        )
        self._seen: defaultdict[Counter, int] = defaultdict(int)
        self._drops_seen: dict[tuple[Direction, int, int], int] = {}

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def show_objects(self, counts: Mapping[str, int], identities: int, problems: int) -> None:
        """Set the numbers of known objects by kind, of identities, and of objects that cannot be used."""
        for kind, count in counts.items():
            self._objects.labels(kind).set(count)
        self._identities.set(identities)
        self.problems.set(problems)

    def show_program(self, program: Program, transactions: int, ended: int) -> None:
        """Set the size of the program in the kernel, and the transactions and ended connections since the start."""
        self._sets.set(len(program.collections))
        self._chains.set(len(program.chains))
        self._elements.set(sum(one.size for one in program.collections.values()))
        self._transactions.set_total(transactions)
        self._ended.set_total(ended)

    def show_lag(self, seconds: Callable[[], float]) -> None:
        """Read the age of the oldest change from `seconds` whenever the metrics are read."""
        self._lag.set_function(seconds)

    def show_waiting(self, changes: int) -> None:
        """Set how many changes wait."""
        self._waiting.set(changes)

    def show_closed_pods(self, reason: str, pods: int) -> None:
        """Set how many pods are closed for a reason."""
        self._closed_pods.labels(reason).set(pods)

    def show_readiness(self, reasons: Mapping[str, bool]) -> None:
        """Set for each reason whether it keeps the agent from being ready."""
        for reason, holds in reasons.items():
            self._not_ready.labels(reason).set(holds)

    def show_log(self) -> None:
        """Set how many log lines were dropped."""
        self._log_lines.set_total(self._dropped_lines())

    def show_drops(self, drops: Iterable[DropCount]) -> None:
        """Add the denied packets that the kernel has counted for each address.

        A counter restarts at zero when its address is isolated again; then its whole value is added.
        """
        present: dict[tuple[Direction, int, int], int] = {}
        isolated = dict.fromkeys(Direction, 0)
        for one in drops:
            key = (one.direction, one.family, one.address)
            present[key] = one.packets
            isolated[one.direction] += 1
            before = self._drops_seen.get(key, 0)
            has_restarted = one.packets < before
            self._dropped.labels(one.direction.field).inc(one.packets if has_restarted else one.packets - before)
        self._drops_seen = present  # this forgets addresses that are no longer isolated
        for direction, count in isolated.items():
            self._isolated.labels(direction.field).set(count)

    def show_spoofed(self, packets: Mapping[Family, int]) -> None:
        """Add the packets with a wrong source address that the kernel has counted."""
        for family, count in packets.items():
            self._add(self._spoofed.labels(str(family)), count)

    def show_held(self, reason: str, packets: Mapping[Family, int]) -> None:
        """Add the packets of pods that are not known yet (`unknown`), or are `closed`, that the kernel has counted."""
        for family, count in packets.items():
            self._add(self._held.labels(reason, str(family)), count)

    def show_untracked(self, packets: Mapping[Family, int]) -> None:
        """Add the packets that the kernel has counted and another program had exempted from connection tracking."""
        for family, count in packets.items():
            self._add(self._untracked.labels(str(family)), count)

    def _add(self, counter: Counter, count: int) -> None:
        """Add the increase of a kernel counter since it was last read. The kernel's counter may restart at zero."""
        before, self._seen[counter] = self._seen[counter], count
        counter.inc(count - before if count >= before else count)

    def show_ports(self, counts: Mapping[str, int]) -> None:
        """Set how many bridge ports lead to pods (`pod`), to another network (`other`), or are `unknown`."""
        for leads_to, count in counts.items():
            self._ports.labels(leads_to).set(count)

    def show_bridges(self, frames: BridgeCounts) -> None:
        """Add the frames on bridges that the kernel has counted; its counters may restart, too."""
        for reason, count, before in zip(BridgeCounts._fields, frames, self._bridged_seen, strict=True):
            self._bridged.labels(reason).inc(count - before if count >= before else count)
        self._bridged_seen = frames


class _TotalCounter:
    """A counter that is set to totals, which must never decrease."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._total = 0

    def set_total(self, total: int) -> None:
        self._counter.inc(total - self._total)
        self._total = total
