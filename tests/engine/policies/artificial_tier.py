"""Two artificial kinds of policy, one in front of NetworkPolicy and one behind it, to test the interface of tiers.

Both are cluster-scoped, ordered by priority and name, and their rules allow, deny or pass. Peers and ports are written
as in a NetworkPolicy, so that the same random ones serve, but a `podSelector` always has a `namespaceSelector` beside
it. This file is all that such a kind needs beside a decoder.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.objects import Object

from ringfence import Cluster
from ringfence.engine.policies.matching import End, PeerScope, match_peer, over_families
from ringfence.engine.policies.network_policies import compile_policy
from ringfence.engine.policies.rules import Action, CompiledPolicy
from ringfence.engine.policies.selection import PodSelection
from ringfence.engine.policies.tier import MatchedPeer, RuleContext, Tier, TierKind
from ringfence.engine.policies.tiers import Tiers
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction, defaulted, rules_of
from ringfence.model.selectors import Selector, compile_selector
from ringfence.sets.addresses import Family

FRONT, BACK = "FrontPolicy", "BackPolicy"
ACTIONS = tuple(action.value for action in Action)


# --- the objects ------------------------------------------------------------------------------------------------------


def tier_policy(
    kind: str,
    name: str,
    priority: int = 0,
    *,
    namespaces: Object | None = None,
    subject: Object | None = None,
    **rules: list[Object],
) -> Object:
    """A policy of one of the artificial kinds; `rules` are lists under `ingress` and `egress`."""
    return {
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"priority": priority, "namespaceSelector": namespaces or {}, "podSelector": subject or {}, **rules},
    }


def acting(action: str, *peers: Object, field: str = "from", ports: Iterable[Object] = ()) -> Object:
    """A rule with an action."""
    return {"action": action, field: list(peers), "ports": list(ports)}


_peers = st.one_of(
    st.fixed_dictionaries({"namespaceSelector": strategies.namespace_selectors}),
    st.fixed_dictionaries(
        {"podSelector": strategies.pod_selectors, "namespaceSelector": strategies.namespace_selectors}
    ),
    strategies.blocks(),
)


def _rules(peers_field: str) -> st.SearchStrategy[list[Object]]:
    return st.lists(
        st.fixed_dictionaries(
            {
                "action": st.sampled_from(ACTIONS),
                peers_field: strategies.seldom(strategies.several(_peers, 1, 2), []),
                "ports": strategies.some_ports,
            }
        ),
        max_size=3,
    )


tier_policies = st.builds(
    lambda kind, name, priority, namespaces, subject, ingress, egress: tier_policy(
        kind, name, priority, namespaces=namespaces, subject=subject, ingress=ingress, egress=egress
    ),
    st.sampled_from([FRONT, BACK]),
    st.sampled_from("abc"),
    st.integers(0, 2),
    strategies.namespace_selectors,
    strategies.pod_selectors,
    _rules("from"),
    _rules("to"),
)


@st.composite
def tiered_clusters(draw: st.DrawFn) -> list[Object]:
    """Whole clusters, with policies of the artificial kinds among the objects."""
    more = {(one["kind"], one["metadata"]["name"]): one for one in draw(st.lists(tier_policies, max_size=4))}
    return [*draw(strategies.clusters()), *more.values()]


# --- the tiers --------------------------------------------------------------------------------------------------------


def _match_peers(context: RuleContext, end: End, families: tuple[Family, ...]) -> Iterator[MatchedPeer]:
    written = rules_of(context.policy.policy, context.direction)[context.rule.index].peers
    for index, peer in enumerate(written):
        matches = {family: match_peer(peer, end, (family,), PeerScope("", context.namespaces)) for family in families}
        yield MatchedPeer(f"spec.{context.direction.field}[{context.rule.index}][{index}]", over_families(matches))


def compile_tier_policy(written: Object) -> CompiledPolicy[NetworkPolicy]:
    """The policy as a NetworkPolicy would be compiled, but for its subjects, its actions and its priority."""
    spec = written["spec"]
    fields = {direction.field: direction for direction in Direction}
    rules = {field: spec.get(field) or [] for field in fields}
    bare = {field: [_without_action(rule) for rule in some] for field, some in rules.items()}
    policy = _decoded(written["metadata"], {"podSelector": spec["podSelector"], **bare})
    # A direction without rules is not touched.
    types = tuple(direction.value for field, direction in fields.items() if bare[field])
    policy = msgspec.structs.replace(policy, spec=msgspec.structs.replace(policy.spec, policy_types=types))
    compiled = compile_policy(policy)
    return msgspec.structs.replace(
        compiled,
        kind=written["kind"],
        namespace="",
        priority=spec["priority"],
        subject=PodSelection(_selector(spec["podSelector"]), namespaces=_selector(spec["namespaceSelector"])),
        rules={
            direction: tuple(
                msgspec.structs.replace(one, action=Action(rules[direction.field][one.index]["action"])) for one in some
            )
            for direction, some in compiled.rules.items()
        },
    )


def _without_action(rule: Object) -> Object:
    return {field: value for field, value in rule.items() if field != "action"}


def _decoded(metadata: Object, spec: Object) -> NetworkPolicy:
    written = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    decoded = decode(written)
    assert isinstance(decoded, NetworkPolicy)
    return defaulted(decoded)


def _selector(written: Object) -> Selector:
    return compile_selector(_decoded({"name": "x"}, {"podSelector": written}).spec.pod_selector)


class TieredCluster(Cluster):
    """A cluster in which the artificial kinds are in force, too."""

    def __init__(self) -> None:
        super().__init__()
        self.artificial = add_artificial_tiers(self.state)

    def upsert(self, obj: Any, origin: Any = None, *, is_stored: bool = False) -> None:
        """Put an object of any kind in."""
        if isinstance(obj, dict) and obj["kind"] in self.artificial:
            self.artificial[obj["kind"]].upsert(compile_tier_policy(obj))
            self.state.revision += 1
        else:
            super().upsert(obj, origin, is_stored=is_stored)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Take an object of any kind out."""
        if kind in self.artificial:
            self.artificial[kind].remove(kind, "", name)
            self.state.revision += 1
        else:
            super().remove(kind, namespace, name)


def add_artificial_tiers(state: State) -> dict[str, Tier[NetworkPolicy]]:
    """Put the artificial tiers in front of NetworkPolicy and behind it; the new tiers by the kind of their policies."""
    population, selections = state.population, state._selections
    kinds = (TierKind(name, is_ordered=True, otherwise=Action.PASS, match_peers=_match_peers) for name in (FRONT, BACK))
    front, back = (Tier[NetworkPolicy](kind, population, selections) for kind in kinds)
    state.policies._tiers = Tiers(population, selections, (front, state.policies.network_policies, back))
    return {FRONT: front, BACK: back}


def tiered_cluster_of(objects: Iterable[Object]) -> TieredCluster:
    """A new cluster of these objects."""
    cluster = TieredCluster()
    for obj in objects:
        cluster.upsert(obj)
    return cluster
