"""The engine: from objects to the first answer, questions, all connectivity, and changes."""

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median, quantiles

import msgspec

from benchmarks.clusters import Plan, Shape, decoded, objects
from benchmarks.measuring import Figure, resident_megabytes, seconds, typical, without_collection
from benchmarks.policies import policies
from ringfence.analysis.counting import allowed_pairs
from ringfence.cluster import Cluster
from ringfence.model.objects import NetworkPolicy, Object, Pod
from ringfence.render.json import connections

EXAMPLE = Path(__file__).parents[1] / "examples" / "three-tier"
PORT = 8080
QUESTIONS = 1_000_000


class Limits(msgspec.Struct, frozen=True):
    """What one size of cluster has to keep; None where nothing is promised."""

    first_answer: float | None = None
    memory: float | None = None
    can: float | None = None
    count_pairs: float | None = None
    stream: float | None = None
    pod_change: float | None = None
    policy_change: float | None = None
    policy_change_99: float | None = None
    new_label: float | None = None
    reach: float | None = None


SIZES = {
    "engine-1k": (Plan(1_000, 100, 5), Limits()),
    "engine-10k": (Plan(10_000, 1_000, 50), Limits(first_answer=1, memory=300, can=50, count_pairs=1)),
    "engine-100k": (Plan(100_000, 10_000, 500), Limits(1.5, 600, 20, 2, 10, 0.2, 10, 50, 100, 1)),
    "engine-unique": (
        Plan(20_000, 2_000, 100, shape=Shape.UNIQUE),
        Limits(first_answer=3, policy_change=50),
    ),
}

GROWTH = ("engine-1k", "engine-10k", "engine-100k")


def measure(plan: Plan, limits: Limits) -> Iterator[Figure]:
    """All figures of the engine for one cluster. To be run in a process of its own: memory only ever grows."""
    random = Random(plan.seed)
    taken = [*decoded(objects(plan)), *decoded(policies(plan))]
    pods = [one for one in taken if isinstance(one, Pod)]
    names = [f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in pods]
    questions = [(random.choice(names), random.choice(names)) for _ in range(QUESTIONS)]
    before = resident_megabytes()
    with without_collection():
        cluster = Cluster()
        yield Figure(
            "from objects in memory to the first answer",
            seconds(lambda: _first(cluster, taken)),
            "s",
            limits.first_answer,
        )
        yield Figure("memory above the objects", resident_megabytes() - before, "MB", limits.memory)
        yield Figure("identities", cluster.state.population.everyone.bit_count(), "")
        asked = seconds(lambda: [cluster.can(source, destination, port=PORT) for source, destination in questions])
        yield Figure(
            f"one can, mean over {QUESTIONS:,} random questions", asked / len(questions) * 1e6, "µs", limits.can
        )
        yield Figure(
            "count the allowed pairs of pods of a port",
            typical([lambda: allowed_pairs(cluster.state, "TCP", PORT)] * 3),
            "s",
            limits.count_pairs,
        )
        yield from _streamed(cluster, limits)
        yield from _changes(cluster, pods, random, limits)
        yield from _reach(cluster, names, random, limits)


def _first(cluster: Cluster, taken: Iterable[Object]) -> None:
    for one in taken:
        cluster.state.upsert(one)
    first, *_, last = (_name(one) for one in taken if isinstance(one, Pod))
    cluster.can(first, last, port=PORT)


def _streamed(cluster: Cluster, limits: Limits) -> Iterator[Figure]:
    before = resident_megabytes()
    with tempfile.TemporaryFile("w") as file:
        took = seconds(lambda: file.writelines(connections(cluster.connections())))
        yield Figure("every pair of workloads with its traffic, streamed to a file", took, "s", limits.stream)
        yield Figure("  written", file.tell() / 1e6, "MB")
    yield Figure("  memory meanwhile", resident_megabytes() - before, "MB")


def _changes(cluster: Cluster, pods: list[Pod], random: Random, limits: Limits) -> Iterator[Figure]:
    state, some = cluster.state, random.sample(pods, 300)

    def relabel(pod: Pod, other: Pod) -> None:
        labels = other.metadata.labels
        state.upsert(msgspec.structs.replace(pod, metadata=msgspec.structs.replace(pod.metadata, labels=labels)))
        cluster.can(_name(pod), _name(other), port=PORT)

    def come_and_go(pod: Pod) -> None:
        state.remove("Pod", pod.metadata.namespace, pod.metadata.name)
        state.upsert(pod)
        cluster.can(_name(pod), _name(pod), port=PORT)

    moved = median(seconds(lambda pod=pod: come_and_go(pod)) for pod in some) / 2  # type: ignore[misc]
    yield Figure("one pod comes or goes", moved * 1e3, "ms", limits.pod_change)
    for pod in some:
        state.upsert(pod)
    put_on = median(seconds(lambda pod=pod: relabel(pod, random.choice(some))) for pod in some)  # type: ignore[misc]
    yield Figure("one pod is relabelled, and a question answered", put_on * 1e3, "ms", limits.pod_change)

    yield from _policy_changes(cluster, pods, random, limits)


def _policy_changes(cluster: Cluster, pods: list[Pod], random: Random, limits: Limits) -> Iterator[Figure]:
    """Each change is followed by a question about a pod of the policy's namespace: until then, work can be put off."""
    state, names = cluster.state, defaultdict(list)
    for pod in pods:
        names[pod.metadata.namespace].append(_name(pod))

    def changed(namespace: str, change: Callable[[], None]) -> float:
        one, other = random.choice(names[namespace]), random.choice(names[namespace])

        def change_and_ask() -> None:
            change()
            cluster.can(one, other, port=PORT)

        return seconds(change_and_ask) * 1e3

    took = []
    for policy in random.sample(cluster.policies(), min(200, len(cluster.policies()))):
        namespace, name = policy.metadata.namespace, policy.metadata.name
        closed = msgspec.structs.replace(policy, spec=msgspec.structs.replace(policy.spec, ingress=(), egress=()))
        took.append(changed(namespace, partial(state.upsert, closed)))
        took.append(changed(namespace, partial(cluster.remove, "NetworkPolicy", namespace, name)))
        took.append(changed(namespace, partial(state.upsert, policy)))
    yield Figure("one policy is changed, removed or added: median", median(took), "ms", limits.policy_change)
    yield Figure("  99th percentile", quantiles(took, n=100)[98], "ms", limits.policy_change_99)
    first = pods[0].metadata.namespace
    reading = [changed(first, partial(state.upsert, _reading(first, *label))) for label in _UNREAD_LABELS]
    yield Figure("a label key is read for the first time: the slowest of some", max(reading), "ms", limits.new_label)
    asked = seconds(lambda: cluster.sources(names[first][0], PORT))
    yield Figure("who can reach a pod, asked first after such a change", asked * 1e3, "ms")


def _reach(cluster: Cluster, names: list[str], random: Random, limits: Limits) -> Iterator[Figure]:
    cluster.sources(names[0], PORT)
    cluster.destinations(names[0], PORT)
    some = random.sample(names, 200)
    sources = median(seconds(lambda name=name: cluster.sources(name, PORT)) for name in some)  # type: ignore[misc]
    yield Figure("who can reach a pod (sources), median", sources * 1e3, "ms", limits.reach)
    reached = median(seconds(lambda name=name: cluster.destinations(name, PORT)) for name in some)  # type: ignore[misc]
    yield Figure("what a pod can reach (destinations), median", reached * 1e3, "ms", limits.reach)


def command_line() -> Iterator[Figure]:
    """The whole process of one question, as a user waits for it."""
    program = str(Path(sys.executable).with_name("ringfence"))
    command = [program, "can", "-f", str(EXAMPLE), "prod/api", "prod/db", "-p", "3306"]
    took = typical([lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)] * 7)
    yield Figure("ringfence can -f examples/three-tier, from start to end", took, "s", 0.25)


def _name(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


_UNREAD_LABELS = (
    ("pod-template-hash", "Exists"),
    ("statefulset.kubernetes.io/pod-name", "Exists"),
    ("controller-revision-hash", "DoesNotExist"),
    ("apps.kubernetes.io/pod-index", "In", "0", "1"),
)
"""Labels that controllers write on many pods, each with many values, and that no policy of a plan reads."""


def _reading(namespace: str, key: str, operator: str, *values: str) -> NetworkPolicy:
    requirement = {"key": key, "operator": operator, "values": list(values)}
    spec = {"podSelector": {"matchExpressions": [requirement]}, "policyTypes": ["Ingress"]}
    metadata = {"name": f"reads-{key.replace('/', '-')}", "namespace": namespace}
    return msgspec.convert({"metadata": metadata, "spec": spec}, NetworkPolicy)
