"""Proves a cell: opens its connections in a laboratory, and compares the kernel with the page.

The laboratory has only what decides about the two pods: these pods with their labels, ports and addresses, their
namespaces, the policies of these and of administrators, with the edits in force.
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
_UNNAMED_PORT: Final = LabPort(9999)
"""A port that is probed besides those of the cell, because policies seldom name it."""
_SOURCE, _DESTINATION = "source", "destination"


class CellQuestion(msgspec.Struct, frozen=True):
    """The question about a cell, and the traffic between the two pods that the engine allows."""

    asked: ProofQuestion
    traffic: Traffic

    def answer(self) -> Json:
        """For each port, whether a connection was answered. Raises LaboratoryError if no laboratory can be built."""
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
    """The question about one pod of each of two workloads. Raises LaboratoryError if no laboratory can answer it."""
    # The engine then gives the plugin's meaning, and a comparison with the laboratory would show false differences.
    if simulation.cluster.state.enforced_by:
        raise LaboratoryError(
            "a laboratory enforces policies as upstream defines them: leave out --plugin to prove a cell"
        )
    with simulation.asked(source, destination) as verdict:
        state = simulation.cluster.state
        one, other = _two_pods((pair.source, pair.destination) for pair in verdict.pairs)
        # Asked while the edits are in force. The laboratory starts later, and must not hold the lock of the page.
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
            raise LaboratoryError("pods on the host network are not proven here: use `ringfence lab run`")
        if not is_one_pod(source, destination):
            return source, destination
    raise LaboratoryError("both ends are one pod, and policies do not apply to what it sends to itself")


def _namespace(state: State, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": state.namespaces.labels(name)},
    }


def _pod(member: Member, name: str) -> dict[str, Any]:
    """A pod that policies treat as they treat a member."""
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
    """The ports that the destination declares, and those at both sides of each end of the allowed ranges."""
    found = [LabPort(one.port, one.protocol) for one in destination.container_ports]
    for protocol in _PROTOCOLS:
        for low, high in traffic.ports(protocol):
            # If engine and kernel differ, it is most likely at the ends of a range, so both sides of each are probed.
            found += [LabPort(number, protocol) for number in (low, high, low - 1, high + 1)]
    possible = [port for port in found if port.protocol in _PROTOCOLS and 1 <= port.number <= 65535]
    return tuple(dict.fromkeys((*dict.fromkeys(possible[: _MOST_PORTS - 1]), _UNNAMED_PORT)))
