"""The laboratory: a cluster, the network built from it, the policies enforced in it, and the servers that answer in it.

After every change of the cluster the same steps follow: placement fills in what the objects leave open, the network
changes to the planned topology, the nodes translate Services and enforce policies, and servers answer on the ports of
the topology.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Final

from msgspec import UNSET

from ringfence.analysis.lists import ConnectionFilter, ListedSide, connection_assumptions
from ringfence.analysis.probes import (
    LaboratoryNetwork,
    LaboratoryStatus,
    NodeSummary,
    PodSummary,
    ProbeReport,
    ProbeResult,
    RefusedProgram,
    ServiceSummary,
)
from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.errors import InputError, KernelError, LaboratoryError
from ringfence.lab.enforcement import NodeEnforcement
from ringfence.lab.network import (
    IPAddress,
    LabPod,
    LabPort,
    Network,
    NodeNetwork,
    NodeServices,
    Placement,
    PlacementOptions,
    Topology,
    hosts_for,
    in_network_namespace,
    plan_topology,
    service_ruleset,
)
from ringfence.lab.probing import (
    SILENCE_TIMEOUT,
    Attempt,
    EndpointResolver,
    EventLoop,
    Expectations,
    Probe,
    ProbeProgress,
    ServerSet,
    all_probes,
    observe,
    resolver_configuration,
    select_probes,
)
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.objects import HorizontalPodAutoscaler, Manifest, Object, Workload
from ringfence.model.problems import Problem, ProblemCode
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC

_SECOND_SILENCE_TIMEOUT: Final = 2.5
"""Seconds to wait when a probe is repeated because its expected answer did not come. Linux repeats a TCP SYN after 1 s
(RFC 6298): if the first one is lost, there is time for the second and its answer."""


class Laboratory:
    """A running laboratory. The process must be in a sandbox; the laboratory ends with the process, or with `close`."""

    def __init__(self, cluster: Cluster, options: PlacementOptions, *, serve: bool = True) -> None:
        """Build what `cluster` describes. From now on the cluster belongs to the laboratory.

        Without `serve` only DNS answers, and ports are free for programs; probes open the servers that they need.
        """
        cluster.state.detach()  # pods that are applied from now on take part without an address, which they get here
        self.cluster = cluster
        self.loop = EventLoop()
        self.topology = Topology((), ())
        self._requested_hosts: set[IPAddress] = set()
        self._placement = Placement(cluster.state, options)
        self._node_network = options.network
        self._network = Network()
        self._services: dict[str, NodeServices] = {}
        self._enforcements: dict[str, NodeEnforcement] = {}
        self._servers = ServerSet(self.loop, self._network, serve=serve)
        self._rebuild()

    @property
    def refused(self) -> tuple[RefusedProgram, ...]:
        """What the kernels of the nodes refused and therefore do not enforce."""
        found: list[RefusedProgram] = []
        for node in self.topology.nodes:
            found += self._enforcements[node.name].refused
        return tuple(found)

    def apply(self, manifests: Iterable[Manifest], problems: Iterable[Problem] = ()) -> None:
        """Add or replace objects while the laboratory runs. Connections that are no longer allowed end.

        `problems` are those of the same input; they replace earlier problems of the same objects.
        Raises InputError, with file and line, for objects that the API server would refuse; all others are applied.
        Raises KernelError if the kernel of a node refuses all of its policies.
        """
        invalid = []
        found = list(problems)
        names = {problem.object for problem in found if problem.object}
        for manifest in manifests:
            self._remove_stand_ins(manifest.object)
            name = _full_name(manifest.object)
            names.add(name)
            try:
                self.cluster.upsert(manifest.object, manifest.origin, is_stored=manifest.is_stored)
            except InputError as error:
                invalid.append(f"{manifest.origin.at().file_and_line}: {error}")
                concern = KINDS.of(manifest.object).may_concern_policies
                found.append(
                    Problem(
                        manifest.origin.at(),
                        ProblemCode.INVALID_VALUE,
                        str(error),
                        object=name,
                        may_concern_policies=concern,
                    )
                )
        self.cluster.problems = [one for one in self.cluster.problems if one.object not in names] + found
        self._rebuild()
        if invalid:
            raise InputError("\n".join(invalid))

    def delete(self, references: Iterable[Reference]) -> None:
        """Remove objects while the laboratory runs.

        Raises InputError for objects that do not exist; all others are removed.
        """
        missing = []
        for reference in references:
            if not self.cluster.state.has(reference):
                missing.append(reference)
            # Without its autoscaler, a workload may have another number of pods.
            self._placement.remove_stand_ins(self.cluster.state.workloads.scaled_by(reference) or reference)
            self.cluster.remove(reference.kind, reference.namespace, reference.name)
        self._rebuild()
        if missing:
            raise InputError("\n".join(map(_not_found, missing)))

    def probes(self, source: str = "", destination: str = "", ports: tuple[LabPort, ...] = ()) -> list[Probe]:
        """The probes between two endpoints, written as for every command; without endpoints, all probes.

        An address of no pod and no node becomes a host outside the cluster. Raises EndpointError for an endpoint that
        names nothing, or nothing that can be probed.
        """
        if not source:
            return all_probes(self.topology, ports, leave_out=self._placement.added_pods)
        selected = select_probes(self._resolver(), source, destination, ports)
        hosts: set[IPAddress] = set()
        for probe in selected:
            hosts.update(end for end in (probe.source, probe.destination) if not isinstance(end, LabPod))
        self.add_hosts(hosts)
        return selected

    def add_hosts(self, hosts: Iterable[IPAddress]) -> None:
        """Build the hosts outside the cluster that do not exist yet."""
        missing = set(hosts).difference(self.topology.outside)
        if missing:
            self._requested_hosts |= missing
            self._rebuild()

    def hosts_for(self, addresses: Addresses) -> list[IPAddress]:
        """One of some addresses for each way in which the policies distinguish them, if a host outside can have it."""
        return hosts_for(self.cluster.state, self.topology, addresses)

    @property
    def added_pods(self) -> tuple[str, ...]:
        """The pods that no manifest contains, by name."""
        return self._placement.added_pods

    def probe(self, probes: Sequence[Probe], progress: ProbeProgress = lambda sent: None) -> ProbeReport:
        """Open every connection, and compare the result with what the engine says.

        An answer is proof. If an expected answer does not come, the connection is tried once more, with a
        longer wait: on a busy machine answers can be late.
        """
        expectations = Expectations(self.cluster.state)
        expected = [expectations.allows(probe) for probe in probes]
        observed = self._observe(probes, expected, progress)
        # A result names its family only if there are two of them.
        has_both_families = len({probe.destination_address.version for probe in probes}) > 1
        results = []
        for i, probe in enumerate(probes):
            result = ProbeResult(
                source=probe.source_name,
                destination=probe.destination_name,
                protocol=probe.port.protocol,
                port=probe.port.number,
                expected=expected[i],
                observed=observed[i],
                family=probe.destination_address.version if has_both_families else None,
                denied_by=() if expected[i] else expectations.denied_by(probe),
            )
            results.append(result)
        return ProbeReport(tuple(results), self.refused, self._assumptions(probes), _summary(self._node_network))

    def answered_without_policies(self, probes: Sequence[Probe]) -> list[bool]:
        """Whether each connection is answered while no node enforces a policy. Afterwards policies are enforced again.

        A connection that is not answered here is not denied by a policy: its silence proves nothing.
        """
        for enforcement in self._enforcements.values():
            enforcement.remove_rules()
        try:
            return self._observe(probes, [True] * len(probes))
        finally:
            self._rebuild()

    def _observe(
        self, probes: Sequence[Probe], expected: Sequence[bool], progress: ProbeProgress = lambda sent: None
    ) -> list[bool]:
        """Whether each probe is answered. If an expected answer does not come, it is repeated with a longer wait."""
        with self._servers.answering(probes):
            attempts = [self._attempt(probe) for probe in probes]
            observed = observe(self.loop, attempts, SILENCE_TIMEOUT, progress)
            silent = [i for i in range(len(probes)) if expected[i] and not observed[i]]
            second = observe(self.loop, [attempts[i] for i in silent], _SECOND_SILENCE_TIMEOUT)
        for i, answered in zip(silent, second, strict=True):
            observed[i] = answered
        return observed

    def _assumptions(self, probes: Sequence[Probe]) -> tuple[str, ...]:
        """The assumptions of the verdicts between all pods, and to the addresses that are probed."""
        probed = Addresses.of(*map(ip_network, {probe.destination_address for probe in probes}))
        to_probed = ListedSide(addresses=((probed, ALL_TRAFFIC),))
        return connection_assumptions(self.cluster.state, wanted=ConnectionFilter(destinations=to_probed))

    def pod(self, text: str) -> LabPod:
        """The one pod that `text` names. Raises EndpointError if it is not exactly one."""
        return self._resolver().pod(text)

    def resolver_configuration(self, pod: LabPod) -> str:
        """The `/etc/resolv.conf` of a pod. Raises LaboratoryError if the cluster's DNS Service has no address."""
        server = self.topology.dns_address()
        if server is None:
            raise LaboratoryError(
                "the Service kube-system/kube-dns has neither an address nor pods: correct it, or delete it from the "
                "input, so that the laboratory adds its own"
            )
        return resolver_configuration(server, pod.namespace)

    def status(self) -> LaboratoryStatus:
        """The contents of the laboratory, for `lab status`."""
        nodes = [NodeSummary(node.name, _texts(node.addresses)) for node in self.topology.nodes]
        pods = [
            PodSummary(pod.name, pod.node, _texts(pod.addresses), _texts(pod.ports), pod.workload)
            for pod in self.topology.pods
        ]
        services = [
            ServiceSummary(service.name, _texts(service.addresses), _texts(port.port for port in service.ports))
            for service in self.topology.services
        ]
        policies = self.cluster.state.tiers.policies()
        return LaboratoryStatus(
            nodes=tuple(nodes),
            pods=tuple(pods),
            services=tuple(services),
            outside=_texts(self.topology.outside),
            policies=tuple(map(str, policies)),
            refused=self.refused,
            problems=tuple(self.cluster.problems),
            network=_summary(self._node_network),
        )

    def network_of(self, pod: LabPod) -> int:
        """The network namespace in which a pod's programs run."""
        return self._network.pod(pod)

    def maintain(self) -> None:
        """Keep the kernel rules in sync with the policies; to be called about once a second."""
        for enforcement in self._enforcements.values():
            enforcement.maintain()

    def close(self) -> None:
        """Release everything."""
        self._servers.close()
        for enforcement in self._enforcements.values():
            enforcement.close()
        self._network.close()
        self.loop.close()

    def _rebuild(self) -> None:
        """Bring the network, Services, policies and servers in line with the cluster.

        Policies are enforced before new servers answer. If the kernel of one node refuses its policies, the other nodes
        still enforce theirs; the first error is raised at the end.
        """
        self._placement.complete()
        workloads = self._placement.workloads
        topology = plan_topology(self.cluster.state, self._requested_hosts, workloads, self._node_network)
        self._servers.close_missing(topology)
        self._network.apply(topology)
        ruleset = service_ruleset(topology)
        errors: list[KernelError] = []
        for node in topology.nodes:
            self._add_node(node.name)
            self._services[node.name].apply(ruleset)
            try:
                self._enforcements[node.name].enforce()
            except KernelError as error:
                errors.append(error)
        self._servers.open_missing(topology)
        self.topology = topology
        if errors:
            raise errors[0]

    def _remove_stand_ins(self, obj: Object) -> None:
        """Remove the pods that stand for a workload that is about to change: its template, or its scale."""
        reference = Reference(namespace_of(obj), KINDS.of(obj).name, obj.metadata.name)
        if isinstance(obj, Workload):
            self._placement.remove_stand_ins(reference)
        elif isinstance(obj, HorizontalPodAutoscaler):
            target = obj.spec.scale_target_ref
            self._placement.remove_stand_ins(Reference(reference.namespace, target.kind, target.name))
            if scaled := self.cluster.state.workloads.scaled_by(reference):
                self._placement.remove_stand_ins(scaled)

    def _add_node(self, name: str) -> None:
        if name in self._enforcements:
            return
        namespace = self._network.node(name)
        self._services[name] = NodeServices(namespace)
        with in_network_namespace(namespace):
            self._enforcements[name] = NodeEnforcement(
                name, self.cluster.state, on_bridge=self._node_network.kind.has_bridges
            )

    def _resolver(self) -> EndpointResolver:
        return EndpointResolver(self.cluster.state, self.topology, self.cluster.namespace)

    def _attempt(self, probe: Probe) -> Attempt:
        source = probe.source
        if isinstance(source, LabPod):
            return Attempt(self._network.pod(source), probe.destination_address, probe.port)
        return Attempt(self._network.outside, probe.destination_address, probe.port, source)


def _summary(network: NodeNetwork) -> LaboratoryNetwork:
    filtered = network.br_netfilter if network.kind.has_bridges else UNSET
    return LaboratoryNetwork(network.kind.value, network.rp_filter.value, filtered)


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _not_found(reference: Reference) -> str:
    place = f" in namespace {reference.namespace}" if reference.namespace else ""
    return f"there is no {reference.kind} {reference.name}{place}: ringfence lab status lists all objects"


def _full_name(obj: Object) -> str:
    """The name of an object as in a problem."""
    return f"{kind_of(obj)} {'/'.join(filter(None, (namespace_of(obj), obj.metadata.name)))}"
