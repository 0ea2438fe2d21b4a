"""Random policies about the few labels, namespaces, addresses and ports of `tests/possible_connections.py`."""

from typing import Final

from hypothesis import strategies as st

from tests.possible_pods import namespace_selectors, policies, selectors
from tests.semantics.objects import Object, block, key_of, labelled, term
from tests.strategies import Strategy, several

_workload_peers: Strategy = st.one_of(
    st.fixed_dictionaries({"namespaces": namespace_selectors}),
    st.builds(
        lambda space, some: {"pods": {"namespaceSelector": space, "podSelector": some}}, namespace_selectors, selectors
    ),
)
_networks: Strategy = st.sampled_from([{"networks": ["10.0.0.0/8"]}, {"networks": ["0.0.0.0/0", "::/0"]}])
_nodes: Strategy = st.sampled_from([{"nodes": some} for some in ({}, labelled(app="1"), term("app", "NotIn", "2"))])
_protocols: Final[list[Object]] = [
    {"tcp": {"destinationPort": {"number": 80}}},
    {"tcp": {"destinationPort": {"range": {"start": 80, "end": 90}}}},
    {"udp": {"destinationPort": {"number": 80}}},
    {"sctp": {"destinationPort": {"range": {"start": 1, "end": 65535}}}},
    {"destinationNamedPort": "http"},
]
_ports_of_older_kinds: Final[list[Object]] = [
    {"portNumber": {"protocol": "TCP", "port": 80}},
    {"portRange": {"protocol": "TCP", "start": 80, "end": 90}},
    {"portNumber": {"protocol": "UDP", "port": 80}},
    {"portRange": {"protocol": "SCTP", "start": 1, "end": 65535}},
    {"namedPort": "http"},
]


def _rules(actions: tuple[str, ...], field: str, peers: Strategy, ports: tuple[str, list[Object]]) -> Strategy:
    ports_field, entries = ports

    def written(action: str, some: list[Object], listed: list[Object]) -> Object:
        # No server accepts port names beside nodes and networks.
        is_unnamed = any("nodes" in peer or "networks" in peer for peer in some)
        kept = [entry for entry in listed if not (is_unnamed and entry.keys() & {"namedPort", "destinationNamedPort"})]
        return {"action": action, field: some, **({ports_field: kept} if kept else {})}

    listed = several(st.sampled_from(entries), 0, 2)
    return several(st.builds(written, st.sampled_from(actions), several(peers, 1, 2), listed), 0, 2)


def _of_kind(
    api: str,
    names: tuple[str, ...],
    actions: tuple[str, ...],
    outside: Strategy,
    ports: tuple[str, list[Object]],
    **spec: Strategy,
) -> Strategy:
    """Policies of one kind. `api` is `VERSION, KIND`, and `outside` contains the peers that are not pods."""
    version, kind = api.split(", ")
    destinations = st.one_of(_workload_peers, _workload_peers, outside)
    return st.builds(
        lambda name, **written: {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name},
            "spec": written,
        },
        st.sampled_from(names),
        subject=_workload_peers,
        ingress=_rules(actions, "from", _workload_peers, ports),
        egress=_rules(actions, "to", destinations, ports),
        **spec,
    )


_OLDER: Final = ("Allow", "Deny", "Pass")
_NEWER: Final = ("Accept", "Deny", "Pass")
_tiers: Strategy = st.sampled_from(["Admin", "Baseline"])
_priorities: Strategy = st.integers(0, 2)
_nodes_or_networks: Strategy = st.one_of(_nodes, _networks)
_by_protocol, _by_port = ("protocols", _protocols), ("ports", _ports_of_older_kinds)
_cluster_network_policies = _of_kind(
    "policy.networking.k8s.io/v1alpha2, ClusterNetworkPolicy",
    ("a", "b", "c"),
    _NEWER,
    _nodes_or_networks,
    _by_protocol,
    tier=_tiers,
    priority=_priorities,
)
cluster_policies: Strategy = st.one_of(
    _cluster_network_policies,
    _cluster_network_policies,
    _of_kind(
        "policy.networking.k8s.io/v1alpha1, AdminNetworkPolicy",
        ("a", "b"),
        _OLDER,
        _nodes_or_networks,
        _by_port,
        priority=_priorities,
    ),
    _of_kind(
        "policy.networking.k8s.io/v1alpha1, BaselineAdminNetworkPolicy",
        ("default",),
        _OLDER[:2],
        _nodes_or_networks,
        _by_port,
    ),
    _of_kind(
        "networking.k8s.aws/v1alpha1, ClusterNetworkPolicy",
        ("a", "b"),
        _NEWER,
        _networks,
        _by_port,
        tier=_tiers,
        priority=_priorities,
    ),
)
"""Policies of the administrators, of all kinds."""


_blocks: Strategy = st.sampled_from(
    [
        block("10.0.0.0/8"),
        block("10.0.0.0/8", "10.1.0.0/16"),
        block("0.0.0.0/0"),
        block("0.0.0.0/0", "10.0.0.0/8"),
        block("0.0.0.0/0", "10.1.0.0/16"),
        block("::/0"),
    ]
)


@st.composite
def with_blocks(draw: st.DrawFn, policies: Strategy) -> Object:
    """NetworkPolicies in which blocks replace some of the peers."""

    def changed(direction: str, field: str) -> list[Object]:
        rules = draw_from["spec"].get(direction) or []
        return [{**rule, field: [draw(_blocks) if draw(_rarely) else one for one in rule[field]]} for rule in rules]

    draw_from = draw(policies)
    fields = [(one, field) for one, field in (("ingress", "from"), ("egress", "to")) if draw_from["spec"].get(one)]
    return {**draw_from, "spec": {**draw_from["spec"], **{one: changed(one, field) for one, field in fields}}}


_rarely: Strategy = st.sampled_from([False, False, True])
namespaced: Strategy = with_blocks(policies)


def sets_of_policies(most: int) -> Strategy:
    """Sets of policies with distinct names. Their selectors name only keys and values of the universe."""
    some = several(st.one_of(namespaced, namespaced, cluster_policies), 0, most)
    return some.map(lambda drawn: list({key_of(one): one for one in drawn}.values()))
