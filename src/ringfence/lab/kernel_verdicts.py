"""What the kernel says of one connection, in a laboratory that is built for it in a process of its own."""

import os

import msgspec

from ringfence.cluster import Cluster
from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPort, PlacementOptions
from ringfence.lab.session import enter_sandbox


class _KernelAnswer(msgspec.Struct, frozen=True):
    """Whether the connection was answered, or why the laboratory could not tell."""

    is_answered: bool = False
    error: str = ""


def kernel_allows(cluster: Cluster, source: str, destination: str, port: LabPort) -> bool:
    """Whether the kernel lets a connection between two endpoints through that name one pod or address each.

    This process, which must have one thread only, does not enter the sandbox: a child does, and everything is gone when
    it ends. Raises LaboratoryError where the laboratory cannot be built.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as stream:
                stream.write(msgspec.json.encode(_observed(cluster, source, destination, port)))
        finally:
            os._exit(0)  # without what the parent has registered for its own end
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        written = stream.read()
    os.waitpid(child, 0)
    if not written:
        raise LaboratoryError("the laboratory ended before it had an answer")
    found = msgspec.json.decode(written, type=_KernelAnswer)
    if found.error:
        raise LaboratoryError(found.error)
    return found.is_answered


def _observed(cluster: Cluster, source: str, destination: str, port: LabPort) -> _KernelAnswer:
    try:
        enter_sandbox()
        laboratory = Laboratory(cluster, PlacementOptions())
        report = laboratory.probe(laboratory.probes(source, destination, (port,)))
        laboratory.close()
    except RingfenceError as error:
        return _KernelAnswer(error=str(error))
    return _KernelAnswer(all(result.observed for result in report.results))
