"""Whether the addresses of a cluster can be built: each belongs to one host, and a host can have it."""

from ringfence.engine.state import State
from ringfence.errors import LaboratoryError
from ringfence.lab.network.addressing import is_usable
from ringfence.lab.network.object_addresses import node_addresses, pod_addresses
from ringfence.lab.network.topology import IPAddress


def check_addresses(state: State) -> None:
    """Raise LaboratoryError for the first address that cannot be built."""
    owners: dict[IPAddress, str] = {}
    nodes = [(f"node {name}", node_addresses(node)) for name, node in state.nodes.items()]
    pods = [(f"pod {member}", pod_addresses(member)) for member in state.members() if not member.host_network]
    for owner, addresses in [*nodes, *pods]:
        for ip in addresses:
            if not is_usable(ip):
                raise LaboratoryError(f"{owner} has the address {ip}, which a host cannot have: correct its status")
            if ip in owners:
                raise LaboratoryError(f"{owners[ip]} and {owner} both have the address {ip}: remove one of them")
            owners[ip] = owner
    for member in state.members():
        if not member.host_network:
            continue
        of_node = node_addresses(state.nodes[member.node])
        for ip in pod_addresses(member):
            if ip not in of_node:
                raise LaboratoryError(
                    f"pod {member} is on the host network and reports the address {ip}, "
                    f"which node {member.node} does not have: correct the status of one of them"
                )
