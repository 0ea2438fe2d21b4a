"""The engine agrees with the naive evaluator on clusters of real size, before and after changes.

The naive evaluator gets all policies, namespaces and nodes, but of the pods only the two that are asked about: no
sentence of the reference lets a third one matter.
"""

from collections.abc import Iterator, Sequence
from random import Random

import pytest
from benchmarks.clusters import SYSTEM, Plan, Shape, objects
from benchmarks.policies import policies
from tests.semantics import naive
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence import Cluster

pytestmark = pytest.mark.repeats_lines

PLANS = [Plan(10_000, 1_000, 50), Plan(2_000, 400, 10, shape=Shape.UNIQUE)]
QUESTIONS = [("TCP", 8080), ("TCP", 9090), ("TCP", 5432), ("UDP", 53), ("TCP", 443), ("SCTP", 1)]


class Sample:
    """A cluster, and its objects for the naive evaluator."""

    def __init__(self, plan: Plan) -> None:
        self.random = Random(plan.seed)
        everything = list(objects(plan))
        self.policies = {_path(one): one for one in policies(plan)}
        self.cluster: Cluster = cluster_of([*everything, *self.policies.values()])
        self.pods = {_path(one): one for one in everything if one["kind"] == "Pod"}
        self.around = [one for one in everything if one["kind"] in ("Namespace", "Node")]
        self.names = list(self.pods)

    def pairs(self, count: int) -> Iterator[tuple[str, str]]:
        """Pairs of pods that may connect: of one namespace, or with a pod that all others use; and any two."""
        system = [name for name in self.names if name.partition("/")[0] in SYSTEM]
        for _ in range(count):
            one = self.random.choice(self.names)
            neighbours = [name for name in self.names if name.partition("/")[0] == one.partition("/")[0]]
            yield one, self.random.choice(neighbours)
            yield self.random.choice(system), one
            yield one, self.random.choice(system)
            yield one, self.random.choice(self.names)

    def by_the_letter(self, source: str, destination: str, protocol: str, port: int) -> bool:
        pods = {name: self.pods[name] for name in (source, destination)}
        world = [*pods.values(), *self.around, *self.policies.values()]
        return naive.allowed(world, source, destination, protocol, port)

    def check(self, pairs: Iterator[tuple[str, str]]) -> set[bool]:
        """Ask about pairs; the different answers."""
        answers = set()
        for source, destination in pairs:
            protocol, port = self.random.choice(QUESTIONS)
            verdict = self.cluster.can(source, destination, port=port, protocol=protocol)
            expected = self.by_the_letter(source, destination, protocol, port)
            assert bool(verdict) is expected, (source, destination, protocol, port)
            answers.add(expected)
        return answers


@pytest.fixture(scope="module", params=PLANS, ids=[plan.shape.value for plan in PLANS])
def sample(request: pytest.FixtureRequest) -> Sample:
    plan: Plan = request.param
    return Sample(plan)


def test_any_two_pods(sample: Sample) -> None:
    assert sample.check(sample.pairs(60)) == {True, False}


def test_who_can_reach_a_pod_and_what_it_can_reach(sample: Sample) -> None:
    for one, other in sample.pairs(5):
        protocol, port = sample.random.choice(QUESTIONS)
        sources = {str(pod) for pod in sample.cluster.sources(one, port, protocol)}
        destinations = {str(pod) for pod in sample.cluster.destinations(one, port, protocol)}
        some = [*sample.random.sample(sample.names, 5), *_some(sample, sources), *_some(sample, destinations), other]
        for name in dict.fromkeys(some):
            if name != one:
                assert (name in sources) is sample.by_the_letter(name, one, protocol, port), (name, one)
                assert (name in destinations) is sample.by_the_letter(one, name, protocol, port), (one, name)


def test_after_changes(sample: Sample) -> None:
    """Pods get the labels of others, policies the rules of others or are removed; questions are about what changed."""
    touched: list[str] = []
    for name, other in zip(*(sample.random.sample(sample.names, 20) for _ in range(2)), strict=True):
        pod = sample.pods[name]
        labels = sample.pods[other]["metadata"]["labels"]
        sample.pods[name] = {**pod, "metadata": {**pod["metadata"], "labels": labels}}
        sample.cluster.upsert(sample.pods[name])
        touched.append(name)
    for number, path in enumerate(sample.random.sample(list(sample.policies), 40)):
        namespace, _, name = path.partition("/")
        if number % 2:
            del sample.policies[path]
            sample.cluster.remove("NetworkPolicy", namespace, name)
        else:
            spec = sample.policies[sample.random.choice(list(sample.policies))]["spec"]
            sample.policies[path] = {**sample.policies[path], "spec": spec}
            sample.cluster.upsert(sample.policies[path])
        touched.append(next(name for name in sample.names if name.startswith(f"{namespace}/")))
    around = ((one, sample.random.choice(sample.names)) for one in touched)
    back = ((sample.random.choice(sample.names), one) for one in touched)
    assert sample.check(iter([*around, *back, *sample.pairs(15)])) == {True, False}


def _some(sample: Sample, names: set[str]) -> Sequence[str]:
    return sample.random.sample(sorted(names), min(5, len(names)))


def _path(one: Object) -> str:
    return f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"
