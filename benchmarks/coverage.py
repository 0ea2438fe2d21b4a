"""`test --coverage`: every mistake in 200 policies, and 200 tests that may notice it; and a snapshot of the cluster."""

from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import Final

from benchmarks.clusters import Plan, decoded, objects
from benchmarks.measuring import Figure, processor_seconds, without_collection
from benchmarks.policies import policies
from ringfence.cluster import Cluster
from ringfence.model.origin import Origin
from ringfence.render.snapshots import read_snapshot, snapshot_lines
from ringfence.testing.coverage import Coverage, Fate
from ringfence.testing.decoding import decode_tests
from ringfence.testing.reachability_tests import KIND, ReachabilityTest

PLAN: Final = Plan(pods=2_000, policies=200, namespaces=20)
_TESTS: Final = 200
_LIMIT: Final = 10


def measure() -> Iterator[Figure]:
    """The time for all mistakes, the number of mistakes tried in a second, and the time of a snapshot."""
    cluster = Cluster()
    for one in decoded(chain(objects(PLAN), policies(PLAN))):
        cluster.upsert(one)
    tests = list(_tests(cluster))
    found: list[Coverage] = []
    with without_collection():
        covering = processor_seconds(lambda: found.append(cluster.coverage_by(tests)))
        lines: list[str] = []
        writing = processor_seconds(lambda: lines.extend(snapshot_lines(cluster.snapshot())))
        before = read_snapshot("".join(lines), "connections.lock")
        comparing = processor_seconds(lambda: cluster.changes_since(before))
    assert found[0].of(Fate.NOTICED)
    assert found[0].tests == _TESTS
    tried = len(found[0].tried)
    what = f"{PLAN.policies} policies, {_TESTS} tests, {PLAN.pods:,} pods"
    yield Figure(f"{what}: coverage by {tried:,} mistakes", covering, "s", _LIMIT)
    yield Figure("  mistakes tried in a second", tried / covering, "")
    yield Figure(f"{PLAN}: a snapshot of {len(lines):,} lines", writing, "s")
    yield Figure("  what differs from it", comparing, "s")


def _tests(cluster: Cluster) -> Iterator[ReachabilityTest]:
    """Tests of pairs of workloads, which all hold."""
    random = Random(1)
    workloads = sorted({str(cluster.state.workload(pod)) for pod in cluster.state.members() if not pod.host_network})
    for number in range(_TESTS):
        source, destination = random.choice(workloads), random.choice(workloads)
        allowed = cluster.can(source, destination, port=80).all
        test = {
            "name": f"test {number}",
            "from": source,
            "to": destination,
            "port": 80,
            "expect": "allow" if allowed else "deny",
            "accept": ["assumptions", "unserved-ports"],
        }
        document = {"apiVersion": "ringfence/v1", "kind": KIND, "tests": [test]}
        yield from decode_tests(document, Origin("tests.yaml", 1)).tests
