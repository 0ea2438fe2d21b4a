"""Pods as the engine sees them: what policies can tell about a pod, and nothing else.

A workload from a manifest takes part as one pod made from its template. Sources: `core/v1` PodSpec and PodStatus.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ringfence.model.objects import (
    DEFAULT_NAMESPACE,
    NO_LABELS,
    WORKLOAD_KINDS,
    Container,
    Labels,
    Node,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    Workload,
)
from ringfence.sets.addresses import FAMILIES, Family, parse_address

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})


class NamedPort(msgspec.Struct, frozen=True, cache_hash=True):
    """A container port with a name: what a rule's named port resolves to on this pod."""

    name: str
    protocol: str
    port: int


class Reference(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """What names an object: its namespace, kind and name."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        short = self.name if self.kind == "Pod" else f"{self.kind}/{self.name}"
        return f"{self.namespace}/{short}"


class Member(msgspec.Struct, eq=False):
    """A pod that takes part: a real one, or the one that stands for a workload's template.

    `addresses` holds at most one address of each family; a hostNetwork pod has its node's. A member without addresses
    comes from a manifest and could have one of any family. `owner` is the workload that directly made it.
    """

    reference: Reference
    owner: Reference | None
    labels: Labels
    named_ports: frozenset[NamedPort]
    container_ports: tuple[tuple[str, int], ...]
    host_network: bool
    node: str
    addresses: tuple[tuple[Family, int], ...]
    host_addresses: tuple[tuple[Family, int], ...] = ()
    """The addresses of its node, as far as its own status says them."""

    @property
    def namespace(self) -> str:
        """The namespace the pod lives in."""
        return self.reference.namespace

    @property
    def name(self) -> str:
        """The pod's name; for a template's pod, the workload's."""
        return self.reference.name

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of its addresses; both, where no address is known."""
        return tuple(family for family, _ in self.addresses) or FAMILIES

    def __str__(self) -> str:
        return str(self.reference)


def member_of_pod(pod: Pod, nodes: dict[str, Node]) -> Member:
    """The member that a pod is; `nodes` know the addresses of hostNetwork pods."""
    metadata, spec = pod.metadata, pod.spec
    reference = Reference(metadata.namespace or DEFAULT_NAMESPACE, "Pod", metadata.name)
    host_network = bool(spec.host_network)
    named, declared = _ports(spec)
    return Member(
        reference,
        owner_of(metadata),
        metadata.labels or NO_LABELS,
        named,
        declared,
        host_network,
        spec.node_name or "",
        _host_addresses(pod, nodes) if host_network else _addresses(_pod_ips(pod.status)),
        _addresses(text for text in _host_ips(pod.status) if text),
    )


def member_of_workload(workload: Workload, nodes: dict[str, Node]) -> Member:
    """The pod that stands for all that a workload's template makes; it has an address only if that is its node's."""
    reference = Reference(workload.metadata.namespace or DEFAULT_NAMESPACE, workload.kind, workload.metadata.name)
    metadata = workload.template.metadata or ObjectMeta()
    spec = workload.template.spec or PodSpec()
    named, declared = _ports(spec)
    labels = metadata.labels or NO_LABELS
    addresses = _addresses(_internal_ips(spec, nodes)) if spec.host_network else ()
    return Member(reference, None, labels, named, declared, bool(spec.host_network), spec.node_name or "", addresses)


def owner_of(metadata: ObjectMeta) -> Reference | None:
    """The workload that made an object: its controller, if that is of a kind that owns pods."""
    for owner in metadata.owner_references or ():
        if owner.kind in WORKLOAD_KINDS and owner.controller is not False:
            return Reference(metadata.namespace or DEFAULT_NAMESPACE, owner.kind, owner.name)
    return None


def is_finished(pod: Pod) -> bool:
    """Whether the pod has ended: it has no network any more, and its address may already be another's."""
    return pod.status.phase in FINISHED_PHASES


def _ports(spec: PodSpec) -> tuple[frozenset[NamedPort], tuple[tuple[str, int], ...]]:
    containers = spec.containers
    if not spec.init_containers and containers and not any(container.ports for container in containers):
        return _NO_PORTS
    ports = [port for container in _serving(spec) for port in container.ports or ()]
    return (
        frozenset(NamedPort(port.name, port.protocol, port.container_port) for port in ports if port.name),
        tuple(dict.fromkeys((port.protocol, port.container_port) for port in ports)),
    )


_NO_PORTS: tuple[frozenset[NamedPort], tuple[tuple[str, int], ...]] = (frozenset(), ())


def _serving(spec: PodSpec) -> Iterator[Container]:
    """The containers that run beside one another: an init container does only if it is a sidecar."""
    yield from spec.containers or ()
    for container in spec.init_containers or ():
        if container.restart_policy == "Always":
            yield container


def _pod_ips(status: PodStatus) -> Iterable[str]:
    if status.pod_ips:
        return (pod_ip.ip for pod_ip in status.pod_ips)
    return (status.pod_ip,) if status.pod_ip else ()


def _host_addresses(pod: Pod, nodes: dict[str, Node]) -> tuple[tuple[Family, int], ...]:
    """The node's addresses: what the kubelet reports for the pod, else what the Node object says."""
    status = pod.status
    reported = [*_pod_ips(status), *_host_ips(status)]
    known = _internal_ips(pod.spec, nodes)
    return _addresses(text for text in (*reported, *known) if text)


def _internal_ips(spec: PodSpec, nodes: dict[str, Node]) -> list[str]:
    node = nodes.get(spec.node_name or "")
    return [entry.address for entry in (node.status.addresses or ()) if entry.type == "InternalIP"] if node else []


def _host_ips(status: PodStatus) -> list[str]:
    return [*(host_ip.ip for host_ip in status.host_ips or ()), status.host_ip or ""]


def _addresses(texts: Iterable[str]) -> tuple[tuple[Family, int], ...]:
    """The first address of each family. Text that is no address is passed over: loaders report it."""
    found: dict[Family, int] = {}
    for text in texts:
        try:
            family, number = parse_address(text)
        except ValueError:
            continue
        found.setdefault(family, number)
    return tuple(sorted(found.items()))
