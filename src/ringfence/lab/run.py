"""One run: build, enforce, probe, report; it is all gone when the process ends."""

from collections.abc import Callable

from ringfence.analysis.probe_report import ProbeReport
from ringfence.cluster import Cluster
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPort, PlacementOptions
from ringfence.lab.session import sandbox

RunProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def run_laboratory(
    cluster: Cluster, wishes: PlacementOptions, ports: tuple[LabPort, ...], progress: RunProgress
) -> ProbeReport:
    """Build `cluster` in a sandbox around this process, probe every connection, and say what came of it.

    The process, which must have one thread only, stays in the sandbox; `cluster` belongs to the laboratory.
    Raises LaboratoryError where it cannot be built.
    """
    progress("building", 0, 1)
    sandbox.enter_sandbox()
    laboratory = Laboratory(cluster, wishes)
    questions = laboratory.questions(ports=ports)
    report = laboratory.probe(questions, lambda sent: progress("probing", sent, len(questions)))
    laboratory.close()
    return report
