"""Pods as the engine sees them: what policies can tell about a pod, and nothing else.

A workload from a manifest takes part as one pod made from its template. Sources: `core/v1` PodSpec and PodStatus.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

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
    PodIP,
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


Addresses = tuple[tuple[Family, int], ...]
"""Addresses by family and number: at most one of each family."""

_ALONE: Final = {family: (family,) for family in FAMILIES}


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
    addresses: Addresses
    host_addresses: Addresses = ()
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
        return _ALONE[self.addresses[0][0]] if len(self.addresses) == 1 else FAMILIES

    def __str__(self) -> str:
        return str(self.reference)


def member_of_pod(pod: Pod, nodes: dict[str, Node]) -> Member:
    """The member that a pod is; `nodes` know the addresses of hostNetwork pods."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    host_network = bool(spec.host_network)
    named, declared = _ports(spec.containers, spec.init_containers)
    return Member(
        Reference(metadata.namespace or DEFAULT_NAMESPACE, "Pod", metadata.name),
        owner_of(metadata),
        metadata.labels or NO_LABELS,
        named,
        declared,
        host_network,
        spec.node_name or "",
        _host_addresses(pod, nodes) if host_network else _pod_addresses(status),
        _reported_addresses(status.host_ip, status.host_ips),
    )


def member_of_workload(workload: Workload, nodes: dict[str, Node]) -> Member:
    """The pod that stands for all that a workload's template makes; it has an address only if that is its node's."""
    reference = Reference(workload.metadata.namespace or DEFAULT_NAMESPACE, workload.kind, workload.metadata.name)
    metadata = workload.template.metadata or ObjectMeta()
    spec = workload.template.spec or PodSpec()
    named, declared = _ports(spec.containers, spec.init_containers)
    labels = metadata.labels or NO_LABELS
    addresses = _addresses(_internal_ips(spec, nodes)) if spec.host_network else ()
    return Member(reference, None, labels, named, declared, bool(spec.host_network), spec.node_name or "", addresses)


def is_same(a: Member, b: Member) -> bool:
    """Whether two members of one name are the same in everything that matters here."""
    return msgspec.structs.astuple(a) == msgspec.structs.astuple(b)


def owner_of(metadata: ObjectMeta) -> Reference | None:
    """The workload that made an object: its controller, if that is of a kind that owns pods."""
    for owner in metadata.owner_references or ():
        if owner.kind in WORKLOAD_KINDS and owner.controller is not False:
            return _owner(metadata.namespace or DEFAULT_NAMESPACE, owner.kind, owner.name)
    return None


_owner = lru_cache(maxsize=1 << 14)(Reference)
"""A workload's name is the very same object for all its pods, and found in a dict the faster for it."""


def is_finished(pod: Pod) -> bool:
    """Whether the pod has ended: it has no network any more, and its address may already be another's."""
    return pod.status.phase in FINISHED_PHASES


_Containers = tuple[Container, ...] | None


@lru_cache(maxsize=1 << 14)
def _ports(
    containers: _Containers, init_containers: _Containers
) -> tuple[frozenset[NamedPort], tuple[tuple[str, int], ...]]:
    """The named ports and all declared ones. Pods of one workload have equal containers, so they are looked at once."""
    ports = [port for container in _serving(containers, init_containers) for port in container.ports or ()]
    return (
        frozenset(NamedPort(port.name, port.protocol, port.container_port) for port in ports if port.name),
        tuple(dict.fromkeys((port.protocol, port.container_port) for port in ports)),
    )


def _serving(containers: _Containers, init_containers: _Containers) -> Iterator[Container]:
    """The containers that run beside one another: an init container does only if it is a sidecar."""
    yield from containers or ()
    for container in init_containers or ():
        if container.restart_policy == "Always":
            yield container


def _pod_addresses(status: PodStatus) -> Addresses:
    if status.pod_ips and len(status.pod_ips) > 1:
        return _addresses(_pod_ips(status))
    text = status.pod_ips[0].ip if status.pod_ips else status.pod_ip
    try:
        return (parse_address(text),) if text else ()
    except ValueError:
        return ()


def _pod_ips(status: PodStatus) -> Iterable[str]:
    if status.pod_ips:
        return (pod_ip.ip for pod_ip in status.pod_ips)
    return (status.pod_ip,) if status.pod_ip else ()


def _host_addresses(pod: Pod, nodes: dict[str, Node]) -> Addresses:
    """The node's addresses: what the kubelet reports for the pod, else what the Node object says."""
    status = pod.status
    reported = [*_pod_ips(status), *_host_ips(status.host_ip, status.host_ips)]
    known = _internal_ips(pod.spec, nodes)
    return _addresses(text for text in (*reported, *known) if text)


def _internal_ips(spec: PodSpec, nodes: dict[str, Node]) -> list[str]:
    node = nodes.get(spec.node_name or "")
    return [entry.address for entry in (node.status.addresses or ()) if entry.type == "InternalIP"] if node else []


@lru_cache(maxsize=1 << 14)
def _reported_addresses(host_ip: str | None, host_ips: tuple[PodIP, ...] | None) -> Addresses:
    """The addresses of its node that a pod's status says. The pods of a node say the same, so they are read once."""
    return _addresses(_host_ips(host_ip, host_ips))


def _host_ips(host_ip: str | None, host_ips: tuple[PodIP, ...] | None) -> list[str]:
    return [text for text in (*(one.ip for one in host_ips or ()), host_ip) if text]


def _addresses(texts: Iterable[str]) -> Addresses:
    """The first address of each family. Text that is no address is passed over: loaders report it."""
    found: dict[Family, int] = {}
    for text in texts:
        try:
            family, number = parse_address(text)
        except ValueError:
            continue
        found.setdefault(family, number)
    return tuple(sorted(found.items()))
