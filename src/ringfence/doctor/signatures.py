"""The table by which network plugins are recognized. A row describes the DaemonSet of a plugin and its settings.

A CustomResourceDefinition is not evidence of a plugin: on GKE, those of Calico exist while nothing enforces policies. A
name is not evidence either, because any user who may create a DaemonSet can choose its name (`evidence.py`).

Sources: the manifests and charts of the projects; docs.aws.amazon.com, "Configure your VPC CNI plugin for network
policies"; cloud.google.com, "GKE Dataplane V2"; release 0.24 of kind; docs.k3s.io, "Network policy controller";
docs.tigera.io, "Installation reference".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ringfence.doctor.objects import DaemonSet, SeenContainer
from ringfence.doctor.observed import Observed
from ringfence.doctor.rights import NETWORK_POLICIES, WatchedResource
from ringfence.doctor.sightings import Sighting, doubted, image_version
from ringfence.plugins import named_plugin, version_of

CILIUM_CONFIG: Final = "cilium-config"
CALICO_NAMESPACE: Final = "calico-system"
CALICO_INSTALLATION: Final = "/apis/operator.tigera.io/v1/installations/default"
"""The object from which Tigera's operator installs Calico into the namespace `CALICO_NAMESPACE`, which it creates.

Only an administrator can create this object, because it is cluster-scoped.
"""
VPC_CNI_CONFIG: Final = "/api/v1/namespaces/kube-system/configmaps/amazon-vpc-cni"
_KINDNETD_DATED_SINCE: Final = (20240813,)
"""The date in the tag of the first kindnetd image that enforces policies (kind 0.24)."""
_KINDNETD_SINCE: Final = (1, 3, 0)
"""The version of the first image that enforces policies, among those that are not built for kind (aojea/kindnet)."""


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: the plugin, the possible names of its DaemonSet, and the container that enforces policies.

    An image belongs to the plugin if its repository contains one of `images`. The registry is ignored, because vendors
    and mirrors keep the name of the program (`rancher/hardened-calico`). The plugin watches `watches` to read policies.
    `settings` reads the settings on which its traits depend. `refine` applies checks that are specific to this plugin.
    """

    plugin: str
    daemon_sets: tuple[str, ...]
    images: tuple[str, ...]
    container: str = ""
    watches: WatchedResource = NETWORK_POLICIES
    settings: Callable[[Observed, DaemonSet], Mapping[str, str]] | None = None
    refine: Callable[[Observed, DaemonSet, Sighting], Sighting] | None = None


def config_map_of(daemon_set: DaemonSet, name: str) -> str:
    """The path of a ConfigMap in the namespace of a DaemonSet."""
    return f"/api/v1/namespaces/{daemon_set.metadata.namespace}/configmaps/{name}"


# --- settings of single plugins ---------------------------------------------------------------------------------------


def _cilium_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    written = observed.settings_of(config_map_of(daemon_set, CILIUM_CONFIG))
    return {key: written[key] for key in named_plugin("cilium").settings if key in written}


def _refine_cilium(observed: Observed, daemon_set: DaemonSet, sighting: Sighting) -> Sighting:
    path = config_map_of(daemon_set, CILIUM_CONFIG)
    written = observed.settings_of(path)
    if not written:
        reason = "cannot be read" if observed.is_unseen(path) else "does not exist"
        return doubted(sighting, f"the ConfigMap {daemon_set.metadata.namespace}/{CILIUM_CONFIG} {reason}")
    if written.get("enable-k8s-networkpolicy") == "false":
        return msgspec.structs.replace(sighting, switched_off="enable-k8s-networkpolicy is false in cilium-config")
    return sighting


def _refine_calico(observed: Observed, daemon_set: DaemonSet, sighting: Sighting) -> Sighting:
    """Felix is the part of `calico-node` that enforces policies. An environment variable can disable it."""
    container = daemon_set.container("calico-node")
    if container and container.variable("FELIX_ENABLED") == "false":
        return msgspec.structs.replace(sighting, switched_off="FELIX_ENABLED is false")
    return sighting


def _kube_router_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    container = daemon_set.container("kube-router")
    known = named_plugin("kube-router").settings
    return {key: value for key in known if container and (value := container.flag(key)) is not None}


def _kube_network_policies_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    container = daemon_set.container("kube-network-policies")
    value = container.flag("strict-mode") if container else None
    return {} if value is None else {"strict-mode": value}


def _kindnet_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    """Kindnet contains kube-network-policies and disables its strict mode."""
    return {"strict-mode": "false"}


def _aws_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    """The agent that enforces policies is a container of `aws-node`. Without its flag, it enforces nothing."""
    agent = daemon_set.container("aws-eks-nodeagent") or daemon_set.container("aws-network-policy-agent")
    switch = agent.flag("enable-network-policy") if agent else None
    return {"enable-network-policy": "true" if switch == "true" else "false", **_enforcing_mode(daemon_set)}


def _enforcing_mode(daemon_set: DaemonSet) -> Mapping[str, str]:
    node = daemon_set.container("aws-node")
    mode = node.variable("NETWORK_POLICY_ENFORCING_MODE") if node else None
    return {"network-policy-enforcing-mode": mode} if mode else {}


def _ringfence_settings(observed: Observed, daemon_set: DaemonSet) -> Mapping[str, str]:
    agent = next(daemon_set.containers(), SeenContainer())
    mode = agent.flag("mode") or agent.variable("RINGFENCE_AGENT_MODE")
    return {"mode": mode} if mode else {}


def _refine_kindnet(observed: Observed, daemon_set: DaemonSet, sighting: Sighting) -> Sighting:
    """The tag of kindnetd is a date or kindnetd's version. Neither is the version of kube-network-policies in it."""
    container = daemon_set.container("kindnet-cni") or next(daemon_set.containers(), SeenContainer())
    tag = image_version([container.image])
    found = msgspec.structs.replace(sighting, version="")
    if not tag:
        return doubted(found, f"the image {container.image} does not say from when it is")
    # The tag of an image for kind begins with its date, such as v20240813-c6f155d6.
    if version_of(tag) < (_KINDNETD_DATED_SINCE if tag.isdigit() else _KINDNETD_SINCE):
        reason = f"kindnetd enforces policies since 0.24 of kind and 1.3.0 of its own, not in {tag}"
        return msgspec.structs.replace(found, switched_off=reason)
    return found


# --- the table --------------------------------------------------------------------------------------------------------

_CALICO_IMAGES: Final = ("calico", "tigera", "cnx-node")

WITH_POLICIES: Final = Signature(
    plugin="kube-network-policies",
    daemon_sets=("kube-network-policies",),
    images=("kube-network-policies",),
    container="kube-network-policies",
    settings=_kube_network_policies_settings,
)

SIGNATURES: Final = (
    Signature(
        plugin="calico",
        daemon_sets=("calico-node", "canal", "rke2-canal"),
        images=_CALICO_IMAGES,
        container="calico-node",
        refine=_refine_calico,
    ),
    Signature(
        plugin="cilium",
        daemon_sets=("cilium", "anetd"),
        images=("cilium",),
        container="cilium-agent",
        settings=_cilium_settings,
        refine=_refine_cilium,
    ),
    Signature(
        plugin="antrea",
        daemon_sets=("antrea-agent",),
        images=("antrea",),
        container="antrea-agent",
        watches=WatchedResource("controlplane.antrea.io", "networkpolicies"),
    ),
    # All images of OpenShift are in one repository and differ only by their digests, so the repository does not name
    # the plugin.
    Signature(
        plugin="ovn-kubernetes",
        daemon_sets=("ovnkube-node", "ovnkube-single-node-zone"),
        images=("ovn", "openshift", "ocp", "okd"),
        container="ovnkube-controller",
    ),
    Signature(
        plugin="kube-router",
        daemon_sets=("kube-router",),
        images=("kube-router",),
        container="kube-router",
        settings=_kube_router_settings,
    ),
    Signature(
        plugin="aws-vpc-cni",
        daemon_sets=("aws-node",),
        images=("amazon-k8s-cni",),
        container="aws-node",
        watches=WatchedResource("networking.k8s.aws", "policyendpoints"),
        settings=_aws_settings,
    ),
    Signature(
        plugin="kube-network-policies",
        daemon_sets=("kindnet",),
        images=("kindnet",),
        container="kindnet-cni",
        settings=_kindnet_settings,
        refine=_refine_kindnet,
    ),
    WITH_POLICIES,
    Signature(
        plugin="azure-npm",
        daemon_sets=("azure-npm", "azure-npm-win"),
        images=("azure-npm",),
        container="azure-npm",
    ),
    Signature(
        plugin="windows",
        daemon_sets=("calico-node-windows",),
        images=_CALICO_IMAGES,
        container="felix",
    ),
    Signature(
        plugin="ringfence", daemon_sets=("ringfence-agent",), images=("ringfence",), settings=_ringfence_settings
    ),
)
"""The rows of the table."""

FLANNEL: Final = ("kube-flannel-ds", "kube-flannel")
"""The names of Flannel's DaemonSet. Flannel itself does not enforce policies."""

UNDESCRIBED: Final = ("contrail-agent", "kube-ovn-cni", "nsx-node-agent", "sdn", "terway-eniip", "weave-net")
"""The names of DaemonSets of plugins that can enforce policies but are not in the table of plugins.

They are listed because some of them cannot be found by their rights: only a controller elsewhere in the cluster watches
policies.
"""


def signature_of(daemon_set: DaemonSet) -> Signature | None:
    """The row that a DaemonSet matches by its name or, if no name matches, by its container and image; None if none."""
    for row in SIGNATURES:
        if daemon_set.metadata.name in row.daemon_sets:
            return row
    for row in SIGNATURES:
        container = daemon_set.container(row.container) if row.container else None
        if container and has_image(row, [container]):
            return row
    return None


def has_image(row: Signature, containers: Iterable[SeenContainer]) -> bool:
    """Whether one of these containers has an image of the row's plugin."""
    return any(word in one.repository for one in containers for word in row.images)


def operator_paths(daemon_sets: Iterable[DaemonSet]) -> Iterator[str]:
    """The paths of the objects that show whether an operator installed a DaemonSet."""
    for one in daemon_sets:
        if one.metadata.namespace == CALICO_NAMESPACE and (row := signature_of(one)) and row.plugin == "calico":
            yield CALICO_INSTALLATION
            return


def config_map_paths(daemon_sets: Iterable[DaemonSet]) -> Iterator[str]:
    """The paths of the ConfigMaps that may contain settings of plugins."""
    yield VPC_CNI_CONFIG
    for one in daemon_sets:
        if (row := signature_of(one)) and row.plugin == "cilium":
            yield config_map_of(one, CILIUM_CONFIG)
