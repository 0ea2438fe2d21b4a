"""A few pods that represent many: the answer about them is the answer about all.

Pods of one workload that no policy can tell apart get the same answer, with the same assumptions. One of them
represents all, or two if both sides of a question have the same pods, because it is about two different ones. Nodes
count only if one side uses the network of nodes: then it matters which pods are on the same node.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from ringfence.analysis.endpoints import AskedPorts, Endpoint
from ringfence.engine.answers import node_addresses
from ringfence.engine.policies import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.sets.addresses import Addresses

_FEW: Final = 4
"""Up to this number of ends, all are asked about: choosing representatives would take longer."""


def few_of_both(state: State, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> tuple[Endpoint, Endpoint]:
    """The endpoints of a question, reduced to the pods that represent all."""
    if len(source.ends) <= _FEW and len(destination.ends) <= _FEW:
        return source, destination
    # Without port names in the question, pods that differ only in their names for ports get the same answer.
    by_ports = bool(ports.names)
    number = 1 if frozenset(source.ends).isdisjoint(destination.ends) else 2
    hosts_on_both = _has_hosts(source) and _has_hosts(destination)

    def alike(pod: Member, node: object) -> object:
        ports_of_pod = pod.named_ports if by_ports else None
        # The workload is part of it because answers name it; the addresses, because pods without any cause assumptions.
        return state.identity(pod).bit, state.workload(pod), node, ports_of_pod, bool(pod.addresses)

    def with_few_hosts(endpoint: Endpoint, other: Endpoint) -> Endpoint:
        nodes = {end.node for end in other.ends if isinstance(end, Member)}
        return _few(
            endpoint,
            lambda pod: alike(pod, pod.node if hosts_on_both else pod.node in nodes) if pod.host_network else pod,
            number,
        )

    def with_few_pods(endpoint: Endpoint, other: Endpoint) -> Endpoint:
        nodes = {end.node for end in other.ends if isinstance(end, Member) and end.host_network}
        outside = [end for end in other.ends if isinstance(end, Addresses)]

        def group(pod: Member) -> object:
            # Host pods were reduced before, by rules of their own. A possible pod is a single one that the question
            # names.
            if pod.host_network or pod.is_possible:
                return pod
            counts = pod.node in nodes or _is_on_a_node_of(state, pod, outside)
            return alike(pod, pod.node if counts else "")

        return _few(endpoint, group, number)

    if not _is_plain(source) and not _is_plain(destination):
        return source, destination
    if _has_hosts(source) or _has_hosts(destination):
        source, destination = with_few_hosts(source, destination), with_few_hosts(destination, source)
    return with_few_pods(source, destination), with_few_pods(destination, source)


def _few(endpoint: Endpoint, group: Callable[[Member], object], number: int) -> Endpoint:
    """An endpoint with at most `number` pods of each group."""
    if len(endpoint.ends) <= _FEW or not _is_plain(endpoint):
        return endpoint
    taken: Counter[object] = Counter()
    kept: list[End] = []
    for end in endpoint.ends:
        if isinstance(end, Member):
            key = group(end)
            taken[key] += 1
            # The first pods of each group stay, in their order, so that an answer names the same pods in every run.
            if taken[key] > number:
                continue
        kept.append(end)
    return replace(endpoint, ends=tuple(kept))


def _is_plain(endpoint: Endpoint) -> bool:
    """Whether the question is about its pods themselves, not about those behind a Service or at addresses."""
    return endpoint.service is None and endpoint.addresses is None


def _has_hosts(endpoint: Endpoint) -> bool:
    return any(isinstance(end, Member) and end.host_network for end in endpoint.ends)


def _is_on_a_node_of(state: State, pod: Member, outside: Iterable[Addresses]) -> bool:
    """Whether some of the addresses are those of the node of a pod."""
    return bool(outside) and any(node_addresses(state, pod) & addresses for addresses in outside)
