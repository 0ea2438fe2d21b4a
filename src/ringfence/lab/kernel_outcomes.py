"""Tests in a laboratory: the verdict of the kernel on each, beside that of the engine.

Tests that suppose the same changes share one laboratory, which is built from the cluster with these changes. First the
connections that a test wants denied are opened while no policy is enforced (controls): if one is not answered even
then, its silence later proves nothing about policies. Then all connections are opened with the policies in force.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from ringfence.analysis.probes import ProbeResult
from ringfence.cluster import Cluster
from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.lab.child_process import in_child
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPod, PlacementOptions
from ringfence.lab.planned_tests import Demand, PlannedTest, Planner, reason_against
from ringfence.lab.probing import Probe
from ringfence.testing.outcomes import Columns, ColumnStatus, JudgedTest, JudgedTests, KernelOutcome, Status

MOST_PROBES_OF_ALL: Final = 50_000
"""The largest number of connections of all tests of one run."""

_MOST_CONTRADICTIONS: Final = 10
"""The largest number of contradictions of one test that are named."""


def beside_kernel(cluster: Cluster, judged: JudgedTests) -> JudgedTests:
    """The outcomes with a column for the kernel, from laboratories of `cluster`.

    Each set of supposed changes has a laboratory of its own, one after the other. If the columns disagree, the test
    fails; if a denial proves nothing, it is an error. This process must have one thread only: a child builds each
    laboratory, and everything is gone when it ends. Raises LaboratoryError if a laboratory cannot be built, or does not
    enforce all policies.
    """
    reasons = [reason_against(one) for one in judged.outcomes]
    of_changes: dict[object, dict[int, JudgedTest]] = {}
    for number, (one, reason) in enumerate(zip(judged.outcomes, reasons, strict=True)):
        if not reason:
            of_changes.setdefault(one.test.changes if one.test.is_what_if else None, {})[number] = one
    found: dict[int, KernelOutcome] = {}
    for some in of_changes.values():
        found |= _found_in_child(cluster, some, MOST_PROBES_OF_ALL - sum(one.probes for one in found.values()))
    columns = [
        KernelOutcome(ColumnStatus.UNTESTED, reason) if reason else found[number]
        for number, reason in enumerate(reasons)
    ]
    outcomes = tuple(_with_column(one, column) for one, column in zip(judged.outcomes, columns, strict=True))
    return replace(judged, outcomes=outcomes)


def _found_in_child(cluster: Cluster, outcomes: Mapping[int, JudgedTest], most: int) -> dict[int, KernelOutcome]:
    """The outcomes of tests that suppose the same changes, by their numbers, from at most `most` probes."""
    some = list(outcomes.values())
    supposed = cluster
    if some[0].test.is_what_if:
        supposed = cluster.supposed_by(some[0].test)
        # Names without a namespace have that of the test, and else that of the cluster as it is.
        supposed.namespace = cluster.namespace
    found = in_child(lambda: _found(supposed, some, most), tuple[KernelOutcome, ...])
    return dict(zip(outcomes, found, strict=True))


def _with_column(outcome: JudgedTest, kernel: KernelOutcome) -> JudgedTest:
    both = replace(outcome, columns=Columns(outcome.status, kernel))
    if kernel.contradictions:
        first, more = kernel.contradictions[0], len(kernel.contradictions) - 1
        others = f", and {more} more" if more else ""
        return replace(both, status=Status.FAILED, message=f"the kernel contradicts the engine: {first}{others}")
    match outcome.status, kernel.status:
        case Status.PASSED, ColumnStatus.FAILED:
            message = f"the columns disagree: for the engine it passes, and in the kernel {kernel.message}"
            return replace(both, status=Status.FAILED, message=message)
        # Packets do not show which policy decides (`because`), and a sample may lack the connection that fails.
        case Status.FAILED, ColumnStatus.PASSED if not (outcome.test.because or kernel.is_sample):
            message = f"the columns disagree: in the kernel it passes, and for the engine {outcome.message}"
            return replace(both, message=message)
        case Status.PASSED, ColumnStatus.UNPROVEN:
            return replace(both, status=Status.ERROR, message=kernel.message)
    return both


# --- in the child -----------------------------------------------------------------------------------------------------


class _Results:
    """What was observed about each connection of all plans."""

    def __init__(self, laboratory: Laboratory, plans: Iterable[PlannedTest]) -> None:
        """Open all connections. Raises LaboratoryError if a node does not enforce its policies."""
        demands = [demand for plan in plans for demand in plan.demands]
        probes = list(dict.fromkeys(probe for demand in demands for probe in demand.probes))
        denied = list(dict.fromkeys(probe for one in demands if not one.must_pass for probe in one.probes))
        ends = (end for one in probes for end in (one.source, one.destination))
        laboratory.add_hosts(end for end in ends if not isinstance(end, LabPod))
        self.controls = dict(zip(denied, laboratory.answered_without_policies(denied), strict=True))
        report = laboratory.probe(probes)
        if report.refused:
            raise LaboratoryError(f"the kernel does not enforce all policies: {report.refused[0]}")
        self.probes: dict[Probe, ProbeResult] = dict(zip(probes, report.results, strict=True))


def _found(cluster: Cluster, outcomes: Sequence[JudgedTest], most: int) -> tuple[KernelOutcome, ...]:
    laboratory = Laboratory(cluster, PlacementOptions())
    planner = Planner(laboratory)
    plans: dict[int, PlannedTest] = {}
    found: dict[int, KernelOutcome] = {}
    left = most
    for i, outcome in enumerate(outcomes):
        try:
            plan = planner.plan(outcome.test)
            number = sum(len(demand.probes) for demand in plan.demands)
            if number > left:
                rest = f"{left:,} of the {MOST_PROBES_OF_ALL:,} probes of a run"
                raise LaboratoryError(f"the tests before it leave {rest}, and it needs {number:,}")
            left -= number
            plans[i] = plan
        except RingfenceError as error:
            found[i] = KernelOutcome(ColumnStatus.UNTESTED, str(error))
    results = _Results(laboratory, plans.values())
    found |= {i: _outcome(plan, results) for i, plan in plans.items()}
    laboratory.close()
    return tuple(found[i] for i in range(len(outcomes)))


def _outcome(plan: PlannedTest, results: _Results) -> KernelOutcome:
    probes = dict.fromkeys(probe for demand in plan.demands for probe in demand.probes)
    controls = {probe for demand in plan.demands if not demand.must_pass for probe in demand.probes}
    judged = [_met(demand, results) for demand in plan.demands if demand.probes]
    # If one demand is enough, the best result counts.
    worst = min if not plan.is_one_enough else max
    status, message = worst(judged, key=lambda one: _ORDER.index(one[0]))
    against = [_contradiction(result) for result in map(results.probes.__getitem__, probes) if not result.agrees]
    return KernelOutcome(
        status, message, len(probes), len(controls), tuple(against[:_MOST_CONTRADICTIONS]), plan.is_sample
    )


_ORDER: Final = (ColumnStatus.FAILED, ColumnStatus.UNPROVEN, ColumnStatus.PASSED)
"""From the worst to the best."""


def _met(demand: Demand, results: _Results) -> tuple[ColumnStatus, str]:
    """Whether a demand is met, and if not, why."""
    observed = [results.probes[probe] for probe in demand.probes]
    wrong = [one for one in observed if one.observed is not demand.must_pass]
    is_met = len(wrong) < len(observed) if demand.is_one_enough else not wrong
    if not is_met:
        how = "is not answered" if demand.must_pass else "is answered"
        return ColumnStatus.FAILED, f"{wrong[0]} {how}"
    for probe in demand.probes if not demand.must_pass else ():
        if not results.controls[probe]:
            message = f"{results.probes[probe]} is not answered without policies either: its silence proves nothing"
            return ColumnStatus.UNPROVEN, message
    return ColumnStatus.PASSED, ""


def _contradiction(result: ProbeResult) -> str:
    if result.observed:
        return f"{result} is answered, and the engine says that it is denied"
    return f"{result} is not answered, and the engine says that it is allowed"
