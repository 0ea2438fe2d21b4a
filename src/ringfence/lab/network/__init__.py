"""The laboratory's network: namespaces, links and addresses, planned from the objects of a cluster."""

from ringfence.lab.network.linux import MountFlag, NamespaceKind
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.placement import Placement, PlacementOptions, node_addresses
from ringfence.lab.network.planning import plan_topology
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
    "Placement",
    "PlacementOptions",
    "Topology",
    "node_addresses",
    "plan_topology",
]
