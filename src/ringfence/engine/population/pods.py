"""Pods as the engine sees them: only what policies and questions can read about a pod.

A workload from a manifest takes part as one pod, made from its template. Sources: `core/v1` PodSpec and PodStatus.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from ringfence.engine.population.claims import NO_CLAIM, Claim, claim_of
from ringfence.model.added_labels import UnknownLabel, pod_labels
from ringfence.model.metadata import NO_LABELS, Labels, ObjectMeta
from ringfence.model.objects import (
    DEFAULT_NAMESPACE,
    WORKLOAD_KINDS,
    Container,
    Node,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Workload,
)
from ringfence.model.selectors import Selector
from ringfence.sets.addresses import FAMILIES, Family, parse_address

_FINISHED_PHASES = ("Succeeded", "Failed")  # two texts of other lengths are compared faster than one is hashed
_OWNING_KINDS: Final = frozenset(WORKLOAD_KINDS)


POSSIBLE_POD: Final = "PossiblePod"
"""The kind in the reference of a pod that does not exist yet; its name is its labels."""
POSSIBLE_PODS: Final = "PossiblePods"
"""The kind of the reference to all possible pods with some labels; the name is the text of the endpoint."""


PortName = tuple[str, str]
"""A named port as a rule writes it: name and protocol. The destination pod decides which number it stands for."""


class NamedPort(msgspec.Struct, frozen=True, cache_hash=True):
    """A container port with a name. A named port in a rule resolves to it on this pod."""

    name: str
    protocol: str
    port: int


class DeclaredPort(msgspec.Struct, frozen=True, cache_hash=True):
    """A port that a container declares; `host_port` is the port of the node that leads to it, 0 if none does.

    `host_ip` is the only address of the node on which it does; if it is empty, it does on all.
    """

    protocol: str
    port: int
    name: str = ""
    host_port: int = 0
    host_ip: str = ""


class Reference(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """The namespace, kind and name of an object, written as an endpoint; a Namespace stands for all its pods."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        if self.kind == POSSIBLE_POD:
            return f"pod:{self.namespace}/{self.name}"
        if self.kind == POSSIBLE_PODS:
            return self.name
        if self.kind == "Namespace":
            return f"{self.name}/*"
        short = self.name if self.kind == "Pod" else f"{self.kind}/{self.name}"
        return f"{self.namespace}/{short}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


PodAddresses = tuple[tuple[Family, int], ...]
"""The addresses of one pod as family and number, at most one of each family."""

_ONE_FAMILY: Final = {family: (family,) for family in FAMILIES}


class Member(msgspec.Struct, eq=False):
    """A pod that takes part: a real one, or one that stands for the pods of a workload's template.

    `addresses` holds at most one address of each family; those of a hostNetwork pod are its node's. A member without
    addresses comes from a manifest, and could have an address of any family. `owner` is the workload that made the pod
    directly.
    """

    reference: Reference
    owner: Reference | None
    labels: Labels
    named_ports: frozenset[NamedPort]
    container_ports: tuple[DeclaredPort, ...]
    """The ports that its containers declare, in the order in which a Service looks for its target port by name."""
    host_network: bool
    node: str
    addresses: PodAddresses
    host_addresses: PodAddresses = ()
    """The addresses of its node that its own status reports."""
    is_several: bool = False
    """Whether it stands for more than one pod: a template of which several are made."""
    unknown_labels: tuple[UnknownLabel, ...] = ()
    """The labels that the pods of a template will have with a value that is not known yet."""
    standalone: bool = False
    """Whether it is a pod without ownerReferences: with some network plugins, policies do not apply to it."""
    claim: Claim = NO_CLAIM
    """What is known about its network. It matters only if another pod claims one of its addresses."""

    @property
    def namespace(self) -> str:
        """The namespace of the pod."""
        return self.reference.namespace

    @property
    def name(self) -> str:
        """The name of the pod, or of the workload whose template it stands for."""
        return self.reference.name

    @property
    def is_possible(self) -> bool:
        """Whether it is a pod that does not exist yet: only its namespace and its labels are known."""
        return self.reference.kind in (POSSIBLE_POD, POSSIBLE_PODS)

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of its addresses; both, if no address is known."""
        return _ONE_FAMILY[self.addresses[0][0]] if len(self.addresses) == 1 else FAMILIES

    @property
    def has_host_ports(self) -> bool:
        """Whether ports of its node lead to ports of its own."""
        return not self.host_network and _lead_from_nodes(self.container_ports)

    def target_port(self, name: str, protocol: str) -> int | None:
        """The port to which a Service leads whose target port has this name; None if no container gives it the name.

        Of several containers the first counts, and sidecars come last. Source: `FindPort` in `k8s.io/kubernetes`.
        """
        named = (one.port for one in self.container_ports if one.name == name and one.protocol == protocol)
        return next(named, None)

    def some_pod_has(self, labels: Labels) -> bool:
        """Whether the pod has these labels; of a template, whether some of its pods can have them."""
        numbered = {label.key: label for label in self.unknown_labels if label.differs_by_pod}
        return all(
            self.labels.get(key) == value or (key in numbered and numbered[key].may_be(value))
            for key, value in labels.items()
        )

    def may_match(self, selector: Selector) -> bool:
        """Whether a selector matches the pod's labels, or would with some value of those that are not known."""
        if not self.unknown_labels:
            return selector.matches(self.labels)
        unknown = {label.key: label for label in self.unknown_labels}
        return all(
            term.matches(self.labels) or (term.key in unknown and any(map(unknown[term.key].may_be, term.values)))
            for term in selector.terms
        )

    def __str__(self) -> str:
        return str(self.reference)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class PodBefore:
    """The pod that was read last, with its member: what the next pod has in common with it is taken from there.

    Most pods come directly after another one of their workload. Comparing texts takes less time than hashing them, and
    pods that share the object with their labels are known to have the same template.
    """

    __slots__ = ("containers", "init_containers", "member", "namespace", "owners")

    def __init__(self, pod: Pod, member: Member) -> None:
        self.member = member
        self.namespace = member.reference.namespace
        self.owners = pod.metadata.owner_references
        self.containers = pod.spec.containers
        self.init_containers = pod.spec.init_containers


def member_of_pod(pod: Pod, nodes: Mapping[str, Node], before: PodBefore | None = None) -> Member:
    """The member made from a pod. The addresses of hostNetwork pods may come from `nodes`."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    namespace, labels = metadata.namespace or DEFAULT_NAMESPACE, metadata.labels or NO_LABELS
    owners, containers, init_containers = metadata.owner_references, spec.containers, spec.init_containers
    host_network = bool(spec.host_network)
    if (
        before is not None
        and owners == before.owners
        and namespace == before.namespace
        and containers == before.containers
        and init_containers == before.init_containers
    ):
        like = before.member
        namespace, owner, named, declared = before.namespace, like.owner, like.named_ports, like.container_ports
        if labels == like.labels:
            labels = like.labels
    else:
        owner = owner_of(metadata)
        named, declared = _ports(containers, init_containers)
    return Member(
        Reference(namespace, "Pod", metadata.name),
        owner,
        labels,
        named,
        declared,
        host_network,
        spec.node_name or "",
        _host_addresses(pod, nodes) if host_network else _pod_addresses(status),
        _reported_addresses(status.host_ip, status.host_ips) if status.host_ip or status.host_ips else (),
        standalone=not (host_network or owners),
        claim=claim_of(pod),
    )


def member_of_workload(workload: Workload, nodes: Mapping[str, Node], *, is_several: bool = False) -> Member:
    """The member that represents all pods of a workload's template. It can have an address only with hostNetwork."""
    reference = Reference(workload.metadata.namespace or DEFAULT_NAMESPACE, workload.kind, workload.metadata.name)
    spec = workload.template.spec or PodSpec()
    named, declared = _ports(spec.containers, spec.init_containers)
    labels = pod_labels(workload)
    addresses = _addresses(_internal_ips(spec, nodes)) if spec.host_network else ()
    return Member(
        reference,
        None,
        labels.labels,
        named,
        declared,
        bool(spec.host_network),
        spec.node_name or "",
        addresses,
        is_several=is_several,
        unknown_labels=labels.unknown,
    )


def is_one_pod(a: object, b: object) -> bool:
    """Whether the two ends of a connection are one and the same pod.

    A template of several pods at both ends means two different pods of it: a connection of a pod to itself is always
    allowed, so a question is never about that.
    """
    return isinstance(a, Member) and a is b and not a.is_several


def possible_pod(namespace: str, labels: Labels) -> Member:
    """A pod that does not exist yet, with exactly these labels. Its ports and its address are not known."""
    name = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return Member(Reference(namespace, POSSIBLE_POD, name), None, labels, frozenset(), (), False, "", ())


def example_of_possible_pods(text: str, namespace: str, labels: Labels) -> Member:
    """A possible pod that represents all those that `text` names: policies treat them in the same way."""
    return Member(Reference(namespace, POSSIBLE_PODS, text), None, labels, frozenset(), (), False, "", ())


def is_same(a: Member, b: Member) -> bool:
    """Whether two members with the same name are equal in everything that policies and questions can read."""
    return msgspec.structs.astuple(a)[:-1] == msgspec.structs.astuple(b)[:-1]  # the last field is the claim


def owner_of(metadata: ObjectMeta) -> Reference | None:
    """The workload that made an object: its controller, if that is of a workload kind."""
    for owner in metadata.owner_references or ():
        # Manifests often lack `controller`; only an explicit false says that the owner does not manage the pod.
        if owner.kind in _OWNING_KINDS and owner.controller is not False:
            return _owner(metadata.namespace or DEFAULT_NAMESPACE, owner.kind, owner.name)
    return None


# All pods of a workload get the same `Reference` object: a dict then finds it by identity, without comparing fields.
_owner = lru_cache(maxsize=1 << 14)(Reference)


def is_finished(pod: Pod) -> bool:
    """Whether the pod has ended. It has no network any more, and another pod may already have its address."""
    return pod.status.phase in _FINISHED_PHASES


@lru_cache(maxsize=1 << 14)
def _lead_from_nodes(ports: tuple[DeclaredPort, ...]) -> bool:
    """Whether ports of nodes lead to some of these ports. Pods of a workload declare the same ones, hence the cache."""
    return any(port.host_port for port in ports)


_Containers = tuple[Container, ...] | None


@lru_cache(maxsize=1 << 14)
def _ports(
    containers: _Containers, init_containers: _Containers
) -> tuple[frozenset[NamedPort], tuple[DeclaredPort, ...]]:
    """The named ports and all declared ports. Pods of a workload have equal containers, hence the cache."""
    ports = [port for container in _serving(containers, init_containers) for port in container.ports or ()]
    return (
        frozenset(NamedPort(port.name, port.protocol, port.container_port) for port in ports if port.name),
        tuple(
            dict.fromkeys(
                DeclaredPort(port.protocol, port.container_port, port.name, port.host_port, port.host_ip)
                for port in ports
            )
        ),
    )


def _serving(containers: _Containers, init_containers: _Containers) -> Iterator[Container]:
    """The containers that run at the same time. An init container is one of them only if it is a sidecar."""
    yield from containers or ()
    for container in init_containers or ():
        if container.restart_policy == "Always":
            yield container


def _pod_addresses(status: PodStatus) -> PodAddresses:
    # Nearly all pods have one address: this path takes no dict and no sort.
    reported = status.pod_ips
    if reported and len(reported) > 1:
        return _addresses(_pod_ips(status))
    text = reported[0].ip if reported else status.pod_ip
    try:
        return (parse_address(text),) if text else ()
    except ValueError:
        return ()


def _pod_ips(status: PodStatus) -> Iterable[str]:
    if status.pod_ips:
        return (pod_ip.ip for pod_ip in status.pod_ips)
    return (status.pod_ip,) if status.pod_ip else ()


def _host_addresses(pod: Pod, nodes: Mapping[str, Node]) -> PodAddresses:
    """The node's addresses: those that the kubelet reports for the pod, then those of the Node object."""
    status = pod.status
    reported = [*_pod_ips(status), *_host_ips(status.host_ip, status.host_ips)]
    known = _internal_ips(pod.spec, nodes)
    return _addresses(text for text in (*reported, *known) if text)


def _internal_ips(spec: PodSpec, nodes: Mapping[str, Node]) -> list[str]:
    node = nodes.get(spec.node_name or "")
    return [entry.address for entry in (node.status.addresses or ()) if entry.type == "InternalIP"] if node else []


@lru_cache(maxsize=1 << 14)
def _reported_addresses(host_ip: str | None, host_ips: tuple[PodIP, ...] | None) -> PodAddresses:
    """The addresses of its node that a pod's status reports. All pods of a node report the same, hence the cache."""
    return _addresses(_host_ips(host_ip, host_ips))


def _host_ips(host_ip: str | None, host_ips: tuple[PodIP, ...] | None) -> list[str]:
    return [text for text in (*(one.ip for one in host_ips or ()), host_ip) if text]


def _addresses(texts: Iterable[str]) -> PodAddresses:
    """The first address of each family. Invalid addresses are ignored here: the loaders report them."""
    found: dict[Family, int] = {}
    for text in texts:
        try:
            family, number = parse_address(text)
        except ValueError:
            continue
        found.setdefault(family, number)
    return tuple(sorted(found.items()))
