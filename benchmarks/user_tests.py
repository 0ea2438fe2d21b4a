"""Tests that users write, of each kind and mixed: the time to evaluate them, with the assumptions of their answers."""

from collections.abc import Callable, Iterator
from datetime import date
from random import Random

from benchmarks.clusters import Plan, decoded, objects
from benchmarks.measuring import Figure, processor_seconds, without_collection
from benchmarks.policies import policies
from ringfence.analysis.endpoints import asked_ports
from ringfence.cluster import Cluster
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.testing.judging import Judge
from ringfence.testing.reachability_tests import (
    Acceptance,
    Connects,
    Expectation,
    Expected,
    IsIsolated,
    OnlyThese,
    ReachabilityTest,
)

PLAN = Plan(10_000, 1_000, 50)
PORT = asked_ports(8080)


def measure() -> Iterator[Figure]:
    """Tests of two workloads, of a namespace and a workload, of who alone reaches one or is reached, and mixed."""
    cluster, random = Cluster(), Random(PLAN.seed)
    for one in (*decoded(objects(PLAN)), *decoded(policies(PLAN))):
        cluster.upsert(one)
    members = list(cluster.state.members())
    workloads = sorted({str(cluster.state.workload(member)) for member in members})
    spaces = sorted(cluster.state.namespaces.names())
    cluster.can(f"{spaces[0]}/*", f"{spaces[1]}/*", port=8080)

    def pair() -> Expectation:
        return Connects((random.choice(workloads),), (random.choice(workloads),), PORT, Expected.DENY)

    def namespace() -> Expectation:
        return Connects((f"{random.choice(spaces)}/*",), (random.choice(workloads),), PORT, Expected.DENY)

    def only(direction: Direction) -> Expectation:
        own = random.choice(workloads)
        reach = cluster.sources if direction is Direction.INGRESS else cluster.destinations
        listed = sorted({str(cluster.state.workload(member)) for member in reach(own, 8080)})
        return OnlyThese(direction, (own,), PORT, tuple(listed))

    def isolated() -> Expectation:
        return IsIsolated((random.choice(workloads),), (Direction.INGRESS,))

    def mixed() -> Expectation:
        return random.choices(
            (pair, namespace, isolated, lambda: only(Direction.INGRESS), lambda: only(Direction.EGRESS)),
            weights=(75, 10, 5, 5, 5),
        )[0]()

    for name, number, make, limit in (
        ("workload to workload", 1_000, pair, 1.0),
        ("a namespace to a workload", 100, namespace, None),
        ("only-from", 100, lambda: only(Direction.INGRESS), None),
        ("only-to", 100, lambda: only(Direction.EGRESS), None),
        ("mixed, a tenth of them only-from and only-to", 1_000, mixed, 1.0),
    ):
        yield Figure(f"{number:,} tests, {name}", _seconds(cluster, number, make), "s", limit)


def _seconds(cluster: Cluster, number: int, make: Callable[[], Expectation]) -> float:
    tests = [ReachabilityTest("t", Place("t.yaml", 1), make(), accepted=frozenset(Acceptance)) for _ in range(number)]
    judge = Judge(cluster.state, "default", today=date(2026, 1, 1))
    with without_collection():  # the command line collects seldom
        return processor_seconds(lambda: [judge.outcome(test) for test in tests])
