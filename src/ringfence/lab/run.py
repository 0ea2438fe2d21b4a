"""One run: build, enforce, probe, report. Everything is gone when the process ends."""

from collections.abc import Callable

from ringfence.analysis.probes import ProbeReport
from ringfence.cluster import Cluster
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPort, PlacementOptions
from ringfence.lab.session import enter_sandbox

RunProgress = Callable[[str, int, int], None]
"""Called with the step (`building` or `probing`), how much of it is done, and how much there is."""


def run_laboratory(
    cluster: Cluster, options: PlacementOptions, ports: tuple[LabPort, ...], progress: RunProgress
) -> ProbeReport:
    """Build `cluster` in a sandbox around this process, open every connection, and report the results.

    The process, which must have one thread only, stays in the sandbox; `cluster` belongs to the laboratory from now on.
    Raises LaboratoryError or KernelError where the laboratory cannot be built.
    """
    progress("building", 0, 1)
    enter_sandbox()
    laboratory = Laboratory(cluster, options)
    probes = laboratory.probes(ports=ports)
    report = laboratory.probe(probes, lambda sent: progress("probing", sent, len(probes)))
    laboratory.close()
    return report
