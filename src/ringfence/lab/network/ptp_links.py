"""Links between a pod and its node as the network plugin ptp makes them.

The pod's address has the length of its node's range, but no route to that range: everything goes to the gateway. All
the node's ends have the gateway's address, alone in its subnet, and one route to each pod. Both ends have IPv6
link-local addresses, and find each other by ARP and neighbour discovery.

Source: containernetworking/plugins, `plugins/main/ptp/ptp.go`.
"""

from collections.abc import Iterator

from ringfence.lab.network.links import UPLINK, Link, LowerEnd
from ringfence.lab.network.pod_addresses import hardware_address, prefix_length
from ringfence.lab.network.topology import IPAddress, LabNode
from ringfence.netlink.addresses import add_address
from ringfence.netlink.links import LinkEnd
from ringfence.netlink.requests import NetworkRequest
from ringfence.netlink.routes import add_route, set_default_route, set_neighbour


def ptp_link(node: LabNode, number: int, lower: LowerEnd) -> Link:
    """The link of a pod to its node."""
    upper_end = LinkEnd(f"veth{number}", number, hardware_address(node.name, lower.name))
    lower_end = LinkEnd("eth0", UPLINK, hardware_address(lower.name))
    versions = {ip.version for ip in lower.addresses}
    gateways = [gateway for version, gateway in node.gateways.items() if version in versions]
    in_upper = [*_set_up_upper_end(number, gateways, lower.addresses)]
    in_lower = [*_set_up_lower_end(node, gateways, lower.addresses)]
    if not node.network.discovers_neighbours:
        in_upper += [set_neighbour(number, ip, lower_end.hardware_address) for ip in lower.addresses]
        in_lower += [set_neighbour(UPLINK, gateway, upper_end.hardware_address) for gateway in gateways]
    return Link(upper_end, lower_end, tuple(in_upper), tuple(in_lower), announces=node.network.discovers_neighbours)


def _set_up_upper_end(
    number: int, gateways: list[IPAddress], addresses: tuple[IPAddress, ...]
) -> Iterator[NetworkRequest]:
    for gateway in gateways:
        yield add_address(number, gateway)
    for ip in addresses:
        yield add_route(number, ip)


def _set_up_lower_end(
    node: LabNode, gateways: list[IPAddress], addresses: tuple[IPAddress, ...]
) -> Iterator[NetworkRequest]:
    for ip in addresses:
        yield add_address(UPLINK, ip, prefix_length(node, ip), prefix_route=False)
    for gateway in gateways:
        # ptp.go adds both: a route to the gateway over the link, and one through the gateway to everything else.
        yield add_route(UPLINK, gateway)
        yield set_default_route(UPLINK, gateway)
