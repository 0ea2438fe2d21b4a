"""The engine: from objects to the first answer, questions, all connectivity, and changes."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from statistics import median

import msgspec

from benchmarks import changes
from benchmarks.allowed_pairs import allowed_pairs
from benchmarks.changes import ChangeLimits, name_of
from benchmarks.cluster_policies import cluster_policies
from benchmarks.clusters import Plan, Shape, decoded, objects
from benchmarks.measuring import (
    Figure,
    present_megabytes,
    processor_seconds,
    resident_megabytes,
    typical,
    without_collection,
)
from benchmarks.policies import policies
from ringfence.cluster import Cluster
from ringfence.model.objects import Object, Pod
from ringfence.render.connection_views import connections_json

EXAMPLE = Path(__file__).parents[1] / "examples" / "three-tier"
PORT = 8080
QUESTIONS = 1_000_000


class Limits(msgspec.Struct, frozen=True):
    """The limits of one size of cluster; None without a limit."""

    first_answer: float | None = None
    memory: float | None = None
    can: float | None = None
    count_pairs: float | None = None
    stream: float | None = None
    reach: float | None = None
    changes: ChangeLimits = ChangeLimits()


class Size(msgspec.Struct, frozen=True):
    """A cluster, and its limits. Lists of all pairs grow with the square of the workloads: not all sizes have them."""

    plan: Plan
    limits: Limits = Limits()
    has_lists: bool = True


SIZES = {
    "engine-1k": Size(Plan(1_000, 100, 5)),
    "engine-10k": Size(Plan(10_000, 1_000, 50), Limits(first_answer=1, memory=300, can=50, count_pairs=1)),
    "engine-10k-tiers": Size(
        Plan(10_000, 1_000, 50, cluster_policies=100), Limits(first_answer=1, memory=300, can=50, count_pairs=1)
    ),
    "engine-100k": Size(Plan(100_000, 10_000, 500), Limits(1.5, 600, 20, 2, 10, 1, ChangeLimits(0.2, 10, 50, 100))),
    "engine-100k-tiers": Size(
        Plan(100_000, 10_000, 500, cluster_policies=1_000),
        Limits(first_answer=2, can=25, changes=ChangeLimits(cluster_policy=50)),
        has_lists=False,
    ),
    "engine-1m": Size(
        Plan(1_000_000, 100_000, 5_000),
        Limits(first_answer=15, memory=2_000, can=30, changes=ChangeLimits(policy=1)),
        has_lists=False,
    ),
    "engine-unique": Size(
        Plan(20_000, 2_000, 100, shape=Shape.UNIQUE), Limits(first_answer=3, changes=ChangeLimits(policy=50))
    ),
}

GROWTH = ("engine-1k", "engine-10k", "engine-100k")


def measure(size: Size) -> Iterator[Figure]:
    """All figures of the engine for one cluster. To be run in a process of its own: memory only ever grows."""
    plan, limits = size.plan, size.limits
    random = Random(plan.seed)
    taken = [*decoded(objects(plan)), *decoded(policies(plan)), *decoded(cluster_policies(plan))]
    pods = [one for one in taken if isinstance(one, Pod)]
    names = [f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in pods]
    questions = [(random.choice(names), random.choice(names)) for _ in range(QUESTIONS)]
    before = present_megabytes()
    with without_collection():
        cluster = Cluster()
        yield Figure(
            "from objects in memory to the first answer",
            processor_seconds(lambda: _first(cluster, taken)),
            "s",
            limits.first_answer,
        )
        yield Figure("memory above the objects", present_megabytes() - before, "MB", limits.memory)
        yield Figure("identities", cluster.state.population.everyone.bit_count(), "")
        asked = processor_seconds(lambda: _ask(cluster, questions))
        yield Figure(
            f"one can, mean over {QUESTIONS:,} random questions", asked / len(questions) * 1e6, "µs", limits.can
        )
        yield Figure("memory above the objects after these questions", present_megabytes() - before, "MB")
        if size.has_lists:
            yield from _lists(cluster, limits)
        yield from changes.measure(cluster, pods, random, limits.changes)
        yield from _reach(cluster, names, random, limits)


def _first(cluster: Cluster, taken: Iterable[Object]) -> None:
    for one in taken:
        cluster.state.upsert(one)
    first, *_, last = (name_of(one) for one in taken if isinstance(one, Pod))
    cluster.can(first, last, port=PORT)


def _ask(cluster: Cluster, questions: Iterable[tuple[str, str]]) -> None:
    """Ask all of them; no answer is kept, since a million of them take more memory than the cluster."""
    for source, destination in questions:
        cluster.can(source, destination, port=PORT)


def _lists(cluster: Cluster, limits: Limits) -> Iterator[Figure]:
    yield Figure(
        "count the allowed pairs of pods of a port",
        median(processor_seconds(lambda: allowed_pairs(cluster.state, "TCP", PORT)) for _ in range(3)),
        "s",
        limits.count_pairs,
    )
    before = resident_megabytes()
    with tempfile.TemporaryFile("w") as file:
        took = processor_seconds(lambda: file.writelines(connections_json(cluster.connections())))
        yield Figure("every pair of workloads with its traffic, streamed to a file", took, "s", limits.stream)
        yield Figure("  written", file.tell() / 1e6, "MB")
    yield Figure("  memory meanwhile", resident_megabytes() - before, "MB")


def _reach(cluster: Cluster, names: list[str], random: Random, limits: Limits) -> Iterator[Figure]:
    cluster.sources(names[0], PORT)
    cluster.destinations(names[0], PORT)
    some = random.sample(names, 200)
    sources = median(processor_seconds(lambda name=name: cluster.sources(name, PORT)) for name in some)  # type: ignore[misc]
    yield Figure("who can reach a pod (sources), median", sources * 1e3, "ms", limits.reach)
    reached = median(processor_seconds(lambda name=name: cluster.destinations(name, PORT)) for name in some)  # type: ignore[misc]
    yield Figure("what a pod can reach (destinations), median", reached * 1e3, "ms", limits.reach)


def command_line() -> Iterator[Figure]:
    """The whole process of one question, as a user waits for it."""
    program = str(Path(sys.executable).with_name("ringfence"))
    command = [program, "can", "-f", str(EXAMPLE), "prod/api", "prod/db", "-p", "3306"]
    took = typical([lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)] * 7)
    yield Figure("ringfence can -f examples/three-tier, from start to end", took, "s", 0.25)
