"""A probe report: expected against observed, as text for a terminal, as JSON and as JUnit test cases."""

from collections.abc import Iterable, Iterator
from typing import Any

from ringfence.analysis.probes import DenyingSide, LaboratoryNetwork, ProbeReport, ProbeResult
from ringfence.model.problems import Problem, Severity
from ringfence.render.formats import (
    API_VERSION,
    JUnitCase,
    JUnitSuite,
    aligned,
    json_items,
    json_line,
    junit_failure,
    junit_text,
    one_line,
)
from ringfence.render.probe_marks import UNEXPECTED, ProbeMarks
from ringfence.render.probe_matrix import ProbeMatrix, lines_by_destination
from ringfence.render.problems import problem_json


def text(report: ProbeReport, *, width: int, colour: bool = False) -> str:
    """The matrix, or a list where the matrix is wider than `width`.

    Then the sides that deny something, where their policies stand, what disagrees with the engine, what the engine
    assumes, and a summary.
    """
    marks = ProbeMarks(report.results, colour=colour)
    matrix = ProbeMatrix(report.results, marks)
    sections = (
        # A broken matrix cannot be read. The list has the same results in lines of any width.
        matrix.lines() if matrix.width <= width else list(lines_by_destination(report.results, marks)),
        [f"{letter:<2} {one_line(str(side))}" for side, letter in marks.letters.items()],
        _places(marks.letters),
        [one_line(_disagreement(result)) for result in report.disagreements],
        [one_line(f"{UNEXPECTED} {refused}") for refused in report.refused],
        ["assumptions:", *(one_line(f"  ? {one}") for one in report.assumptions)] if report.assumptions else [],
        [summary(report)],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def json(report: ProbeReport, problems: Iterable[Problem] = ()) -> Iterator[str]:
    """JSON, streamed in pieces; a probe has a family only where the laboratory has both.

    `problems` are those of the input.
    """
    yield f'{{"apiVersion": {json_line(API_VERSION)}, "probes": '
    yield from json_items(map(_document, report.results))
    if report.refused:
        yield f', "refused": {json_line(report.refused)}'
    yield f', "network": {json_line(report.network)}'
    yield f', "assumptions": {json_line(report.assumptions)}'
    yield f', "problems": {json_line([problem_json(problem) for problem in problems])}'
    disagree = len(report.disagreements)
    counts = {"probes": len(report.results), "agree": len(report.results) - disagree, "disagree": disagree}
    yield f', "summary": {json_line(counts)}}}\n'


def junit(report: ProbeReport, problems: Iterable[Problem] = ()) -> str:
    """A JUnit test suite.

    Each probe is a test case that fails if the kernel did not do what the engine says; each refusal of the kernel is a
    test case that fails, and so is each error of the input, since the object that has it takes no part in the probes.
    """
    cases = [
        JUnitCase(
            result.destination, str(result), None if result.agrees else junit_failure(one_line(_disagreement(result)))
        )
        for result in report.results
    ]
    for refused in report.refused:
        cases.append(JUnitCase(refused.node, "enforcement of all policies", junit_failure(one_line(str(refused)))))
    for problem in problems:
        if problem.severity is Severity.ERROR:
            cases.append(
                JUnitCase(problem.place.file, problem.object or "input", junit_failure(one_line(str(problem))))
            )
    return junit_text([JUnitSuite("ringfence lab", tuple(cases))])


def summary(report: ProbeReport) -> str:
    """The report in one line."""
    probes = len(report.results)
    disagree = len(report.disagreements)
    allowed = sum(result.observed for result in report.results)
    counts = f"{probes:,} {'probe' if probes == 1 else 'probes'}: {allowed:,} allowed, {probes - allowed:,} denied"
    if report.network != LaboratoryNetwork():
        counts = f"network {report.network}: {counts}"
    if report.is_proof:
        return f"{counts}, all as the engine says"
    faults = []
    if disagree:
        faults.append(f"{disagree:,} not as the engine says")
        if report.network.br_netfilter is False:
            faults.append("without br_netfilter, packets between pods on one bridge bypass the policies")
    if report.refused:
        faults.append("the kernel does not enforce all policies")
    return "; ".join([counts, *faults])


def _places(sides: Iterable[DenyingSide]) -> list[str]:
    """The places of the policies that deny something."""
    policies = {policy for side in sides for policy in side.policies if policy.place}
    return aligned([(one_line(policy.name), one_line(policy.place)) for policy in sorted(policies)], padding=2)


def _disagreement(result: ProbeResult) -> str:
    """A disagreement in words."""
    engine = "allows it" if result.expected else f"denies it ({', '.join(map(str, result.denied_by))})"
    kernel = "let it through" if result.observed else "did not let it through"
    return f"{UNEXPECTED} {result}: the engine {engine}, the kernel {kernel}"


def _document(result: ProbeResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "source": result.source,
        "destination": result.destination,
        "protocol": result.protocol,
        "port": result.port,
        "expected": result.expected,
        "observed": result.observed,
    }
    if result.family:
        document["family"] = f"IPv{result.family}"
    return document
