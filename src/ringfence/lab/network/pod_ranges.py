"""Pod ranges: where a pod network needs them, each node has a range of each family for the addresses of its pods.

The `podCIDRs` of Node objects are kept. A node without them gets the smallest range that contains the addresses of its
pods, or a free range.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from ringfence.engine.state import State
from ringfence.errors import LaboratoryError
from ringfence.lab.network.addressing import AddressPool
from ringfence.lab.network.object_addresses import pod_addresses
from ringfence.lab.network.topology import IPAddress, IPNetwork
from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import Node, NodeSpec

_GIVEN_LENGTH: Final = {4: 22, 6: 80}
"""The prefix lengths of ranges that are given: as many addresses as a bridge has ports (1,024), or more."""

_LONGEST: Final = {4: 24, 6: 64}
"""The prefix lengths of the smallest ranges that reported addresses stand for: the usual ones of Kubernetes."""


class PodRanges:
    """Gives ranges to the nodes of a state, and pools of addresses from these."""

    def __init__(self, cluster_ranges: Iterable[IPNetwork], taken: set[IPAddress]) -> None:
        """Free ranges are parts of `cluster_ranges`, one of each family; `taken` are the addresses that are in use."""
        self._parts: dict[int, Iterator[IPNetwork]] = {
            one.version: one.subnets(new_prefix=_GIVEN_LENGTH[one.version]) for one in cluster_ranges
        }
        self._taken = taken
        self._pools: dict[IPNetwork, AddressPool] = {}
        self._ordered: list[tuple[IPNetwork, str]] = []
        """The ranges in the order of their first addresses, with their nodes."""

    def complete(self, state: State) -> None:
        """Give each node the ranges that it lacks. Raises LaboratoryError if ranges of two nodes overlap."""
        reported = _reported_by_node(state)
        for name, node in sorted(state.nodes.items()):
            present = ranges_of(node)
            addresses = reported.get(name, [])
            lacking = {*self._parts, *(ip.version for ip in addresses)} - {one.version for one in present}
            if lacking:
                given = [self._range_for(version, addresses, state) for version in sorted(lacking)]
                spec = NodeSpec(pod_cidrs=tuple(str(one) for one in (*present, *given)))
                state.upsert(replace(node, spec=spec))
        self._ordered = _check_overlaps(state)

    def node_of(self, ip: IPAddress) -> str:
        """The node whose range an address is in; empty if there is none."""
        # Ranges do not overlap, so only the last one that begins at or before the address can contain it.
        place = bisect_right(self._ordered, _place(ip), key=lambda pair: _place(pair[0][0]))
        if place and ip in self._ordered[place - 1][0]:
            return self._ordered[place - 1][1]
        return ""

    def take(self, node: Node) -> tuple[IPAddress, ...]:
        """Free addresses for a pod of a node, one of each family. Raises LaboratoryError if there is none left."""
        return tuple(self._pool(one).take() for one in ranges_of(node) if one.version in self._parts)

    def _range_for(self, version: int, addresses: list[IPAddress], state: State) -> IPNetwork:
        of_version = [ip for ip in addresses if ip.version == version]
        return _smallest_around(of_version) if of_version else self._free_range(version, state)

    def _free_range(self, version: int, state: State) -> IPNetwork:
        present = [one for node in state.nodes.values() for one in ranges_of(node)]
        used = {_part(ip) for ip in self._taken if ip.version == version}
        for part in self._parts[version]:
            if part not in used and not any(_overlap(part, one) for one in present):
                return part
        raise LaboratoryError("all ranges of pod addresses are taken: the laboratory has too many nodes")

    def _pool(self, pod_range: IPNetwork) -> AddressPool:
        if pod_range not in self._pools:
            # The network address, which Flannel's tunnel has, the gateway's and the broadcast address.
            self._taken |= {pod_range[0], pod_range[1], pod_range[-1]}
            self._pools[pod_range] = AddressPool(pod_range, self._taken)
        return self._pools[pod_range]


def ranges_of(node: Node) -> tuple[IPNetwork, ...]:
    """The pod ranges (`podCIDRs`) of a node."""
    return tuple(parse_cidr(text) for text in node.spec.pod_cidrs or ())


def check_pods_are_in_ranges(state: State) -> None:
    """Raise LaboratoryError for the first pod with an address that its node cannot give it on a bridge."""
    for member in state.members():
        if member.host_network:
            continue
        ranges = ranges_of(state.nodes[member.node])
        for ip in pod_addresses(member):
            pod_range = next((one for one in ranges if ip in one), None)
            if pod_range is None:
                written = " and ".join(map(str, ranges)) or "none"
                raise LaboratoryError(
                    f"pod {member} has the address {ip}, which is in no pod range of its node {member.node} "
                    f"({written}): correct the podCIDRs of the Node, or use --pod-network ptp"
                )
            if ip in (pod_range[0], pod_range[1]):
                raise LaboratoryError(
                    f"pod {member} has the address {ip}, which on a bridge belongs to its node or to the network "
                    f"({pod_range}): use --pod-network ptp"
                )


def _reported_by_node(state: State) -> dict[str, list[IPAddress]]:
    found: dict[str, list[IPAddress]] = {}
    for member in state.members():
        if not member.host_network and member.node:
            found.setdefault(member.node, []).extend(pod_addresses(member))
    return found


def _smallest_around(addresses: list[IPAddress]) -> IPNetwork:
    """The smallest range that contains all `addresses`, of one family, and is not smaller than `_LONGEST` says."""
    low, high = min(map(int, addresses)), max(map(int, addresses))
    first = addresses[0]
    # The lowest and the highest address have the bits before their first difference in common, and so have all between.
    length = min(first.max_prefixlen - (low ^ high).bit_length(), _LONGEST[first.version])
    return ip_network((first, length), strict=False)


def _part(ip: IPAddress) -> IPNetwork:
    """The range that contains an address, if the range is one that can be given."""
    return ip_network((ip, _GIVEN_LENGTH[ip.version]), strict=False)


def _overlap(a: IPNetwork, b: IPNetwork) -> bool:
    return a.version == b.version and int(a[0]) <= int(b[-1]) and int(b[0]) <= int(a[-1])


def _check_overlaps(state: State) -> list[tuple[IPNetwork, str]]:
    """All ranges in the order of their first addresses, with their nodes. Raises LaboratoryError if two overlap."""
    ranges = [(one, name) for name, node in state.nodes.items() for one in ranges_of(node)]
    ranges.sort(key=lambda pair: _place(pair[0][0]))
    for (before, node), (after, other) in pairwise(ranges):
        if _overlap(before, after):
            raise LaboratoryError(
                f"the pod ranges of node {node} ({before}) and node {other} ({after}) overlap: "
                "correct the podCIDRs of the Nodes, or use --pod-network routed"
            )
    return ranges


def _place(ip: IPAddress) -> tuple[int, int]:
    """The place of an address in the order of all addresses."""
    return ip.version, int(ip)
