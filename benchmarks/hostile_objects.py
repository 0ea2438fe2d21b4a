"""The cost of the largest objects that an API server stores, with each field that can be long.

Measured is the time in which the agent can do nothing else: the longest step of reading an object, of reading another
version of it, and of putting it in force and out of force again, and the longest transaction of the kernel, which holds
a lock over all packet filters meanwhile. All policies select one pod of this node, among 400 pods in ten namespaces.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tests.hostile_cluster_policies import CLUSTER_POLICIES
from tests.hostile_objects import (
    LARGEST,
    OTHERS,
    POLICIES,
    SHAPES,
    Shape,
    crowd,
    delivered,
    of_size,
)

from benchmarks.large_policies import LONGEST, Transactions
from benchmarks.measuring import Figure, Peak, processor_seconds, without_collection
from ringfence.agent.loop import LEAST_EFFORT
from ringfence.agent.view import View
from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.sources.cluster import Removed, Upserted

TAKEN_IN: Final = 100
"""Milliseconds that one step may take: between two steps, others' changes are read."""

_SHORTER: Final = 2_000
"""Bytes by which another version of an object is shorter."""

_PODS: Final = 400
_MOST_ROUNDS: Final = 1_000
_POLICIES: Final = 6


def measure() -> Iterator[Figure]:
    """Every shape, in a view and a kernel of its own. The process must be in network namespaces of its own."""
    for name, shape in SHAPES.items():
        yield from _taken_in(name, shape)
    for name, shape in POLICIES.items():
        yield from _enforced(name, shape)
    yield from _cluster_policies_taken_in()
    for name in ("blocks", "matchLabels", "rules with a block and a port"):
        yield from _kept(name, POLICIES[name])


def _taken_in(name: str, shape: Shape) -> Iterator[Figure]:
    first, second = (Upserted(delivered(of_size(shape, size))) for size in (LARGEST, LARGEST - _SHORTER))
    view, elsewhere = _view("here"), _view("elsewhere")
    with without_collection():
        steps = list(_steps(view, first))
        yield Figure(f"{name}: taken in, longest step", max(steps), "ms", TAKEN_IN)
        yield Figure("  all steps", sum(steps), "ms")
        again = max(max(_steps(view, event)) for event in (second, first))
        yield Figure("  another version of it, longest step", again, "ms", TAKEN_IN)
        if name not in OTHERS:
            yield Figure("  on a node without the pod, longest step", max(_steps(elsewhere, first)), "ms", TAKEN_IN)


def _cluster_policies_taken_in() -> Iterator[Figure]:
    """Of each kind, the field with the longest step."""
    longest: dict[str, tuple[float, str]] = {}
    for name, shape in CLUSTER_POLICIES.items():
        kind, _, field = name.partition(": ")
        view, event = _view("here"), Upserted(delivered(of_size(shape)))
        with without_collection():
            longest[kind] = max(longest.get(kind, (0.0, "")), (max(_steps(view, event)), field))
    for kind, (milliseconds, field) in longest.items():
        yield Figure(f"{kind}, {field}: taken in, longest step", milliseconds, "ms", TAKEN_IN)


def _enforced(name: str, shape: Shape) -> Iterator[Figure]:
    obj = of_size(shape)
    view = _view("here")
    compiler, kernel = Compiler(view.state, lambda member: member.node == "here", in_steps=_in_steps), Kernel()
    kernel.apply(compiler.program())
    with without_collection(), Transactions() as transactions:
        _apply(view, Upserted(delivered(obj)))
        times = [*_rounds(compiler, kernel)]
        _apply(view, Removed("NetworkPolicy", "tenant", obj["metadata"]["name"]))
        times += _rounds(compiler, kernel)
        yield Figure(f"{name}: enforced, longest step", max(times), "ms", TAKEN_IN)
        yield Figure("  all steps", sum(times), "ms")
        yield Figure("  longest transaction", transactions.longest() * 1e3, "ms", LONGEST)
    kernel.remove()
    kernel.close()


def _in_steps(namespace: str, effort: int) -> bool:
    """Whether the agent builds a chain in steps for a namespace that has used its share of the time."""
    return effort > LEAST_EFFORT


def _rounds(compiler: Compiler, kernel: Kernel) -> Iterator[float]:
    """The milliseconds of each round, and of each step between two, until everything is in force."""
    rounds = 0
    while not rounds or compiler.closed or compiler.has_leftovers:
        assert rounds < _MOST_ROUNDS
        rounds += 1
        yield _milliseconds(lambda: kernel.apply(compiler.program(present=kernel.present)))
        while compiler.computing:
            yield _milliseconds(lambda: compiler.compute(str.__len__))


def _kept(name: str, shape: Shape) -> Iterator[Figure]:
    obj = of_size(shape)
    texts = [delivered(obj | {"metadata": obj["metadata"] | {"name": f"p{number}"}}) for number in range(_POLICIES)]
    view = _view("here")
    peak = Peak()
    for text in texts:
        _apply(view, Upserted(text))
    yield Figure(f"{name}: memory for {_POLICIES} policies, with what it takes to take them in", peak.megabytes(), "MB")


def _view(node: str) -> View:
    view = View(node)
    for obj in crowd(_PODS):
        view.apply(Upserted(delivered(obj)))
    return view


def _steps(view: View, event: Upserted) -> Iterator[float]:
    """The milliseconds of each step of reading an event, and of the deferred work."""
    steps = view.prepare_in_steps(event)
    take_in: list[Callable[[], None]] = []

    def prepare() -> None:
        try:
            next(steps)
        except StopIteration as end:
            take_in.append(end.value)

    while not take_in:
        yield _milliseconds(prepare)
    yield _milliseconds(take_in[0])
    yield _milliseconds(lambda: view.state.population.version)


def _apply(view: View, event: Upserted | Removed) -> None:
    """Read an event, and do all work that is deferred until the population is next read."""
    view.apply(event)
    _ = view.state.population.version


def _milliseconds(run: Callable[[], object]) -> float:
    return processor_seconds(run) * 1e3
