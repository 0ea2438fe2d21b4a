"""The kernel's verdict on one connection, in a laboratory that a child process builds for it."""

from ringfence.cluster import Cluster
from ringfence.lab.child_process import in_child
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPort, PlacementOptions


def kernel_allows(cluster: Cluster, source: str, destination: str, port: LabPort) -> bool:
    """Whether the kernel allows a connection between two endpoints, each of which must name one pod or address.

    This process must have one thread only. A child builds the laboratory in a sandbox, and everything is gone when it
    ends. Raises LaboratoryError if the laboratory cannot be built.
    """
    return in_child(lambda: _observed(cluster, source, destination, port), bool)


def _observed(cluster: Cluster, source: str, destination: str, port: LabPort) -> bool:
    laboratory = Laboratory(cluster, PlacementOptions())
    report = laboratory.probe(laboratory.probes(source, destination, (port,)))
    laboratory.close()
    return all(result.observed for result in report.results)
