"""Prometheus metrics of an agent: how fast it enforces, what it holds, and what goes wrong.

Source: prometheus.io, "Metric and label naming".
"""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from ringfence.dataplane.kernel import DropCount
from ringfence.dataplane.program import Collection, Program, VerdictMap
from ringfence.model.policies import Direction

_LATENCIES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The metrics of one agent, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry()
        self.programming = Histogram(
            "ringfence_programming_seconds",
            "From an event's arrival to the kernel's having enforced it.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.enforcing = Histogram(
            "ringfence_enforcing_seconds",
            "One round of compiling and putting into the kernel.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.failures = Counter(
            "ringfence_failures", "What went wrong while policies were enforced.", ["stage"], registry=registry
        )
        self.repairs = Counter(
            "ringfence_repairs", "How often somebody else's changes of the table were undone.", registry=registry
        )
        self.watch_restarts = Counter(
            "ringfence_watch_restarts", "How often a watch was interrupted.", ["kind"], registry=registry
        )
        self.last_event = Gauge(
            "ringfence_last_event_timestamp_seconds",
            "When the API server was last heard of, by kind.",
            ["kind"],
            registry=registry,
        )
        self.synced = Gauge("ringfence_synced", "1 when every kind has been listed whole.", registry=registry)
        self.in_order = Gauge("ringfence_in_order", "1 when the kernel holds all that it should.", registry=registry)
        self.problems = Gauge(
            "ringfence_unusable_objects", "Objects that cannot be used as they are.", registry=registry
        )
        self.bypassing = Gauge(
            "ringfence_bypassing_bridges", "Bridges whose packets no packet filter sees.", registry=registry
        )
        self._objects = Gauge("ringfence_objects", "Objects that are known, by kind.", ["kind"], registry=registry)
        self._identities = Gauge("ringfence_identities", "Pods that policies can tell apart.", registry=registry)
        self._sets = Gauge("ringfence_sets", "Sets and maps in the kernel.", registry=registry)
        self._elements = Gauge("ringfence_elements", "Elements in all sets and maps.", registry=registry)
        self._chains = Gauge("ringfence_chains", "Chains in the kernel.", registry=registry)
        self._isolated = Gauge("ringfence_isolated_addresses", "Isolated addresses.", ["direction"], registry=registry)
        self._transactions = _Follower(
            Counter("ringfence_transactions", "Transactions that the kernel took.", registry=registry)
        )
        self._ended = _Follower(
            Counter("ringfence_ended_connections", "Open connections that were ended.", registry=registry)
        )
        self._dropped = Counter(
            "ringfence_dropped_packets",
            "Packets dropped (observed: that would have been), by the side whose policies deny them.",
            ["direction"],
            registry=registry,
        )
        self._drops_seen: dict[tuple[Direction, int, int], int] = {}

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)

    def show_objects(self, counts: Mapping[str, int], identities: int, problems: int) -> None:
        """What is known of the cluster."""
        for kind, count in counts.items():
            self._objects.labels(kind).set(count)
        self._identities.set(identities)
        self.problems.set(problems)

    def show_program(self, program: Program, transactions: int, ended: int) -> None:
        """What the kernel holds, how many transactions it took since the start, and how many connections ended."""
        self._sets.set(len(program.collections))
        self._chains.set(len(program.chains))
        self._elements.set(sum(map(_size, program.collections.values())))
        self._transactions.reach(transactions)
        self._ended.reach(ended)

    def show_drops(self, drops: Iterable[DropCount]) -> None:
        """What the kernel has counted; a count that began anew, because its address was isolated anew, adds up."""
        present: dict[tuple[Direction, int, int], int] = {}
        isolated = dict.fromkeys(Direction, 0)
        for one in drops:
            key = (one.direction, one.family, one.address)
            present[key] = one.packets
            isolated[one.direction] += 1
            before = self._drops_seen.get(key, 0)
            fresh = one.packets - before if one.packets >= before else one.packets
            self._dropped.labels(one.direction.field).inc(fresh)
        self._drops_seen = present
        for direction, count in isolated.items():
            self._isolated.labels(direction.field).set(count)


class _Follower:
    """A counter that is told totals."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._total = 0

    def reach(self, total: int) -> None:
        self._counter.inc(total - self._total)
        self._total = total


def _size(collection: Collection) -> int:
    if isinstance(collection, VerdictMap):
        return sum(map(len, collection.elements.values()))
    return len(collection.elements)
