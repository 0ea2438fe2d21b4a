"""Random cluster policies of all three kinds for hypothesis, built in the same way as those of `strategies`."""

from typing import Any

from hypothesis import strategies as st

from tests import strategies
from tests.semantics.objects import Object, key_of
from tests.strategies import Strategy, several

GROUP = "policy.networking.k8s.io"
_TRANSPORTS = ("tcp", "udp", "sctp")
_NUMBERS = (53, 80, 81, 90)
_RANGES = ((1, 80), (80, 90), (81, 65535), (1, 65535))

_workload_peers = st.one_of(
    st.fixed_dictionaries({"namespaces": strategies.namespace_selectors}),
    st.fixed_dictionaries(
        {
            "pods": st.fixed_dictionaries(
                {"podSelector": strategies.pod_selectors, "namespaceSelector": strategies.namespace_selectors}
            )
        }
    ),
)
_networks = st.lists(st.sampled_from(sorted(set(strategies.CIDRS))), min_size=1, max_size=2, unique=True)
_networks_or_nodes = st.one_of(
    st.fixed_dictionaries({"networks": _networks}), st.fixed_dictionaries({"nodes": strategies.namespace_selectors})
)
_outside = st.one_of(_networks_or_nodes, _networks_or_nodes, st.just({"domainNames": ["*.example.com"]}))
_protocols = st.one_of(
    st.builds(
        lambda one, port: {one: {"destinationPort": {"number": port}}}, *map(st.sampled_from, (_TRANSPORTS, _NUMBERS))
    ),
    st.builds(
        lambda one, ends: {one: {"destinationPort": {"range": {"start": ends[0], "end": ends[1]}}}},
        *map(st.sampled_from, (_TRANSPORTS, _RANGES)),
    ),
    st.builds(lambda name: {"destinationNamedPort": name}, st.sampled_from(strategies.PORT_NAMES)),
)
_ports = st.one_of(
    st.builds(
        lambda protocol, port: {"portNumber": {"protocol": protocol, "port": port}},
        *map(st.sampled_from, (strategies.PROTOCOLS, _NUMBERS)),
    ),
    st.builds(lambda port: {"portNumber": {"port": port}}, st.sampled_from(_NUMBERS)),
    st.builds(
        lambda protocol, ends: {"portRange": {"protocol": protocol, "start": ends[0], "end": ends[1]}},
        *map(st.sampled_from, (strategies.PROTOCOLS, (*_RANGES, (80, 80)))),
    ),
    st.builds(lambda name: {"namedPort": name}, st.sampled_from(strategies.PORT_NAMES)),
)


def _rules(actions: tuple[str, ...], peers_field: str, peers: Strategy, ports: dict[str, Strategy]) -> Strategy:
    ((ports_field, entries),) = ports.items()
    with_ports = st.fixed_dictionaries({ports_field: several(entries, 1, 2)})
    rules = st.builds(
        lambda rule, more: rule | more,
        st.fixed_dictionaries({"action": st.sampled_from(actions), peers_field: several(peers, 1, 2)}),
        st.one_of(st.just({}), with_ports),
    )
    return st.lists(rules.map(lambda rule: _accepted(rule, peers_field, ports_field)), max_size=3)


def _accepted(rule: Any, peers_field: str, ports_field: str) -> Any:
    """The rule without its ports if no server accepts named ports beside its peers.

    Some servers accept them beside `networks`.
    """
    refused = {"nodes", "domainNames"} if ports_field == "protocols" else {"nodes", "domainNames", "networks"}
    is_named = any("destinationNamedPort" in entry or "namedPort" in entry for entry in rule.get(ports_field, ()))
    is_refused = is_named and any(refused & peer.keys() for peer in rule[peers_field])
    return {name: value for name, value in rule.items() if name != ports_field} if is_refused else rule


def _policies(kind: str, version: str, names: str, actions: tuple[str, ...], spec: dict[str, Strategy]) -> Strategy:
    ports = {"protocols": _protocols} if kind == "ClusterNetworkPolicy" else {"ports": _ports}
    # Leave out domain names where no server accepts them.
    outside = _networks_or_nodes if kind == "BaselineAdminNetworkPolicy" else _outside
    destinations = st.one_of(_workload_peers, _workload_peers, outside)
    return st.builds(
        lambda name, written: {
            "apiVersion": f"{GROUP}/{version}",
            "kind": kind,
            "metadata": {"name": name},
            "spec": written,
        },
        st.sampled_from(names.split()),
        st.fixed_dictionaries(
            {
                **spec,
                "subject": _workload_peers,
                "ingress": _rules(actions, "from", _workload_peers, ports),
                "egress": _rules(actions, "to", destinations, ports),
            }
        ),
    )


_priorities: dict[str, Strategy] = {"priority": st.integers(0, 2)}
_tiers: dict[str, Strategy] = {"tier": st.sampled_from(["Admin", "Baseline"])}

cluster_policies: st.SearchStrategy[Object] = st.one_of(
    _policies("ClusterNetworkPolicy", "v1alpha2", "a b c", ("Accept", "Deny", "Pass"), _tiers | _priorities),
    _policies("ClusterNetworkPolicy", "v1alpha2", "a b c", ("Accept", "Deny", "Pass"), _tiers | _priorities),
    _policies("AdminNetworkPolicy", "v1alpha1", "a b", ("Allow", "Deny", "Pass"), _priorities),
    _policies("BaselineAdminNetworkPolicy", "v1alpha1", "default", ("Allow", "Deny"), {}),
)

_labelled_nodes = st.builds(
    lambda written, labels: written | {"metadata": {**written["metadata"], "labels": labels}},
    strategies.nodes,
    st.sampled_from(strategies.LABELS),
)
objects: st.SearchStrategy[Any] = st.one_of(cluster_policies, strategies.objects, _labelled_nodes)
"""One object of any kind."""


_parts = strategies.clusters(), several(_labelled_nodes, 0, 2), several(cluster_policies, 1, 4)


@st.composite
def clusters(draw: st.DrawFn) -> list[Object]:
    """Whole clusters, with policies of administrators among the objects."""
    drawn = [obj for part in _parts for obj in draw(part)]
    return list({key_of(obj): obj for obj in drawn}.values())
