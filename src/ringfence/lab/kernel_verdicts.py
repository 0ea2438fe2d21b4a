"""What the kernel says of one connection, in a laboratory that is built for it in a process of its own."""

from ringfence.cluster import Cluster
from ringfence.lab.child_process import in_child
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPort, PlacementOptions


def kernel_allows(cluster: Cluster, source: str, destination: str, port: LabPort) -> bool:
    """Whether the kernel lets a connection between two endpoints through that name one pod or address each.

    This process, which must have one thread only, does not enter the sandbox: a child does, and everything is gone when
    it ends. Raises LaboratoryError where the laboratory cannot be built.
    """
    return in_child(lambda: _observed(cluster, source, destination, port), bool)


def _observed(cluster: Cluster, source: str, destination: str, port: LabPort) -> bool:
    laboratory = Laboratory(cluster, PlacementOptions())
    report = laboratory.probe(laboratory.probes(source, destination, (port,)))
    laboratory.close()
    return all(result.observed for result in report.results)
