"""Finding the bridge port of each pod by its addresses.

A pod is at the one free port whose veth pair has all of its addresses and had one of them at first. A port has only one
pod, and keeps it as long as both exist: an address that turns up at another port later opens nothing there. If several
ports fit a pod, or several pods a port, the addresses are contested, and are closed at all of these ports.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.dataplane.compile import Address, PodPort, Ports
from ringfence.dataplane.veth_pairs import NodeVethPairs, VethPair, is_link_local
from ringfence.netlink.veth import Veth
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

PodAddresses = frozenset[Address]
"""A pod, identified by its addresses."""

NO_VETH_PAIRS: Final = NodeVethPairs()


class PodPorts:
    """The ports of the pods of a node. One thread may set `veth_pairs` while another one locates pods."""

    def __init__(self) -> None:
        self.veth_pairs = NO_VETH_PAIRS
        """The last reading."""
        self.contested: list[PodAddresses] = []
        """The pods that fit several ports, or share one, so that their addresses are closed there."""
        self._placed: dict[PodAddresses, Veth] = {}
        self._asked: tuple[NodeVethPairs, frozenset[PodAddresses], Addresses, Addresses] | None = None
        self._ports = Ports()

    def locate(
        self,
        pods: frozenset[PodAddresses],
        held: Addresses = NO_ADDRESSES,
        node: Addresses = NO_ADDRESSES,
    ) -> Ports:
        """The ports of known pods. The same object is returned as long as nothing has changed.

        A bridge belongs to another network if the node has addresses on it, but none in the pod ranges `held`. A veth
        outside of bridges is an uplink if the node has one of its own addresses (`node`) on it, or if a tunnel between
        nodes is bound to it. No pod can bind a tunnel to its link.
        """
        asked = self.veth_pairs, pods, held, node
        # The result is valid as long as these four are equal: nothing else determines it but the earlier places of
        # pods.
        if asked != self._asked:
            self._asked = asked
            found_ports = place(self.veth_pairs.veth_pairs, pods, self._placed)
            self._placed, self.contested = found_ports.ports, found_ports.contested
            self._ports = _ports(self.veth_pairs, found_ports, held, node)
        return self._ports

    def counts(self) -> dict[str, int]:
        """How many bridge ports lead to a known pod (`pod`), to another network (`other`), or are `unknown`."""
        others = len(self._ports.others & self.veth_pairs.veth_pairs.keys())
        pods = len(self._ports.pods)
        return {"pod": pods, "other": others, "unknown": len(self.veth_pairs.veth_pairs) - pods - others}


class FoundPorts(NamedTuple):
    """The ports of pods, in the order in which they were found, and the pods that fit several ports."""

    ports: dict[PodAddresses, Veth]
    contested: list[PodAddresses]


def place(
    pairs: Mapping[int, VethPair], pods: Iterable[PodAddresses], before: Mapping[PodAddresses, Veth]
) -> FoundPorts:
    """Find the port of each pod. A pod keeps the port that it had `before`, as long as the port exists."""
    wanted = _whole(pods)
    placed = {pod: veth for pod, veth in before.items() if pod in wanted and _is_there(veth, pairs)}
    taken = {veth.number for veth in placed.values()}
    by_address: dict[Address, list[VethPair]] = {}
    for number in sorted(pairs):
        for address in pairs[number].addresses:
            by_address.setdefault(address, []).append(pairs[number])
    candidates = {pod: list(_candidates(pod, by_address)) for pod in wanted - placed.keys()}
    # Each port that is taken can leave another pod with one free port, so this repeats until no pod is found.
    while found := _sole(candidates, taken):
        placed |= found
        taken |= {veth.number for veth in found.values()}
        candidates = {pod: some for pod, some in candidates.items() if pod not in found}
    return FoundPorts(placed, [pod for pod, some in candidates.items() if _free(some, taken)])


def _whole(pods: Iterable[PodAddresses]) -> set[PodAddresses]:
    """The pods without those whose addresses are a subset of those of another pod.

    That happens while other pods claim the rest of their addresses.
    """
    found = set(pods)
    by_address: dict[Address, list[PodAddresses]] = {}
    for pod in found:
        for address in pod:
            by_address.setdefault(address, []).append(pod)
    # A larger set of addresses has the smallest address of `pod`, too, so only the sets with that address are compared.
    return {pod for pod in found if not any(pod < other for other in by_address[min(pod)])}


def _is_there(veth: Veth, pairs: Mapping[int, VethPair]) -> bool:
    return veth.number in pairs and pairs[veth.number].veth == veth


def _candidates(pod: PodAddresses, by_address: Mapping[Address, list[VethPair]]) -> Iterator[VethPair]:
    # A veth pair with all addresses of the pod has its smallest one. Any other address would do as well.
    for pair in by_address.get(min(pod), ()):
        if pod <= pair.addresses and not pod.isdisjoint(pair.first):
            yield pair


def _sole(candidates: Mapping[PodAddresses, list[VethPair]], taken: set[int]) -> dict[PodAddresses, Veth]:
    """The pods for which exactly one port is free, if that port is not the only free one of another pod, too."""
    pods_at: dict[Veth, list[PodAddresses]] = {}
    for pod, some in candidates.items():
        free = _free(some, taken)
        if len(free) == 1:
            pods_at.setdefault(free[0].veth, []).append(pod)
    return {pods[0]: veth for veth, pods in pods_at.items() if len(pods) == 1}


def _free(pairs: Iterable[VethPair], taken: set[int]) -> list[VethPair]:
    """The veth pairs that no pod has; only the certain ones, if there are any."""
    free = [pair for pair in pairs if pair.veth.number not in taken]
    return [pair for pair in free if pair.is_certain] or free


# --- the input of the compiler ----------------------------------------------------------------------------------------


def _ports(found: NodeVethPairs, found_ports: FoundPorts, held: Addresses, node: Addresses) -> Ports:
    links, pairs = found.links, found.veth_pairs
    own: dict[int, set[Address]] = {}
    for number, address in links.addresses:
        own.setdefault(number, set()).add(address)
    of_pods = {veth.bridge for veth in found_ports.ports.values()}
    other_bridges = {number for number in links.bridges.keys() - of_pods if _is_elsewhere(own.get(number, set()), held)}
    others = [number for number, pair in pairs.items() if pair.veth.bridge in other_bridges]
    uplinks = [
        veth.number
        for veth in links.veths
        if not veth.bridge
        and (veth.number in links.underlays or any(node.contains(*address) for address in own.get(veth.number, ())))
    ]
    addresses = frozenset(address for _, address in links.addresses)
    hardware = frozenset(address for number, address in links.bridges.items() if number not in other_bridges)
    return Ports(
        dict(_pod_ports(found_ports, pairs, addresses, hardware)),
        frozenset([*others, *uplinks]),
        addresses,
        hardware,
        frozenset(address for pod in found_ports.contested for address in pod),
        links.tunnels,
    )


def _is_elsewhere(own: Iterable[Address], held: Addresses) -> bool:
    """Whether a bridge on which the node has these addresses belongs to another network than the pods."""
    routed = [address for address in own if not is_link_local(address)]
    return bool(held) and bool(routed) and not any(held.contains(*address) for address in routed)


def _pod_ports(
    found_ports: FoundPorts,
    pairs: Mapping[int, VethPair],
    addresses: frozenset[Address],
    hardware: frozenset[bytes],
) -> Iterator[tuple[int, PodPort]]:
    """The ports. If two have the same link-local or hardware address, only the pod that was found first gets it."""
    used_addresses, used_hardware = set(addresses), set(hardware)
    for pod, veth in found_ports.ports.items():
        pair = pairs[veth.number]
        link_local = pair.link_local - used_addresses
        own_hardware = b"" if pair.hardware_address in used_hardware else pair.hardware_address
        used_addresses |= link_local
        used_hardware.add(own_hardware)
        yield veth.number, PodPort(pod, link_local, own_hardware)
