"""Determines for each node whether policies are enforced, and by which plugin.

There are three answers. The answer is `enforced` only if a known plugin is configured to enforce policies, is ready on
the node, and there is evidence that it is this plugin (`evidence.py`). An unknown program never counts as enforcing.
Only the experiment (`doctor --probe`) proves that policies are enforced.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ringfence.doctor.answers import IsEnforced
from ringfence.doctor.objects import DaemonSet, SeenNode
from ringfence.doctor.observed import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, DAEMON_SETS, Observed, Unseen
from ringfence.doctor.recognition import COMPUTE_TYPE, sightings, unknown_enforcers
from ringfence.doctor.sightings import Presence, Sighting, nodes_of

_OUTSIDE: Final = ("+k3s", "+rke2", "-eks-", "-gke.", "-aks", "+vmware")
"""Parts of the kubelet's version that identify distributions with a possible plugin outside the cluster.

Such a plugin runs in a process that no object of the cluster shows.
"""


class NodeDiagnosis(msgspec.Struct, frozen=True):
    """The answer for one node, and the reason."""

    node: str
    answer: IsEnforced
    reason: str


class Candidate(msgspec.Struct, frozen=True):
    """A DaemonSet of an unknown program that may enforce policies.

    `nodes` are the nodes on which its pods are ready. If the pods cannot be listed, these are all nodes.
    """

    daemon_set: str
    reason: str
    nodes: frozenset[str]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the diagnosis of a cluster.

    `plugins` are all known plugins that were found. `candidates` are the unknown programs that may enforce policies.
    """

    plugins: tuple[Sighting, ...]
    candidates: tuple[Candidate, ...]
    nodes: tuple[NodeDiagnosis, ...]
    unseen: tuple[Unseen, ...]

    @property
    def enforcers(self) -> tuple[Sighting, ...]:
        """The plugins that enforce policies on some node, with evidence that they are these plugins."""
        return tuple(one for one in self.plugins if one.enforces and one.nodes and not one.unproven)

    @property
    def clash(self) -> str:
        """A message if several plugins enforce policies on one node; empty otherwise.

        On such a node, a connection needs the permission of each of these plugins.
        """
        for node in self.nodes:
            names = [one.name for one in self.enforcers if node.node in one.nodes]
            if len(names) > 1:
                return (
                    f"{' and '.join(names)} both enforce policies on {node.node}: a connection needs both to allow it"
                )
        return ""


def diagnose(observed: Observed) -> Diagnosis:
    """The diagnosis of a cluster, from the objects that were read."""
    plugins = sightings(observed)
    candidates = [
        Candidate(one.title, reason, _where_it_may_run(observed, one)) for one, reason in unknown_enforcers(observed)
    ]
    return Diagnosis(
        plugins=tuple(plugins),
        candidates=tuple(candidates),
        nodes=tuple(_of_node(node, observed, plugins, candidates) for node in observed.nodes),
        unseen=observed.unseen,
    )


def nodes_for_experiment(observed: Observed, diagnosis: Diagnosis) -> list[str]:
    """The nodes on which the pods of the experiment can run. Nodes that seem to enforce policies come first.

    A node must be ready. Fargate and virtual nodes are excluded, because each of their pods runs separately. Windows
    nodes are excluded, because Windows has no user 65534.
    """
    able = {node.name for node in observed.nodes if node.is_ready and node.runs_linux and not _never(node)}
    order = [IsEnforced.YES, IsEnforced.UNKNOWN, IsEnforced.NO]
    return [one.node for one in sorted(diagnosis.nodes, key=lambda one: order.index(one.answer)) if one.node in able]


def _where_it_may_run(observed: Observed, daemon_set: DaemonSet) -> frozenset[str]:
    found = nodes_of(observed, daemon_set)
    return frozenset(node for node, presence in found.items() if presence is not Presence.NOT_READY)


def _of_node(
    node: SeenNode, observed: Observed, plugins: Sequence[Sighting], candidates: Sequence[Candidate]
) -> NodeDiagnosis:
    if reason := _never(node):
        return NodeDiagnosis(node.name, IsEnforced.NO, reason)
    here = [one for one in plugins if node.name in one.nodes]
    enforcing = [one for one in here if one.enforces]
    for one in enforcing:
        if not _doubt(one, node):
            return NodeDiagnosis(node.name, IsEnforced.YES, f"{one.name} is ready ({one.shown_by})")
    for one in enforcing:
        # There is a doubt about each of them: the first one is named.
        return NodeDiagnosis(node.name, IsEnforced.UNKNOWN, _doubt(one, node))
    if unknown := next((one for one in candidates if node.name in one.nodes), None):
        return NodeDiagnosis(node.name, IsEnforced.UNKNOWN, f"{unknown.daemon_set} {unknown.reason}")
    # "Not enforced" is the answer only if nothing can have been overlooked.
    if gap := _gap(node, observed, has_plugin=bool(here)):
        return NodeDiagnosis(node.name, IsEnforced.UNKNOWN, gap)
    return NodeDiagnosis(node.name, IsEnforced.NO, _nothing(node, here, plugins))


def _never(node: SeenNode) -> str:
    """Why no plugin can enforce policies on a node; empty if a plugin can."""
    labels = node.metadata.labels
    if labels.get(COMPUTE_TYPE) == "fargate":
        return "pods on Fargate have no policies"
    if labels.get("type") == "virtual-kubelet":
        return "the pods of a virtual node run elsewhere"
    return ""


def _doubt(plugin: Sighting, node: SeenNode) -> str:
    """Why an enforcing plugin may not enforce policies on this node; empty if there is no doubt."""
    presence = plugin.nodes[node.name]
    if plugin.unproven:
        return f"{plugin.shown_by} may not be {plugin.title}: {plugin.unproven}"
    if plugin.doubts:
        return f"{plugin.name}: {plugin.doubts[0]}"
    if presence is Presence.UNKNOWN:
        return f"whether {plugin.name} runs there cannot be seen ({plugin.shown_by})"
    if presence is Presence.NOT_READY:
        return f"{plugin.name} is not ready there ({plugin.shown_by}): its rules may be stale or missing"
    return "" if plugin.switch.trait.is_certain else f"it is not verified that {plugin.name} enforces policies"


def _gap(node: SeenNode, observed: Observed, *, has_plugin: bool) -> str:
    """Why a plugin may enforce policies on a node without being found; empty if this is not possible."""
    for what in (DAEMON_SETS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS):
        if observed.is_unseen(what):
            return f"the {what} of the cluster cannot be read"
    version = node.status.node_info.kubelet_version
    if not has_plugin and any(mark in version for mark in _OUTSIDE):
        return f"nothing that enforces policies is seen, but on {version} it may run outside the cluster's objects"
    return ""


def _nothing(node: SeenNode, here: Sequence[Sighting], plugins: Sequence[Sighting]) -> str:
    """Why policies are not enforced on a node, if all objects that matter were read."""
    for one in here:
        return f"{one.name}: {one.why_not} ({one.shown_by})"
    elsewhere = [one.name for one in plugins if one.enforces and not one.unproven]
    if elsewhere:
        return f"no pod of {' or '.join(elsewhere)} is on this node"
    return "nothing that may watch NetworkPolicies runs on it"
