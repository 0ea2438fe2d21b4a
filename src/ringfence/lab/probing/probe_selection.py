"""The probes that a user selects by endpoints and ports, written as for every other command."""

from ipaddress import ip_address

import msgspec

from ringfence.analysis.endpoints import Backend, Endpoint, resolve
from ringfence.engine.answers import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.lab.network import IPAddress, LabPod, LabPort, Topology, node_addresses
from ringfence.lab.probing.probes import LabEndpoint, Probe, probes_between, undeclared_port
from ringfence.model.objects import WORKLOAD_KINDS
from ringfence.sets.addresses import FAMILIES, Addresses, address_text


class EndpointResolver(msgspec.Struct, frozen=True):
    """Finds what endpoints mean in a laboratory; a name without a namespace means `default_namespace`."""

    state: State
    topology: Topology
    default_namespace: str

    def endpoints(self, text: str) -> list[LabEndpoint]:
        """The pods that `text` names, or the address. Raises EndpointError if it names nothing that can be probed."""
        return [self.endpoint(end, text) for end in self.resolve(text).ends]

    def pod(self, text: str) -> LabPod:
        """The one pod that `text` names, or the first pod of a workload, as `kubectl exec` takes it.

        Raises EndpointError if it names several pods, or something else.
        """
        named = self.resolve(text)
        is_workload = named.reference is not None and named.reference.kind in WORKLOAD_KINDS
        endpoints = [self.endpoint(end, text) for end in (named.ends[:1] if is_workload else named.ends)]
        if len(endpoints) != 1 or not isinstance(endpoints[0], LabPod):
            raise EndpointError(f"{text} does not name exactly one pod")
        return endpoints[0]

    def resolve(self, text: str) -> Endpoint:
        """What `text` means to the engine. Raises EndpointError if it names nothing."""
        return resolve(self.state, text, self.default_namespace)

    def endpoint(self, end: End, text: str) -> LabEndpoint:
        """What `end`, which `text` named, is in the laboratory. Raises EndpointError if it cannot be probed."""
        if isinstance(end, Member):
            return self.topology.pod_by_name[str(end)]
        address = _single_address(end)
        if address is None:
            raise EndpointError(f"{text} is more than one address: name a single one")
        for name, node in self.state.nodes.items():
            if address in node_addresses(node):
                raise EndpointError(f"{text} is node {name}: name a pod, or an address outside the cluster")
        for lab_node in self.topology.nodes:
            for pod_range in lab_node.pod_ranges:
                if address in pod_range:
                    raise EndpointError(
                        f"{text} is in the pod range of node {lab_node.name} ({pod_range}), and no pod has it: "
                        "name a pod, or an address outside the cluster"
                    )
        return address


def select_probes(
    resolver: EndpointResolver, source: str, destination: str, ports: tuple[LabPort, ...] = ()
) -> list[Probe]:
    """The probes from each endpoint that `source` names to each that `destination` names.

    A Service means the pods and target ports behind it. Without `ports`, those are probed on which the destination
    answers, and one port more. Raises EndpointError for what names nothing, or nothing that can be probed.
    """
    sources = resolver.endpoints(source)
    selected: dict[Probe, None] = {}  # two ports of a Service may lead to the same port of a pod
    for backend in _backends(resolver, destination, ports):
        target = resolver.endpoint(backend.end, destination)
        target_ports = _target_ports(resolver.topology, target, backend)
        for one in sources:
            if one != target:
                selected.update(dict.fromkeys(probes_between(one, target, target_ports)))
    return list(selected)


def _backends(resolver: EndpointResolver, destination: str, ports: tuple[LabPort, ...]) -> list[Backend]:
    endpoint = resolver.resolve(destination)
    if not ports:
        return endpoint.backends(resolver.state, "TCP", None)
    found: list[Backend] = []
    for port in ports:
        found += endpoint.backends(resolver.state, port.protocol, port.number)
    return found


def _target_ports(topology: Topology, target: LabEndpoint, backend: Backend) -> tuple[LabPort, ...]:
    if backend.port is not None:
        return (LabPort(backend.port, backend.protocol),)
    declared = target.ports if isinstance(target, LabPod) else topology.outside_ports
    return (*declared, undeclared_port(topology))


def _single_address(addresses: Addresses) -> IPAddress | None:
    """The address of a set of exactly one; None for every other set."""
    ranges = [(family, low, high) for family in FAMILIES for low, high in addresses.ranges(family)]
    if len(ranges) != 1:
        return None
    family, low, high = ranges[0]
    return ip_address(address_text(family, low)) if low == high else None
