"""The laboratory: a cluster, the network built from it, what is enforced there, and who answers in it.

Whatever changes in the cluster, the same steps follow: what is open is settled, the network becomes what the plan says,
the nodes translate Services and enforce policies, and servers answer on the ports of the plan.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from ringfence.analysis.laboratory_status import LaboratoryStatus, NodeSummary, PodSummary, ServiceSummary
from ringfence.analysis.probe_report import ProbeReport, ProbeResult
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.errors import InputError
from ringfence.lab.enforcement import NodeEnforcement
from ringfence.lab.network import (
    IPAddress,
    LabPod,
    LabPort,
    Network,
    Placement,
    PlacementOptions,
    Topology,
    linux,
    plan_topology,
)
from ringfence.lab.network import service_translation as services
from ringfence.lab.probing import (
    SILENCE_TIMEOUT,
    Attempt,
    EventLoop,
    Expectations,
    Probe,
    ProbeProgress,
    ServerSet,
    all_probes,
    dns,
    endpoint_name,
    observe,
    select_probes,
    single_pod,
)
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import Manifest, Workload

_SECOND_PATIENCE: Final = 2.5
"""Seconds to wait for an answer that was expected and did not come: long enough for TCP to try three times."""


class Laboratory:
    """A running laboratory. The process must be in a sandbox; everything ends with it, or with `close`."""

    def __init__(self, cluster: Cluster, wishes: PlacementOptions, *, serve: bool = True) -> None:
        """Build what `cluster`, which from now on belongs to the laboratory, describes.

        Without `serve` nothing answers but DNS, and ports are free for programs; probes open what they need.
        """
        cluster.state.detach()  # pods that are applied from now on take part without an address, which they get here
        self.cluster = cluster
        self.loop = EventLoop()
        self.topology = Topology((), ())
        self._guests: set[IPAddress] = set()
        self._placement = Placement(cluster.state, wishes)
        self._network = Network()
        self._enforcements: dict[str, NodeEnforcement] = {}
        self._serving = ServerSet(self.loop, self._network, serve=serve)
        self._rebuild()

    def apply(self, manifests: Iterable[Manifest]) -> None:
        """Take objects in while the laboratory runs. Connections that are no longer allowed end.

        Raises InputError, with file and line, for objects that the API server would refuse; all others are taken in.
        """
        refusals = []
        for manifest in manifests:
            if isinstance(manifest.object, Workload):
                self._placement.withdraw(_reference(manifest.object))
            try:
                self.cluster.upsert(manifest.object, manifest.origin)
            except InputError as error:
                refusals.append(f"{manifest.origin.at()}: {error}")
        self._rebuild()
        if refusals:
            raise InputError("\n".join(refusals))

    def delete(self, references: Iterable[Reference]) -> None:
        """Let objects go while the laboratory runs.

        Raises InputError for objects that are not there; all others are gone then.
        """
        missing = []
        for reference in references:
            if not self.cluster.state.has(reference):
                missing.append(reference)
            self._placement.withdraw(reference)
            self.cluster.remove(reference.kind, reference.namespace, reference.name)
        self._rebuild()
        if missing:
            raise InputError("\n".join(map(_not_there, missing)))

    def questions(self, source: str = "", destination: str = "", ports: tuple[LabPort, ...] = ()) -> list[Probe]:
        """What to ask about a connection, written as for every command; without ends, about all of them.

        An address that nobody has becomes a host outside the cluster. Raises EndpointError for what names nothing.
        """
        if not source:
            return all_probes(self.topology, ports, leave_out=self._placement.additions)
        asked = select_probes(self.cluster.state, self.topology, self.cluster.namespace, source, destination, ports)
        parties = {party for question in asked for party in (question.source, question.destination)}
        guests = {party for party in parties if not isinstance(party, LabPod)} - set(self.topology.outside)
        if guests:
            self._guests |= guests
            self._rebuild()
        return asked

    def probe(self, questions: Sequence[Probe], progress: ProbeProgress = lambda sent: None) -> ProbeReport:
        """Open every connection that is asked about, and compare with what the engine says.

        An answer is proof. Silence where an answer is expected is looked at a second time, and longer, before it
        counts: a busy machine may be late.
        """
        expectations = Expectations(self.cluster.state)
        expected = [expectations.allows(question) for question in questions]
        with self._serving.answering(questions):
            observed = observe(self.loop, [self._probe(question) for question in questions], SILENCE_TIMEOUT, progress)
            late = [i for i in range(len(questions)) if expected[i] and not observed[i]]
            again = observe(self.loop, [self._probe(questions[i]) for i in late], _SECOND_PATIENCE)
        for i, reached in zip(late, again, strict=True):
            observed[i] = reached
        both = len({question.destination_address.version for question in questions}) > 1
        return ProbeReport(
            tuple(
                ProbeResult(
                    endpoint_name(question.source),
                    endpoint_name(question.destination),
                    question.port.protocol,
                    question.port.number,
                    expected[i],
                    observed[i],
                    question.destination_address.version if both else None,
                    () if expected[i] else expectations.denials(question),
                )
                for i, question in enumerate(questions)
            )
        )

    def pod(self, text: str) -> LabPod:
        """The one pod that `text` names. Raises EndpointError if it is not exactly one."""
        return single_pod(self.cluster.state, self.topology, self.cluster.namespace, text)

    def resolver_configuration(self, pod: LabPod) -> str:
        """The `/etc/resolv.conf` of a pod."""
        return dns.resolver_configuration(self.topology.dns_address(), pod.namespace)

    def status(self) -> LaboratoryStatus:
        """What there is, for people to look at."""
        policies = self.cluster.state.network_policies.all_policies()
        return LaboratoryStatus(
            tuple(NodeSummary(node.name, _texts(node.addresses)) for node in self.topology.nodes),
            tuple(
                PodSummary(pod.name, pod.node, _texts(pod.addresses), _texts(pod.ports)) for pod in self.topology.pods
            ),
            tuple(
                ServiceSummary(one.name, _texts(one.addresses), _texts(port.port for port in one.ports))
                for one in self.topology.services
            ),
            _texts(self.topology.outside),
            tuple(f"{policy.namespace}/{policy.name}" for policy in policies),
        )

    def network_of(self, pod: LabPod) -> int:
        """The network namespace in which a pod's programs run."""
        return self._network.pod(pod)

    def tend(self) -> None:
        """To be called now and then: keep the kernel to what the cluster says."""
        for enforcement in self._enforcements.values():
            enforcement.tend()

    def close(self) -> None:
        """Let everything go."""
        self._serving.close()
        for enforcement in self._enforcements.values():
            enforcement.close()
        self._network.close()
        self.loop.close()

    def _rebuild(self) -> None:
        """Bring everything to what the cluster says now: policies before anybody answers."""
        self._placement.settle()
        topology = plan_topology(self.cluster.state, self._guests)
        self._serving.leave(topology)
        self._network.become(topology)
        for node in topology.nodes:
            with linux.in_network_namespace(self._network.node(node.name)):
                services.translate(topology)
                if node.name not in self._enforcements:
                    self._enforcements[node.name] = NodeEnforcement(node.name, self.cluster.state)
            self._enforcements[node.name].enforce()
        self._serving.become(topology)
        self.topology = topology

    def _probe(self, question: Probe) -> Attempt:
        source = question.source
        if isinstance(source, LabPod):
            return Attempt(self._network.pod(source), question.destination_address, question.port)
        return Attempt(self._network.outside, question.destination_address, question.port, source)


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _reference(workload: Workload) -> Reference:
    return Reference(namespace_of(workload), workload.kind, workload.metadata.name)


def _not_there(reference: Reference) -> str:
    place = f" in namespace {reference.namespace}" if reference.namespace else ""
    return f"there is no {reference.kind} {reference.name}{place}: ringfence lab status lists what there is"
