"""The laboratory's network: namespaces, links and addresses, planned from the objects of a cluster."""

from ringfence.lab.network.linux import Kind, MountFlag
from ringfence.lab.network.namespaces import Network
from ringfence.lab.network.placement import Placement, Wishes, node_addresses
from ringfence.lab.network.plan import plan
from ringfence.lab.network.topology import CLUSTER_DOMAIN, IPAddress, Pod, Port, Service, Topology

__all__ = [
    "CLUSTER_DOMAIN",
    "IPAddress",
    "Kind",
    "MountFlag",
    "Network",
    "Placement",
    "Pod",
    "Port",
    "Service",
    "Topology",
    "Wishes",
    "node_addresses",
    "plan",
]
