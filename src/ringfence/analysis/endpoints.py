"""Endpoints: the pods, workloads, Services and addresses that a question can name.

    [NAMESPACE/][KIND/]NAME      a pod, a workload or a Service
    [NAMESPACE/]KEY=VALUE        all pods of a namespace with a label
    NAMESPACE/*                  all pods of a namespace
    192.168.5.10, 10.0.0.0/8     addresses; a pod's or a Service's own address names that pod or Service

An endpoint that matches nothing is an error, never an answer: a spelling mistake must not look like "no".
"""

import re
from difflib import get_close_matches
from ipaddress import ip_address, ip_network

import msgspec

from ringfence.analysis.services import Backend, backends, reference_of
from ringfence.engine.answers import End
from ringfence.engine.population import Member, Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import DEFAULT_NAMESPACE, WORKLOAD_KINDS, Service
from ringfence.sets.addresses import LOOPBACK, Addresses, Family, Network, span

KINDS = {
    alias: kind
    for kind, aliases in {
        "Pod": ("po", "pod", "pods"),
        "Service": ("svc", "service", "services"),
        "Deployment": ("deploy", "deployment", "deployments"),
        "StatefulSet": ("sts", "statefulset", "statefulsets"),
        "DaemonSet": ("ds", "daemonset", "daemonsets"),
        "ReplicaSet": ("rs", "replicaset", "replicasets"),
        "ReplicationController": ("rc", "replicationcontroller", "replicationcontrollers"),
        "Job": ("job", "jobs"),
        "CronJob": ("cj", "cronjob", "cronjobs"),
    }.items()
    for alias in aliases
}
"""The kinds, with the names and short names that kubectl accepts."""

_MAY_BE_ADDRESS = re.compile(r"[0-9.]+(/.*)?|[^/]*:.*")
"""A quick test before `ip_network`, which is slow to fail. It lets through some names that are no addresses."""


class Endpoint(msgspec.Struct, frozen=True):
    """What a text names: pods or addresses, and the Service in front of them if it names one.

    `reference` is the object that it names, if it names a single object.
    """

    text: str
    ends: tuple[End, ...]
    reference: Reference | None = None
    service: Service | None = None

    def openers(self) -> tuple[End, ...]:
        """The pods or addresses that may open a connection, if this endpoint is the source.

        Nobody opens one from a loopback address but the pod that it belongs to. Raises EndpointError if no other
        address is left.
        """
        if not any(isinstance(end, Addresses) and end & LOOPBACK for end in self.ends):
            return self.ends
        others = (end - LOOPBACK if isinstance(end, Addresses) else end for end in self.ends)
        if not (left := tuple(end for end in others if end)):
            raise EndpointError(f"{self.text} is the loopback address of every pod: name the pod that connects")
        return left

    def backends(self, state: State, protocol: str, port: int | None) -> list[Backend]:
        """The pods or addresses that a connection to a port of this endpoint may reach; of a Service, its endpoints."""
        if self.service:
            return backends(state, self.service, protocol, port)
        return [Backend(end, protocol, port) for end in self.ends]


def resolve(state: State, text: str, namespace: str = DEFAULT_NAMESPACE) -> Endpoint:
    """What `text` names; names without a namespace are looked up in `namespace`.

    Raises EndpointError if it matches nothing or is ambiguous.
    """
    if pod := _plain_pod(state, text):
        return Endpoint(text, (pod,), pod.reference)
    if network := _parse_network(text):
        return _addressed(state, text, network)
    space, kind, name = _split(text, namespace)
    if not (space and name):
        raise EndpointError(
            f"{text!r} is not a valid endpoint: use [NAMESPACE/][KIND/]NAME, NAMESPACE/KEY=VALUE or NAMESPACE/*"
        )
    if name == "*":
        return _several(text, list(state.members_in(space)), _nothing_in(state, space))
    if "=" in name:
        key, _, value = name.partition("=")
        labelled = [member for member in state.members_in(space) if member.labels.get(key) == value]
        return _several(text, labelled, f"no pod in namespace {space} has the label {key}={value}")
    if kind == "Service":
        return _service(state, text, space, name)
    return _named(state, text, space, kind, name)


def _plain_pod(state: State, text: str) -> Member | None:
    """The pod that a text names, if it is just NAMESPACE/NAME and not a kind and a name, or a CIDR.

    Programs that ask many questions write endpoints like this, so they take the shortest path.
    """
    space, _, name = text.partition("/")
    pod = state.pod(space, name)
    return None if pod is None or "." in space or ":" in space or space.lower() in KINDS else pod


def _parse_network(text: str) -> Network | None:
    if not _MAY_BE_ADDRESS.fullmatch(text):
        return None
    try:
        return parse_cidr(str(ip_network(text)))  # which takes an IPv4 address in IPv6 for what it is
    except ValueError as error:
        if "host bits" in str(error):
            raise EndpointError(
                f"{text}: the address has bits set beyond the prefix: use {ip_network(text, strict=False)}"
            ) from None
        if _is_address(text.partition("/")[0]):
            raise EndpointError(
                f"{text} is not a valid CIDR: the prefix length must be 0 to 32, for IPv6 0 to 128"
            ) from None
        return None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _addressed(state: State, text: str, network: Network) -> Endpoint:
    if network.num_addresses == 1:
        family, number = Family(network.version), span(network)[0]
        if members := state.members_at(family, number):
            return Endpoint(text, tuple(members), members[0].reference if len(members) == 1 else None)
        for service in state.services.values():
            if str(network.network_address) in service.spec.virtual_addresses():
                return _behind(state, text, service)
    return Endpoint(text, (Addresses.of(network),))


def _split(text: str, namespace: str) -> tuple[str, str, str]:
    """Namespace, kind (empty if none is given) and the rest. A label key may contain a slash itself."""
    space, slash, rest = text.partition("/")
    if "=" in text and ("=" in space or "." in space):
        return namespace, "", text
    if not slash:
        return namespace, "", text
    if "=" in rest:
        return space, "", rest
    first, slash, name = rest.partition("/")
    if slash:
        if first.lower() not in KINDS or "/" in name:
            raise EndpointError(
                f"{text}: {first!r} is not a known kind: use NAMESPACE/KIND/NAME with a kind such as deploy or svc"
            )
        return space, KINDS[first.lower()], name
    if space.lower() in KINDS:
        return namespace, KINDS[space.lower()], rest
    return space, "", rest


def _several(text: str, members: list[Member], otherwise: str) -> Endpoint:
    if not members:
        raise EndpointError(f"{text}: {otherwise}")
    return Endpoint(text, tuple(members))


def _service(state: State, text: str, namespace: str, name: str) -> Endpoint:
    service = state.services.get((namespace, name))
    if service is None:
        known = [other for space, other in state.services if space == namespace]
        raise EndpointError(f"{text}: there is no Service {name} in namespace {namespace}{_similar(name, known)}")
    return _behind(state, text, service)


def _behind(state: State, text: str, service: Service) -> Endpoint:
    ends = dict.fromkeys(backend.end for backend in backends(state, service, "TCP", None))
    return Endpoint(text, tuple(ends), reference_of(service), service)


def _named(state: State, text: str, namespace: str, kind: str, name: str) -> Endpoint:
    pod = state.member(Reference(namespace, "Pod", name))
    if pod and kind in ("", "Pod"):
        return Endpoint(text, (pod,), pod.reference)
    kinds = WORKLOAD_KINDS if not kind else () if kind == "Pod" else (kind,)
    found = {}
    for one in kinds:
        reference = Reference(namespace, one, name)
        if members := _owned(state, reference):
            found[reference] = members
    if len(found) > 1:
        ways = " or ".join(f"{reference.kind.lower()}/{name}" for reference in found)
        raise EndpointError(f"{text} is ambiguous in namespace {namespace}: use {ways}")
    if not found:
        raise EndpointError(f"{text}: {_why_nothing(state, namespace, kind, name)}")
    ((reference, members),) = found.items()
    return Endpoint(text, tuple(members), reference)


def _owned(state: State, reference: Reference) -> list[Member]:
    """The pods of a workload, directly or through other workloads that it owns."""
    if template := state.member(reference):
        return [template]
    return [
        member
        for member in state.members_in(reference.namespace)
        if member.owner and reference in state.workloads.chain(member.owner)
    ]


def _why_nothing(state: State, namespace: str, kind: str, name: str) -> str:
    what = f"{kind} {name}" if kind else f"pod or workload {name}"
    for one in (kind,) if kind else WORKLOAD_KINDS:
        reference = Reference(namespace, one, name)
        if workload := state.workloads.get(reference):
            limit = state.workloads.limit(workload, reference)
            why = f": {limit.reason}" if limit.is_zero else ""
            return f"{one} {name} in namespace {namespace} has no pods{why}"
    if not kind and (namespace, name) in state.services:
        return f"there is no {what} in namespace {namespace}, but there is a Service: use {namespace}/svc/{name}"
    elsewhere = [space for space in state.namespaces.names() if state.members_named(space, name)]
    if elsewhere:
        others = " and ".join(f"{space}/{name}" for space in elsewhere[:3])
        return f"there is no {what} in namespace {namespace}; there is {others}"
    known = {state.workload(member).name for member in state.members_in(namespace)}
    if not known:
        return _nothing_in(state, namespace)
    return f"there is no {what} in namespace {namespace}{_similar(name, list(known))}"


def _nothing_in(state: State, namespace: str) -> str:
    others = [name for name in state.namespaces.names() if name != namespace]
    return f"there is no pod in namespace {namespace}{_similar(namespace, others)}"


def _similar(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
