"""The laboratory's network: namespaces, links, addresses and Service translation, planned from a cluster's objects.

linux  <-  network_stack  <-  links  <-  ptp_links, bridge_links, flannel  <-  namespaces
pod_network  <-  kernel_settings  <-  network_stack
pod_network  <-  topology  <-  addressing  <-  object_addresses  <-  address_check, planning  <-  placement
topology  <-  service_translation, links
"""

from ringfence.lab.network.linux import (
    MountFlag,
    NamespaceKind,
    enter_namespace,
    in_network_namespace,
    mount,
    unmount,
    unshare,
)
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.object_addresses import node_addresses
from ringfence.lab.network.placement import Placement, PlacementOptions
from ringfence.lab.network.planning import hosts_for, plan_topology
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork, ReversePathFilter
from ringfence.lab.network.service_translation import NodeServices, service_ruleset
from ringfence.lab.network.topology import CLUSTER_DOMAIN, IPAddress, LabPod, LabPort, LabService, Topology

__all__ = [
    "CLUSTER_DOMAIN",
    "IPAddress",
    "LabPod",
    "LabPort",
    "LabService",
    "MountFlag",
    "NamespaceKind",
    "Network",
    "NodeNetwork",
    "NodeServices",
    "Placement",
    "PlacementOptions",
    "PodNetwork",
    "ReversePathFilter",
    "Topology",
    "enter_namespace",
    "hosts_for",
    "in_network_namespace",
    "mount",
    "node_addresses",
    "plan_topology",
    "service_ruleset",
    "unmount",
    "unshare",
]
