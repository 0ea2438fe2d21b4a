"""Policies in few words, random sets of policies, and comparisons of them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.semantics.objects import NAME_LABEL, Object, key_of, labelled, policy, term
from tests.strategies import Strategy, several

from ringfence.analysis.possible import Comparison, PolicySet, Relation, compare, policy_set
from ringfence.cluster import Cluster


def sets_of(policies: Strategy, most: int) -> Strategy:
    """Sets of policies of different names."""
    return several(policies, 0, most).map(lambda some: list({key_of(one): one for one in some}.values()))


any_policies = st.one_of(strategies.policies, strategies.policies, cluster_policy_strategies.cluster_policies)


def as_set(name: str, policies: Sequence[Object]) -> PolicySet:
    cluster = Cluster()
    for one in policies:
        cluster.upsert(one)
    return policy_set(name, cluster.state)


def compared(
    first: Sequence[Object], second: Sequence[Object], relation: Relation = Relation.EQUIVALENT, **options: Any
) -> Comparison:
    return compare(as_set("first", first), as_set("second", second), relation, **options)


def web(*ingress: Object, name: str = "p", subject: Object | None = None, **spec: Any) -> Object:
    """A policy for the ingress of `prod`'s web pods."""
    return policy(f"prod/{name}", labelled(app="web") if subject is None else subject, ingress=list(ingress), **spec)


def rule(*peers: Object, ports: Sequence[Object] = ()) -> Object:
    return {"from": list(peers), "ports": list(ports)}


def pods(selector: Object, namespaces: Object | None = None) -> Object:
    return (
        {"podSelector": selector} if namespaces is None else {"podSelector": selector, "namespaceSelector": namespaces}
    )


API, DB, ALL = pods(labelled(app="api")), pods(labelled(app="db")), pods({})
ADMIN = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}


def admin(name: str, *ingress: Object, subject: Object | None = None, priority: int = 1, tier: str = "Admin") -> Object:
    """A cluster policy with ingress rules."""
    spec = {"tier": tier, "priority": priority, "subject": subject or {"namespaces": {}}, "ingress": list(ingress)}
    return {**ADMIN, "metadata": {"name": name}, "spec": spec}


def decides(action: str, peer: Object | None = None) -> Object:
    return {"action": action, "from": [peer or {"namespaces": {}}]}


IN_PROD = {"namespaces": labelled(**{NAME_LABEL: "prod"})}
IN_PROD_OF_X = {"namespaces": labelled(**{NAME_LABEL: "prod", "team": "x"})}
IN_PROD_WITHOUT_TEAM = {"namespaces": labelled(**{NAME_LABEL: "prod"}) | term("team", "DoesNotExist")}
OF_SHOP = {"namespaces": labelled(team="shop")}
