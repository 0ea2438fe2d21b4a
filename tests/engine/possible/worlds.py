"""Possible connections as worlds of objects, for the naive evaluator; and random ones of a small universe."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from tests import strategies
from tests.semantics import naive
from tests.semantics.objects import NAME_LABEL, Object, container_port, key_of, namespace, node, pod

from ringfence.cluster import Cluster
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible import (
    ExactAddress,
    ExactEnd,
    ExactPod,
    Meaning,
    PossibleConnection,
    Role,
    compile_in_any_cluster,
)
from ringfence.sets.addresses import address_text, parse_address


def meaning_of(policies: Iterable[Object]) -> Meaning:
    """The meaning of some policies, as dicts, in any cluster."""
    return Meaning(compiled(policies).values())


def compiled(policies: Iterable[Object]) -> dict[tuple[str, str, str], CompiledPolicy[Any]]:
    """Some policies, as dicts, compiled for any cluster, by kind, namespace and name."""
    cluster = Cluster()
    for policy in policies:
        cluster.upsert(policy)
    found = (compile_in_any_cluster(one.policy, one.origin) for one in cluster.state.tiers.policies())
    return {(one.kind, one.namespace, one.name): one for one in found}


def world_of(connection: PossibleConnection) -> tuple[list[Object], str, str]:
    """The objects of a world in which a connection can be opened, and how a question names its two ends."""
    (sources, source), (destinations, destination) = (_objects_of(connection, role) for role in Role)
    objects = {key_of(one): one for one in (*sources, *destinations)}
    return list(objects.values()), source, destination


def _objects_of(connection: PossibleConnection, role: Role) -> tuple[list[Object], str]:
    end = connection.end(role)
    address = address_text(*end.address)
    if isinstance(end, ExactAddress):
        if end.node_labels is None:
            return [], address
        labelled = node("node", *(address_text(*one) for one in end.all_addresses))
        labelled["metadata"]["labels"] = dict(end.node_labels)
        return [labelled], address
    labels = {key: value for key, value in end.namespace_labels.items() if key != NAME_LABEL}
    names = connection.port_names if role is Role.DESTINATION else ()
    ports = [container_port(name, connection.port, protocol) for name, protocol in names]
    path = f"{end.namespace}/{role}"
    made = pod(path, dict(end.labels), ports=ports, addresses=[address])
    return [namespace(end.namespace, **labels), made], path


def naive_verdict(policies: Iterable[Object], connection: PossibleConnection) -> bool:
    """Whether the naive evaluator allows a connection."""
    objects, source, destination = world_of(connection)
    protocol = connection.protocol or "ICMP"
    return naive.allowed([*policies, *objects], source, destination, protocol, connection.port)


# --- random connections -----------------------------------------------------------------------------------------------

_ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.7.7", "192.168.0.1", "192.0.2.1", "203.0.113.7")
_ADDRESSES_6 = ("fd00::1", "fd00::2", "fd00::7:7", "fd09::1", "2001:db8::1")
_PORTS = (*((one, port) for one in strategies.PROTOCOLS for port in (1, 53, 80, 85, 90, 65535)), ("", 0))
_labels = st.sampled_from(strategies.LABELS)


@st.composite
def connections(draw: st.DrawFn) -> PossibleConnection:
    """Connections between pods and addresses, with few labels and addresses; at least one end is a pod."""
    source_is_pod, destination_is_pod = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    family = draw(st.sampled_from([_ADDRESSES, _ADDRESSES, _ADDRESSES_6]))
    addresses = [parse_address(one) for one in draw(st.permutations(family))]
    spaces = [draw(st.sampled_from([*strategies.NAMESPACES, "other"])) for _ in Role]
    labels = {name: draw(_labels) for name in spaces}

    def end(is_pod: bool, address: Any, name: str) -> ExactEnd:
        if is_pod:
            return ExactPod({**labels[name], NAME_LABEL: name}, draw(_labels), address)
        return ExactAddress(address, draw(st.one_of(st.none(), _labels)))

    protocol, port = draw(st.sampled_from(_PORTS))
    names = draw(st.sets(st.sampled_from(strategies.PORT_NAMES))) if destination_is_pod and protocol else ()
    return PossibleConnection(
        end(source_is_pod, addresses[0], spaces[0]),
        end(destination_is_pod, addresses[1], spaces[1]),
        protocol,
        port,
        tuple((name, protocol) for name in sorted(names)),
    )
