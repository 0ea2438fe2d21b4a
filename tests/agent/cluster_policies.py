"""Short constructors of cluster policies for the tests of the agent."""

from typing import Any, Final

from tests.semantics.objects import Object, labelled

GROUP: Final = "policy.networking.k8s.io"
CLUSTER: Final = f"ClusterNetworkPolicy.{GROUP}"
EVERYWHERE: Final[Object] = {"namespaces": {}}


def pods_of(**labels: str) -> Object:
    """A subject or a peer that selects the pods of all namespaces that have these labels."""
    return {"pods": {"podSelector": labelled(**labels)}}


def in_namespaces(**labels: str) -> Object:
    """A subject or a peer that selects all pods of the namespaces that have these labels."""
    return {"namespaces": labelled(**labels)}


def rule(action: str, *peers: Object, **more: Any) -> Object:
    """An ingress rule. It matches all traffic unless `more` contains `protocols`."""
    return {"action": action, "from": list(peers or (EVERYWHERE,)), **more}


def cluster_policy(name: str, subject: Object, *ingress: Object, priority: int = 1, **spec: Any) -> Object:
    """A ClusterNetworkPolicy with ingress rules. Its tier is Admin unless `spec` sets another one."""
    return {
        "apiVersion": f"{GROUP}/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name, "uid": f"uid-of-{name}"},
        "spec": {"tier": "Admin", "priority": priority, "subject": subject, "ingress": list(ingress), **spec},
    }


def admin_policy(name: str, subject: Object, *ingress: Object, priority: int = 1) -> Object:
    """An AdminNetworkPolicy with ingress rules."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"priority": priority, "subject": subject, "ingress": list(ingress)},
    }
