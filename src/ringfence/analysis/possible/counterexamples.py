"""Counterexamples: one connection as objects of a cluster, and the answer of the engine for existing pods.

No printed counterexample relies on the arithmetic of boxes alone: its pods are added to a state of their own, and the
question is asked there.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from ringfence.analysis.endpoints import AskedPorts, asked_ports, resolve
from ringfence.analysis.possible.policy_sets import PolicySet
from ringfence.analysis.questions import Answer
from ringfence.engine.population import NAME_LABEL
from ringfence.engine.possible import ExactAddress, ExactEnd, ExactPod, PossibleConnection, Role
from ringfence.engine.state import State
from ringfence.model.metadata import NodeMeta, ObjectMeta
from ringfence.model.objects import (
    Container,
    ContainerPort,
    Namespace,
    Node,
    NodeAddress,
    NodeStatus,
    Object,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
)
from ringfence.sets.addresses import address_text

_replace = msgspec.structs.replace


def objects_of(connection: PossibleConnection) -> list[Object]:
    """The pods, namespaces and nodes of a connection, as a cluster would have them."""
    found: list[Object] = []
    for role in Role:
        end = connection.end(role)
        if isinstance(end, ExactPod):
            labels = {key: value for key, value in end.namespace_labels.items() if key != NAME_LABEL}
            found.append(Namespace(ObjectMeta(name=end.namespace, labels=labels)))
            found.append(_pod(connection, role, end))
        elif end.node_labels is not None:
            addresses = tuple(NodeAddress(address_text(*one), "InternalIP") for one in end.all_addresses)
            found.append(Node(NodeMeta(name="node", labels=dict(end.node_labels)), status=NodeStatus(addresses)))
    return found


def _pod(connection: PossibleConnection, role: Role, end: ExactPod) -> Pod:
    names = connection.port_names if role is Role.DESTINATION else ()
    # A laboratory listens on the ports that containers declare, named or not.
    declared = [ContainerPort(connection.port, name, protocol) for name, protocol in names]
    if role is Role.DESTINATION and connection.protocol and not declared:
        declared = [ContainerPort(connection.port, protocol=connection.protocol)]
    text = address_text(*end.address)
    # Policies do not decide about a pod and its own node, so the pod runs on another one.
    has_node = isinstance(other := connection.end(role.other), ExactAddress) and other.node_labels is not None
    return Pod(
        ObjectMeta(name=str(role), namespace=end.namespace, labels=dict(end.labels)),
        PodSpec((Container(tuple(declared)),), node_name="another-node" if has_node else None),
        PodStatus(phase="Running", pod_ip=text, pod_ips=(PodIP(text),)),
    )


def end_name(connection: PossibleConnection, role: Role) -> str:
    """The endpoint text for one end among the `objects_of` a connection."""
    end = connection.end(role)
    return f"{end.namespace}/{role}" if isinstance(end, ExactPod) else address_text(*end.address)


def asked(connection: PossibleConnection) -> AskedPorts:
    """The port that a question about a connection is about; all traffic for one that has no ports."""
    return asked_ports(connection.port if connection.protocol else None, connection.protocol or None)


def judged(policies: PolicySet, connection: PossibleConnection) -> Answer:
    """The answer of an engine that contains only some policies and the `objects_of` a connection.

    NetworkPolicies of namespaces without an end are left out, because they select neither.
    """
    state = State()
    ends = (connection.end(role) for role in Role)
    namespaces = {"", *(end.namespace for end in ends if isinstance(end, ExactPod))}
    for policy in policies.policies:
        if policy.namespace in namespaces:
            state.upsert(policy.policy, policy.origin)
    for obj in objects_of(connection):
        state.upsert(obj)
    source, destination = (resolve(state, end_name(connection, role)) for role in Role)
    return Answer(state, source, destination, asked(connection))


def allows(answer: Answer, connection: PossibleConnection) -> bool:
    """Whether an answer to the question about a connection allows it."""
    return answer.all if connection.protocol else answer.traffic.other


# --- the smallest one -------------------------------------------------------------------------------------------------


def size_of(connection: PossibleConnection) -> tuple[int, int]:
    """The size of a connection for a reader: labels, port names, further addresses of a node; then the number of pods.

    The name of a namespace does not count, because every pod has one.
    """
    ends = [connection.end(role) for role in Role]
    pods = [end for end in ends if isinstance(end, ExactPod)]
    labels = sum(len(end.labels) + len(end.namespace_labels.keys() - {NAME_LABEL}) for end in pods)
    addresses = [end for end in ends if isinstance(end, ExactAddress)]
    nodes = sum(1 + len(end.node_labels) for end in addresses if end.node_labels)
    nodes += sum(len(end.other_addresses) for end in addresses)
    return labels + nodes + len(connection.port_names), len(pods)


def smallest(connection: PossibleConnection, shows: Callable[[PossibleConnection], bool]) -> PossibleConnection:
    """The connection without the labels and names that are not needed for `shows` to be true."""
    left = connection
    while True:
        # Label by label, and again from the start: after one is gone, another that was needed before may not be.
        smaller = next((one for one in _without_one(left) if shows(one)), None)
        if smaller is None:
            return left
        left = smaller


def _without_one(connection: PossibleConnection) -> Iterator[PossibleConnection]:
    """The connection without one label or name; a namespace of both ends loses a label on both sides."""
    for name in connection.port_names:
        yield _replace(connection, port_names=tuple(other for other in connection.port_names if other != name))
    for role in Role:
        end = connection.end(role)
        if isinstance(end, ExactAddress):
            for other in end.other_addresses:
                left = tuple(one for one in end.other_addresses if one != other)
                yield _with_end(connection, role, _replace(end, other_addresses=left))
            # Only a node has further addresses, so these must go first.
            if end.node_labels is not None and not end.other_addresses:
                yield _with_end(connection, role, _replace(end, node_labels=None))
            continue
        for key in end.labels:
            yield _with_end(connection, role, _replace(end, labels=_less(end.labels, key)))
        for key in sorted(end.namespace_labels.keys() - {NAME_LABEL}):
            yield _without_namespace_label(connection, end.namespace, key)


def _without_namespace_label(connection: PossibleConnection, namespace: str, key: str) -> PossibleConnection:
    for role in Role:
        end = connection.end(role)
        if isinstance(end, ExactPod) and end.namespace == namespace:
            connection = _with_end(connection, role, _replace(end, namespace_labels=_less(end.namespace_labels, key)))
    return connection


def _with_end(connection: PossibleConnection, role: Role, end: ExactEnd) -> PossibleConnection:
    if role is Role.SOURCE:
        return _replace(connection, source=end)
    return _replace(connection, destination=end)


def _less(labels: Mapping[str, str], key: str) -> dict[str, str]:
    return {one: value for one, value in labels.items() if one != key}
