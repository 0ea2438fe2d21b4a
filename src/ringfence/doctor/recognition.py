"""Recognizes the network plugins of a cluster: by their DaemonSets, or by a distribution with a built-in plugin."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from ringfence.doctor.evidence import missing_evidence
from ringfence.doctor.objects import DaemonSet, SeenNode
from ringfence.doctor.observed import Observed
from ringfence.doctor.rights import NETWORK_POLICIES, watchers
from ringfence.doctor.sightings import Presence, Sighting, image_version, nodes_of
from ringfence.doctor.signatures import (
    FLANNEL,
    UNDESCRIBED,
    VPC_CNI_CONFIG,
    WITH_POLICIES,
    Signature,
    has_image,
    signature_of,
)

COMPUTE_TYPE: Final = "eks.amazonaws.com/compute-type"
"""The label of EKS nodes that are not the user's own instances. Its values are `fargate`, `auto` and `hybrid`."""

_EMBEDDED_K3S: Final = "+k3s"


def sightings(observed: Observed) -> list[Sighting]:
    """All known plugins that were found, including those that enforce nothing."""
    found = []
    for one in observed.daemon_sets:
        if one.metadata.name in FLANNEL:
            found.append(_of_flannel(observed, one))
        elif row := signature_of(one):
            found.append(_sighting(row, observed, one))
    return [*found, *_of_k3s(observed), *_of_auto_mode(observed)]


def shown_plugins(observed: Observed) -> list[DaemonSet]:
    """The DaemonSets of known plugins. They are recognized by their name or by their container and image."""
    return [one for one in observed.daemon_sets if one.metadata.name in FLANNEL or signature_of(one)]


def unknown_enforcers(observed: Observed) -> list[tuple[DaemonSet, str]]:
    """The DaemonSets that may enforce policies but do not belong to a known plugin, each with the reason."""
    watching = watchers(NETWORK_POLICIES, observed.cluster_roles, observed.cluster_role_bindings)
    found = []
    for one in observed.daemon_sets:
        if one.metadata.name in UNDESCRIBED:
            found.append((one, "is of a plugin that can enforce policies, of which no trait is known"))
        elif watching.include(one) and not _is_known(one):
            found.append((one, "may watch NetworkPolicies, and is not known"))
    return found


def _is_known(daemon_set: DaemonSet) -> bool:
    """Whether a DaemonSet is Flannel, or has an image of a known plugin. The name of the plugin is not sufficient."""
    row = signature_of(daemon_set)
    return daemon_set.metadata.name in FLANNEL or bool(row and has_image(row, daemon_set.containers()))


def _sighting(row: Signature, observed: Observed, daemon_set: DaemonSet) -> Sighting:
    images = [one.image for one in daemon_set.containers() if row.container in ("", one.name)]
    sighting = Sighting(
        plugin=row.plugin,
        shown_by=daemon_set.title,
        nodes=nodes_of(observed, daemon_set),
        version=image_version(images),
        settings=row.settings(observed, daemon_set) if row.settings else {},
        unproven=missing_evidence(observed, row, daemon_set),
    )
    return row.refine(observed, daemon_set, sighting) if row.refine else sighting


def _of_flannel(observed: Observed, daemon_set: DaemonSet) -> Sighting:
    """Flannel connects pods and enforces nothing. Its chart and Talos can add a container that enforces policies."""
    addition = next((one for one in daemon_set.containers() if has_image(WITH_POLICIES, [one])), None)
    shown_by, nodes = f"{daemon_set.title} (Flannel)", nodes_of(observed, daemon_set)
    if not addition:
        return Sighting(plugin="none", shown_by=shown_by, nodes=nodes)
    return Sighting(
        plugin=WITH_POLICIES.plugin,
        shown_by=shown_by,
        nodes=nodes,
        version=image_version([addition.image]),
        settings=WITH_POLICIES.settings(observed, daemon_set) if WITH_POLICIES.settings else {},
        unproven=missing_evidence(observed, WITH_POLICIES, daemon_set),
    )


def _of_k3s(observed: Observed) -> Iterator[Sighting]:
    """The policy controller of k3s is a part of kube-router. It runs inside the k3s process on each node."""
    nodes = [node for node in observed.nodes if _EMBEDDED_K3S in node.status.node_info.kubelet_version]
    if not nodes:
        return
    arguments = [found for node in nodes if (found := _node_arguments(node)) is not None]
    disabled = any("--disable-network-policy" in one or "--disable-network-policy=true" in one for one in arguments)
    # The flag is one of `k3s server`, so the Nodes of k3s agents do not show it.
    servers = any(words[:1] == ["server"] for words in arguments)
    yield Sighting(
        plugin="kube-router",
        shown_by="k3s, which has it built in",
        nodes={node.name: Presence.READY if node.is_ready else Presence.NOT_READY for node in nodes},
        doubts=() if servers else ("no Node has the arguments of a k3s server in its annotation k3s.io/node-args",),
        switched_off="k3s runs with --disable-network-policy" if disabled else "",
    )


def _node_arguments(node: SeenNode) -> list[str] | None:
    """The arguments with which k3s was started on a node; None if the annotation is missing or cannot be read."""
    with suppress(ValueError, KeyError):
        read = json.loads(node.metadata.annotations["k3s.io/node-args"])
        if isinstance(read, list):
            return [str(one) for one in read]
    return None


def _of_auto_mode(observed: Observed) -> Iterator[Sighting]:
    """EKS Auto Mode includes the plugin in the operating system of its nodes. A ConfigMap enables it."""
    nodes = [node for node in observed.nodes if node.metadata.labels.get(COMPUTE_TYPE) == "auto"]
    if not nodes:
        return
    is_on = observed.settings_of(VPC_CNI_CONFIG).get("enable-network-policy-controller") == "true"
    unreadable = "the ConfigMap kube-system/amazon-vpc-cni cannot be read"
    yield Sighting(
        plugin="aws-vpc-cni",
        shown_by="EKS Auto Mode, which has it built in",
        nodes={node.name: Presence.READY if node.is_ready else Presence.NOT_READY for node in nodes},
        settings={"enable-network-policy": "true" if is_on else "false"},
        doubts=(unreadable,) if observed.is_unseen(VPC_CNI_CONFIG) else (),
    )
