"""The kernel's verdict on connections between two pods, for a process with threads, which cannot enter a sandbox.

Another process builds the laboratory: `python -m ringfence.lab.proofs` reads a question on its standard input and
writes the answer on its standard output.
"""

import os
import signal
import subprocess
import sys
from typing import Any

import msgspec

from ringfence.cluster import Cluster
from ringfence.errors import LaboratoryError, RingfenceError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network import LabPort, PlacementOptions
from ringfence.lab.session import enter_sandbox


class ProofQuestion(msgspec.Struct, frozen=True):
    """Objects as in the API, two endpoints that are one pod each, and the ports to which connections are opened."""

    objects: tuple[dict[str, Any], ...]
    source: str
    destination: str
    ports: tuple[LabPort, ...]


class ProbedPort(msgspec.Struct, frozen=True):
    """Whether a connection to a port was answered."""

    port: LabPort
    is_answered: bool


class _Proof(msgspec.Struct, frozen=True):
    """What the other process found, or why it could not."""

    probed: tuple[ProbedPort, ...] = ()
    error: str = ""


def prove(question: ProofQuestion, *, seconds: float) -> tuple[ProbedPort, ...]:
    """Whether real connections are answered. Raises LaboratoryError if no laboratory can be built within `seconds`."""
    command = [sys.executable, "-m", "ringfence.lab.proofs"]
    # In a session of its own, so that all processes that it starts can be killed with it.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        written, errors = process.communicate(msgspec.json.encode(question), timeout=seconds)
    except subprocess.TimeoutExpired:
        raise LaboratoryError(f"the laboratory had no answer within {seconds:g} seconds") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if not written:
        last_line = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise LaboratoryError(f"the laboratory ended before it had an answer: {last_line or 'it was killed'}")
    found = msgspec.json.decode(written, type=_Proof)
    if found.error:
        raise LaboratoryError(found.error)
    return found.probed


def _proof(question: ProofQuestion) -> _Proof:
    try:
        cluster = Cluster()
        for one in question.objects:
            cluster.upsert(one, is_stored=True)
        enter_sandbox()
        laboratory = Laboratory(cluster, PlacementOptions())
        report = laboratory.probe(laboratory.probes(question.source, question.destination, question.ports))
        laboratory.close()
    except RingfenceError as error:
        return _Proof(error=str(error))
    # A pod with addresses of both families is probed over each.
    observed: dict[LabPort, bool] = {}
    for result in report.results:
        port = LabPort(result.port, result.protocol)
        observed[port] = observed.get(port, True) and result.observed
    return _Proof(tuple(ProbedPort(port, is_answered) for port, is_answered in observed.items()))


if __name__ == "__main__":
    sys.stdout.buffer.write(
        msgspec.json.encode(_proof(msgspec.json.decode(sys.stdin.buffer.read(), type=ProofQuestion)))
    )
