"""The work that an object causes grows no faster than n log n with its length, whatever the object is.

Each stage of the agent is measured by itself: taking the object in; taking it in when it replaces a longer version;
taking it in while it selects no pod of the node; the program that follows; the plan of an update; and the bytes of its
transactions. `python -m benchmarks hostile-objects` measures how long each stage takes.
"""

from collections.abc import Callable
from functools import partial, reduce
from itertools import pairwise
from operator import or_
from typing import Final

import pytest
from hypothesis import given, settings
from tests.agent.work import work_of
from tests.example_counts import examples
from tests.hostile_cluster_policies import CLUSTER_POLICIES, LONG_CLUSTER_TEXTS
from tests.hostile_objects import LONG_TEXTS, POLICIES, SHAPES, Mixture, Shape, crowd, delivered, mixtures
from tests.semantics.objects import Object, key_of, policy

from ringfence.agent.view import View
from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.nftables.requests import encode
from ringfence.dataplane.program import Program
from ringfence.dataplane.update import commands_between, plan_update
from ringfence.engine.population import Member
from ringfence.sets.addresses import Addresses
from ringfence.sources.cluster import Removed, Upserted
from ringfence.steps import STEP

pytestmark = pytest.mark.repeats_lines

ENTRIES: Final = 64
"""How many entries the shortest of three objects has; the others have twice and four times as many."""

LETTERS: Final = 1_000
"""The same where the entries are letters of one text: beyond all limits for names."""

MOST: Final = 3
"""How many times what twice as many entries cost four times as many may: 2 is linear, 2.3 n log n, 4 a square."""

SLACK: Final = 32
"""So many lines, or bytes, for each entry of the shortest object are never too many."""


def is_local(member: Member) -> bool:
    return member.node == "here"


def view_of(obj: Object) -> View:
    view = View("here")
    for one in crowd(40):
        view.apply(Upserted(delivered(one)))
    view.apply(Upserted(delivered(obj)))
    return view


MOST_IN_STEP: Final = 100 * STEP
"""Lines, and calls, that prepare a cluster policy between two pauses: 20 to 40 ms."""

Costs = dict[str, int]
"""The work of each stage, or its bytes."""


def costs_of_intake(obj: Object, longer: Object) -> Costs:
    view = view_of({**obj, "metadata": obj["metadata"] | {"name": "another"}})
    removed = Removed(*key_of(obj))
    return {
        "received": work_of(partial(delivered, obj)),
        "taken in": work_of(partial(applied, view, Upserted(delivered(obj)))),
        "taken in, longer": work_of(partial(applied, view, Upserted(delivered(longer)))),
        "removed": work_of(partial(applied, view, removed)),
        "taken in elsewhere": work_of(partial(applied, View("elsewhere"), Upserted(delivered(obj)))),
    }


def costs_of_programs(obj: Object, longer: Object) -> Costs:
    view = view_of(obj)
    compiler, programs = Compiler(view.state, is_local), []
    costs = {"compiled": work_of(lambda: programs.append(compiler.program()))}
    view.apply(Upserted(delivered(longer)))
    costs["compiled, longer"] = work_of(lambda: programs.append(compiler.program()))
    before, after = programs
    steps = [before, *plan_update(before, after).programs]
    return costs | {
        "planned": work_of(lambda: plan_update(before, after)),
        "bytes of the whole": bytes_between(None, after),
        "bytes of the update": sum(bytes_between(*pair) for pair in pairwise(steps)),
    }


def applied(view: View, event: Upserted | Removed) -> None:
    """Take an event in, and do all work that is postponed until the population is next read."""
    view.apply(event)
    _ = view.state.population.version


def bytes_between(before: Program | None, after: Program) -> int:
    units = (unit for command in commands_between(before, after) for unit in encode(command))
    return sum(body.size for unit in units for body in unit)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Do first the work that a process does only once: it does not belong to any object."""
    for name in ("rules with a block and a port name, egress", "matchLabels", "a long name", "labels of a pod"):
        for costs_of in (costs_of_intake, costs_of_programs):
            costs_of(SHAPES[name](10), SHAPES[name](20))


def assert_grows_slowly(costs_of: Callable[[Object, Object], Costs], shape: Shape, entries: int) -> None:
    counts = [1, entries, 2 * entries, 4 * entries]
    least, first, second, third = (costs_of(shape(count), shape(count + count // 4)) for count in counts)
    for stage, fixed in least.items():
        once, twice, four_times = (costs[stage] - fixed for costs in (first, second, third))
        # Some work begins with a certain number of entries, and some entries mean nothing beside others.
        most = max(MOST * twice, 2 * MOST * once, SLACK * entries)
        assert four_times <= most, f"{stage}: {fixed} for one entry, and {once}, {twice}, {four_times} more"


@pytest.mark.parametrize("name", SHAPES)
def test_work_to_take_an_object_in_grows_no_faster_than_n_log_n(name: str) -> None:
    assert_grows_slowly(costs_of_intake, SHAPES[name], LETTERS if name in LONG_TEXTS else ENTRIES)


@pytest.mark.parametrize("name", POLICIES)
def test_work_to_enforce_a_policy_grows_no_faster_than_n_log_n(name: str) -> None:
    assert_grows_slowly(costs_of_programs, SHAPES[name], ENTRIES)


@pytest.mark.parametrize("name", [*CLUSTER_POLICIES, *LONG_CLUSTER_TEXTS])
def test_work_to_take_a_cluster_policy_in_grows_no_faster_than_n_log_n(name: str) -> None:
    shapes = CLUSTER_POLICIES | LONG_CLUSTER_TEXTS
    assert_grows_slowly(costs_of_intake, shapes[name], LETTERS if name in LONG_CLUSTER_TEXTS else ENTRIES)


@pytest.mark.parametrize("name", [name for name in CLUSTER_POLICIES if "v1alpha2" in name])
def test_a_cluster_policy_is_prepared_in_short_steps_however_many_entries_it_has(name: str) -> None:
    view = view_of(policy("tenant/other", ingress=[]))
    steps = view.prepare_in_steps(Upserted(delivered(CLUSTER_POLICIES[name](3 * STEP))))
    prepared: list[Callable[[], None]] = []

    def take_step() -> None:
        try:
            next(steps)
        except StopIteration as end:
            prepared.append(end.value)

    while not prepared:
        assert work_of(take_step) < MOST_IN_STEP


@given(mixtures())
@settings(max_examples=examples(20))
def test_work_to_take_in_any_mixture_grows_no_faster_than_n_log_n(mixture: Mixture) -> None:
    assert_grows_slowly(costs_of_intake, mixture.policy, ENTRIES)


def test_work_counts_passes_of_loops_and_calls() -> None:
    """The measure detects quadratic work, here a chain of unions, which a single pass over all ranges has replaced."""

    def united_one_by_one(count: int) -> None:
        reduce(or_, (Addresses(v4=((2 * number, 2 * number),)) for number in range(count)))

    once, twice = (work_of(partial(united_one_by_one, count)) for count in (100, 200))
    assert twice > MOST * once
