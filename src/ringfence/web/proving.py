"""A cell that is proven: what a laboratory is asked about it, and whether the kernel says what the page says.

The laboratory has what decides about the two pods, and nothing else: these pods with their labels, ports and addresses,
their namespaces, and the policies of these and of administrators, with the edits in force.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.errors import LaboratoryError
from ringfence.lab.network import LabPort
from ringfence.lab.proofs import ProbedPort, ProofQuestion, prove
from ringfence.model.documents import document
from ringfence.model.objects import NetworkPolicy
from ringfence.render.formats import Json
from ringfence.sets.addresses import address_text
from ringfence.sets.traffic import Traffic
from ringfence.web.edit_effects import passing
from ringfence.web.simulation import Simulation

_MOST_PORTS: Final = 10
_SECONDS: Final = 30.0
_PROTOCOLS: Final = ("TCP", "UDP")
_ANOTHER: Final = LabPort(9999)
"""A port that is asked besides those of the cell: what a policy does not name is of interest, too."""
_SOURCE, _DESTINATION = "source", "destination"


class CellQuestion(msgspec.Struct, frozen=True):
    """The question about a cell, and what the engine says passes between the two pods."""

    asked: ProofQuestion
    traffic: Traffic

    def answer(self) -> Json:
        """What real packets did, for each port. Raises LaboratoryError where no laboratory can be built."""
        probed = prove(self.asked, seconds=_SECONDS)
        return {
            "agrees": all(self._is_allowed(one) is one.is_answered for one in probed),
            "probes": [
                {
                    "protocol": one.port.protocol,
                    "port": one.port.number,
                    "expected": self._is_allowed(one),
                    "observed": one.is_answered,
                }
                for one in probed
            ],
        }

    def _is_allowed(self, one: ProbedPort) -> bool:
        return self.traffic.contains(one.port.protocol, one.port.number)


def cell_question(simulation: Simulation, source: str, destination: str) -> CellQuestion:
    """The question about one pod of each of two workloads. Raises LaboratoryError for what no laboratory can open."""
    if simulation.cluster.state.enforced_by:
        raise LaboratoryError(
            "a laboratory enforces policies as upstream means them: leave out --plugin to prove a cell"
        )
    with simulation.asked(source, destination) as verdict:
        state = simulation.cluster.state
        one, other = _two_pods((pair.source, pair.destination) for pair in verdict.pairs)
        traffic = passing(state, one, other)
        objects = (
            *(_namespace(state, name) for name in dict.fromkeys((one.namespace, other.namespace))),
            _pod(one, _SOURCE),
            _pod(other, _DESTINATION),
            *_policies(simulation, one, other),
        )
    ends = f"{one.namespace}/{_SOURCE}", f"{other.namespace}/{_DESTINATION}"
    return CellQuestion(ProofQuestion(objects, *ends, _ports(traffic, other)), traffic)


def _two_pods(pairs: Iterator[tuple[object, object]]) -> tuple[Member, Member]:
    """The first two different pods."""
    for source, destination in pairs:
        if not isinstance(source, Member) or not isinstance(destination, Member):
            raise LaboratoryError(
                "only connections between two pods of the cluster are proven here: use `ringfence lab`"
            )
        if source.host_network or destination.host_network:
            raise LaboratoryError("a pod on its node's network is not proven here: use `ringfence lab run`")
        if not is_one_pod(source, destination):
            return source, destination
    raise LaboratoryError("it is one pod, and what it sends to itself meets no policy")


def _namespace(state: State, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": state.namespaces.labels(name)},
    }


def _pod(member: Member, name: str) -> dict[str, Any]:
    """A pod about which policies say the same as about a member."""
    ports = [
        {"containerPort": one.port, "protocol": one.protocol, **({"name": one.name} if one.name else {})}
        for one in member.container_ports
    ]
    made: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": member.namespace, "labels": dict(member.labels)},
        "spec": {"containers": [{"name": "main", "image": "main", "ports": ports}]},
    }
    if member.addresses:
        addresses = [{"ip": address_text(family, number)} for family, number in member.addresses]
        made["status"] = {"phase": "Running", "podIP": addresses[0]["ip"], "podIPs": addresses}
    return made


def _policies(simulation: Simulation, one: Member, other: Member) -> Iterator[dict[str, Any]]:
    """The policies that may select one of two pods: those of their namespaces, and the cluster-scoped ones."""
    cluster = simulation.cluster
    for compiled in cluster.state.tiers.policies():
        if compiled.namespace in ("", one.namespace, other.namespace):
            policy = compiled.policy
            yield document(policy) if isinstance(policy, NetworkPolicy) else cluster.document(policy)


def _ports(traffic: Traffic, destination: Member) -> tuple[LabPort, ...]:
    """Where what passes begins and ends, and the ports that the destination declares."""
    found = [LabPort(one.port, one.protocol) for one in destination.container_ports]
    for protocol in _PROTOCOLS:
        for low, high in traffic.ports(protocol):
            found += [LabPort(number, protocol) for number in (low, high, low - 1, high + 1)]
    possible = [port for port in found if port.protocol in _PROTOCOLS and 1 <= port.number <= 65535]
    return tuple(dict.fromkeys((*dict.fromkeys(possible[: _MOST_PORTS - 1]), _ANOTHER)))
