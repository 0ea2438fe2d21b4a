"""The cost of evaluating policies as a network plugin enforces them, as multiples of the cost with upstream's meaning.

All ratios are from one run, in which the same questions about the same cluster are asked in turn.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

from benchmarks.clusters import Plan, decoded, objects
from benchmarks.measuring import Figure, processor_seconds, without_collection
from benchmarks.policies import policies
from ringfence.cluster import Cluster
from ringfence.model.objects import Object, Pod

PLAN: Final = Plan(10_000, 1_000, 50)
PORT: Final = 8080
QUESTIONS: Final = 50_000
EXPLAINED: Final = 20
PLUGINS: Final = {
    "calico": "nothing differs",
    "cilium@1.19": "an ipBlock matches no pods and no nodes",
}


def measure() -> Iterator[Figure]:
    """Each figure without a plugin, and then its ratio with each plugin."""
    taken = [*decoded(objects(PLAN)), *decoded(policies(PLAN))]
    names = [f"{one.metadata.namespace}/{one.metadata.name}" for one in taken if isinstance(one, Pod)]
    random = Random(PLAN.seed)
    questions = [(random.choice(names), random.choice(names)) for _ in range(QUESTIONS)]
    with without_collection():
        plain = _times(taken, questions, "")
        for what, (value, unit) in plain.items():
            yield Figure(what, value, unit)
        for plugin, about in PLUGINS.items():
            for what, (value, _) in _times(taken, questions, plugin).items():
                yield Figure(f"{plugin} ({about}): {what}", value / plain[what][0], "x")


def _times(taken: list[Object], questions: list[tuple[str, str]], plugin: str) -> dict[str, tuple[float, str]]:
    cluster = Cluster()

    def first() -> None:
        for one in taken:
            cluster.state.upsert(one)
        if plugin:
            cluster.as_enforced_by(plugin)
        cluster.can(*questions[0], port=PORT)

    def ask() -> None:
        for source, destination in questions:
            cluster.can(source, destination, port=PORT)

    def explain() -> None:
        for source, destination in questions[:EXPLAINED]:
            cluster.can(source, destination, port=PORT).assumptions  # noqa: B018

    return {
        "from objects in memory to the first answer": (processor_seconds(first), "s"),
        "one can": (processor_seconds(ask) / QUESTIONS * 1e6, "µs"),
        "one can, with what it assumes": (processor_seconds(explain) / EXPLAINED * 1e6, "µs"),
        "every connection": (processor_seconds(lambda: sum(1 for _ in cluster.connections())), "s"),
    }
