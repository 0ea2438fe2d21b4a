"""Cluster policies in the cluster in which agents run: definitions that come and go, and rights to read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ringfence.model.kinds import CLUSTER_POLICY_KINDS
from tests.semantics.objects import Object

from .agents import Agent
from .policy_definitions import GROUP, VERSIONS, install, path_of, remove
from .server import wait_until
from .world import CONTROL_PLANE, World

READER: Final = "cluster-policy-reader"
_RBAC: Final = "rbac.authorization.k8s.io"


def grant(world: World) -> None:
    """Let the agents read the policies, whether or not their kinds are defined, and write Events."""
    rules = [
        {"apiGroups": [GROUP], "resources": list(VERSIONS), "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    role: Object = {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": READER}, "rules": rules}
    binding: Object = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": READER},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": READER},
        "subjects": [{"kind": "ServiceAccount", "name": "agent", "namespace": "default"}],
    }
    world.kubectl_apply(role, binding)


def revoke(world: World) -> None:
    """Revoke these rights."""
    world.kubectl("delete", "--ignore-not-found", f"clusterrole/{READER}", f"clusterrolebinding/{READER}")


def define(world: World) -> None:
    """Create the definitions."""
    with world.inside(CONTROL_PLANE):
        install(world.control_plane, "experimental")


def undefine(world: World) -> None:
    """Delete the definitions, and all policies with them."""
    with world.inside(CONTROL_PLANE):
        remove(world.control_plane)


@contextmanager
def defined(world: World) -> Iterator[None]:
    """While the context is open, the definitions exist and agents may read the policies."""
    grant(world)
    define(world)
    try:
        yield
    finally:
        undefine(world)
        revoke(world)


def delete_policies(world: World) -> None:
    """Delete all policies of these kinds."""
    for resource in VERSIONS:
        world.ask("DELETE", path_of(resource))


def served_kinds(agent: Agent) -> int:
    """How many of these kinds the API server has, as the agent reports it."""
    return int(sum(agent.metric("ringfence_kind_served", kind=kind) for kind in CLUSTER_POLICY_KINDS))


@contextmanager
def enforced(agent: Agent) -> Iterator[None]:
    """Changes that are made in the context are in force when it ends."""
    before = agent.metric("ringfence_programming_seconds_count")
    yield
    wait_until(
        lambda: (
            agent.metric("ringfence_programming_seconds_count") > before
            and agent.metric("ringfence_lag_seconds") == 0
            and agent.metric("ringfence_waiting_changes") == 0
        ),
        "the change is in force",
    )
