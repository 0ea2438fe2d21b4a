"""How each network plugin shows in a cluster: a row for each, by the name of its DaemonSet.

A CustomResourceDefinition alone shows nothing: on GKE those of Calico are there while nothing enforces policies.

Sources: the manifests and charts of the projects; docs.aws.amazon.com, "Configure your VPC CNI plugin for network
policies"; cloud.google.com, "GKE Dataplane V2"; release 0.24 of kind; docs.k3s.io, "Network policy controller".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from ringfence.doctor.objects import DaemonSet, SeenContainer, SeenNode
from ringfence.doctor.observed import Observed
from ringfence.doctor.sightings import Presence, Sighting, image_version, nodes_of
from ringfence.plugins import named_plugin

CILIUM_CONFIG: Final = "cilium-config"
VPC_CNI_CONFIG: Final = "/api/v1/namespaces/kube-system/configmaps/amazon-vpc-cni"
COMPUTE_TYPE: Final = "eks.amazonaws.com/compute-type"
"""The label of nodes on EKS that are not instances of the user: `fargate`, `auto`, `hybrid`."""

_KINDNETD_ENFORCES_SINCE: Final = 20240813
"""The date in the tag of the first image of kindnetd that enforces policies (kind 0.24)."""


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A row: the plugin, the names of its DaemonSet, and the container whose image has the plugin's version.

    `settings` reads those on which traits depend. `refine` changes a sighting by what only this plugin has.
    """

    plugin: str
    daemon_sets: tuple[str, ...]
    container: str = ""
    settings: Callable[[Observed, DaemonSet], Mapping[str, str]] | None = None
    refine: Callable[[Observed, DaemonSet, Sighting], Sighting] | None = None


def config_map_of(daemon_set: DaemonSet, name: str) -> str:
    """The path of a ConfigMap beside a DaemonSet."""
    return f"/api/v1/namespaces/{daemon_set.metadata.namespace}/configmaps/{name}"


def config_map_paths(daemon_sets: tuple[DaemonSet, ...]) -> Iterator[str]:
    """The paths of the ConfigMaps that may hold settings of plugins."""
    yield VPC_CNI_CONFIG
    for one in daemon_sets:
        if one.metadata.name in _CILIUM:
            yield config_map_of(one, CILIUM_CONFIG)


# --- settings of single plugins ---------------------------------------------------------------------------------------


def _cilium_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    written = observed.settings_of(config_map_of(daemon_set, CILIUM_CONFIG))
    return {key: written[key] for key in named_plugin("cilium").settings if key in written}


def _refine_cilium(observed: Observed, daemon_set: DaemonSet, sighting: Sighting) -> Sighting:
    path = config_map_of(daemon_set, CILIUM_CONFIG)
    written = observed.settings_of(path)
    if not written:
        reason = "cannot be read" if observed.is_unseen(path) else "does not exist"
        return _doubted(sighting, f"the ConfigMap {daemon_set.metadata.namespace}/{CILIUM_CONFIG} {reason}")
    if written.get("enable-k8s-networkpolicy") == "false":
        return msgspec.structs.replace(sighting, switched_off="enable-k8s-networkpolicy is false in cilium-config")
    return sighting


def _refine_calico(observed: Observed, daemon_set: DaemonSet, sighting: Sighting) -> Sighting:
    """Felix is the part of `calico-node` that enforces; its own container says so when it is turned off."""
    container = daemon_set.container("calico-node")
    if container and container.variable("FELIX_ENABLED") == "false":
        return msgspec.structs.replace(sighting, switched_off="FELIX_ENABLED is false")
    return sighting


def _kube_router_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    container = daemon_set.container("kube-router")
    known = named_plugin("kube-router").settings
    return {key: value for key in known if container and (value := container.flag(key)) is not None}


def _aws_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    """The agent that enforces is a container of `aws-node`; it does nothing without its flag."""
    agent = daemon_set.container("aws-eks-nodeagent") or daemon_set.container("aws-network-policy-agent")
    switch = agent.flag("enable-network-policy") if agent else None
    return {"enable-network-policy": "true" if switch == "true" else "false", **_enforcing_mode(daemon_set)}


def _enforcing_mode(daemon_set: DaemonSet) -> Mapping[str, str]:
    node = daemon_set.container("aws-node")
    mode = node.variable("NETWORK_POLICY_ENFORCING_MODE") if node else None
    known = "NETWORK_POLICY_ENFORCING_MODE" in named_plugin("aws-vpc-cni").settings
    return {"NETWORK_POLICY_ENFORCING_MODE": mode} if mode and known else {}


def _ringfence_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    agent = next(daemon_set.containers(), SeenContainer())
    mode = agent.flag("mode") or agent.variable("RINGFENCE_AGENT_MODE")
    return {"mode": mode} if mode else {}


def _refine_kindnet(observed: Observed, daemon_set: DaemonSet, sighting: Sighting) -> Sighting:
    """The tag of kindnetd is a date, not a version of what enforces in it."""
    container = daemon_set.container("kindnet-cni") or next(daemon_set.containers(), SeenContainer())
    date = image_version([container.image])
    dated = msgspec.structs.replace(sighting, version="")
    if not date.isdigit():
        return _doubted(dated, f"the image {container.image} does not say from when it is")
    if int(date) < _KINDNETD_ENFORCES_SINCE:
        return msgspec.structs.replace(dated, switched_off=f"kindnetd enforces policies since 0.24, not in {date}")
    return dated


# --- the table --------------------------------------------------------------------------------------------------------

_CILIUM: Final = ("cilium", "anetd")

SIGNATURES: Final = (
    Signature(
        plugin="calico",
        daemon_sets=("calico-node", "canal", "rke2-canal"),
        container="calico-node",
        refine=_refine_calico,
    ),
    Signature(
        plugin="cilium",
        daemon_sets=_CILIUM,
        container="cilium-agent",
        settings=_cilium_settings,
        refine=_refine_cilium,
    ),
    Signature(plugin="antrea", daemon_sets=("antrea-agent",), container="antrea-agent"),
    Signature(plugin="ovn-kubernetes", daemon_sets=("ovnkube-node",)),
    Signature(
        plugin="kube-router", daemon_sets=("kube-router",), container="kube-router", settings=_kube_router_settings
    ),
    Signature(plugin="aws-vpc-cni", daemon_sets=("aws-node",), container="aws-node", settings=_aws_settings),
    Signature(plugin="kube-network-policies", daemon_sets=("kindnet",), refine=_refine_kindnet),
    Signature(plugin="kube-network-policies", daemon_sets=("kube-network-policies",)),
    Signature(plugin="azure-npm", daemon_sets=("azure-npm",)),
    Signature(plugin="azure-npm", daemon_sets=("azure-npm-win",)),
    Signature(plugin="ringfence", daemon_sets=("ringfence-agent",), settings=_ringfence_settings),
)
"""The table."""

_FLANNEL: Final = ("kube-flannel-ds", "kube-flannel")
_WITH_POLICIES: Final = "kube-network-policies"
_EMBEDDED_K3S: Final = "+k3s"


def sightings(observed: Observed) -> list[Sighting]:
    """All known plugins that show, those that enforce nothing included, in the order of the table."""
    found = [
        _sighting(row, observed, one) for row in SIGNATURES for one in observed.daemon_sets_named(*row.daemon_sets)
    ]
    found += [_of_flannel(observed, one) for one in observed.daemon_sets_named(*_FLANNEL)]
    return [*found, *_of_k3s(observed), *_of_auto_mode(observed)]


def known_daemon_sets() -> frozenset[str]:
    """The names of all DaemonSets of the table."""
    return frozenset({*_FLANNEL, *(name for row in SIGNATURES for name in row.daemon_sets)})


def _sighting(row: Signature, observed: Observed, daemon_set: DaemonSet) -> Sighting:
    images = [one.image for one in daemon_set.containers() if row.container in ("", one.name)]
    sighting = Sighting(
        plugin=row.plugin,
        shown_by=daemon_set.title,
        nodes=nodes_of(observed, daemon_set),
        version=image_version(images),
        settings=row.settings(observed, daemon_set) if row.settings else {},
    )
    return row.refine(observed, daemon_set, sighting) if row.refine else sighting


def _of_flannel(observed: Observed, daemon_set: DaemonSet) -> Sighting:
    """Flannel connects pods and enforces nothing; its chart and Talos can add a container that does."""
    addition = next((one for one in daemon_set.containers() if _WITH_POLICIES in (one.name, _program(one))), None)
    return Sighting(
        plugin="kube-network-policies" if addition else "none",
        shown_by=f"{daemon_set.title} (Flannel)",
        nodes=nodes_of(observed, daemon_set),
        version=image_version([addition.image]) if addition else "",
    )


def _program(container: SeenContainer) -> str:
    """The name of an image without registry, tag and digest."""
    return container.image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _of_k3s(observed: Observed) -> Iterator[Sighting]:
    """The policy controller of k3s, a part of kube-router, runs inside the process of each node."""
    nodes = [node for node in observed.nodes if _EMBEDDED_K3S in node.status.node_info.kubelet_version]
    if not nodes:
        return
    arguments = [found for node in nodes if (found := _node_arguments(node)) is not None]
    disabled = any("--disable-network-policy" in one or "--disable-network-policy=true" in one for one in arguments)
    servers = any(words[:1] == ["server"] for words in arguments)
    yield Sighting(
        plugin="kube-router",
        shown_by="k3s, which has it built in",
        nodes={node.name: Presence.READY if node.is_ready else Presence.NOT_READY for node in nodes},
        doubts=() if servers else ("no Node has the arguments of a k3s server in its annotation k3s.io/node-args",),
        switched_off="k3s runs with --disable-network-policy" if disabled else "",
    )


def _node_arguments(node: SeenNode) -> list[str] | None:
    """The arguments with which k3s was started on a node; None if its annotation is not there."""
    with suppress(ValueError, KeyError):
        read = json.loads(node.metadata.annotations["k3s.io/node-args"])
        if isinstance(read, list):
            return [str(one) for one in read]
    return None


def _of_auto_mode(observed: Observed) -> Iterator[Sighting]:
    """EKS Auto Mode has the plugin in the operating system of its nodes, and a ConfigMap as its switch."""
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


def _doubted(sighting: Sighting, doubt: str) -> Sighting:
    return msgspec.structs.replace(sighting, doubts=(*sighting.doubts, doubt))
