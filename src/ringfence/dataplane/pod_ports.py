"""Finding the port of each pod: the port of a bridge at which is a cable to the pod that has these addresses.

A pod is at the one free port whose cable has all its addresses, and had one of them at first. A port has one pod only,
and keeps it as long as there are both: an address that turns up at another port opens nothing there. If several ports
are left for a pod, or several pods for a port, the addresses are contested, and closed at all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ringfence.dataplane.cables import Cable, NodeCables, is_link_local
from ringfence.dataplane.compile import Address, PodPort, Ports
from ringfence.netlink.veth import Veth
from ringfence.sets.addresses import NO_ADDRESSES, Addresses

PodAddresses = frozenset[Address]
"""A pod, by its addresses."""

NO_CABLES: Final = NodeCables()


class PodPorts:
    """The ports of the pods of a node. One thread may set `cables` while another locates pods."""

    def __init__(self) -> None:
        self.cables = NO_CABLES
        """What was read last."""
        self.contested: list[PodAddresses] = []
        """The pods that may be at several ports, or share one, so that their addresses are closed at all of them."""
        self._placed: dict[PodAddresses, Veth] = {}
        self._asked: tuple[NodeCables, frozenset[PodAddresses], Addresses, Addresses] | None = None
        self._ports = Ports()

    def locate(
        self,
        pods: frozenset[PodAddresses],
        held: Addresses = NO_ADDRESSES,
        node: Addresses = NO_ADDRESSES,
    ) -> Ports:
        """The ports of known pods; the same object as before if nothing has changed.

        Bridges on which the node has addresses, but none in the ranges `held` of its pods, are those of other networks.
        A link of its own leads to the outside if the node has one of its own addresses (`node`) on it, or if a tunnel
        between nodes is bound to it. No pod can bind one to its link.
        """
        asked = self.cables, pods, held, node
        if asked != self._asked:
            self._asked = asked
            found_ports = place(self.cables.cables, pods, self._placed)
            self._placed, self.contested = found_ports.ports, found_ports.contested
            self._ports = _ports(self.cables, found_ports, held, node)
        return self._ports

    def counts(self) -> dict[str, int]:
        """How many ports of bridges lead to a pod, to another network (`other`), and to what is not known."""
        others = len(self._ports.others & self.cables.cables.keys())
        pods = len(self._ports.pods)
        return {"pod": pods, "other": others, "unknown": len(self.cables.cables) - pods - others}


class FoundPorts(NamedTuple):
    """The ports of pods, in the order in which they were found; and pods that may be at several ports."""

    ports: dict[PodAddresses, Veth]
    contested: list[PodAddresses]


def place(cables: Mapping[int, Cable], pods: Iterable[PodAddresses], before: Mapping[PodAddresses, Veth]) -> FoundPorts:
    """Find the port of each pod. Pods stay where they were `before`."""
    wanted = _whole(pods)
    placed = {pod: veth for pod, veth in before.items() if pod in wanted and _is_there(veth, cables)}
    taken = {veth.number for veth in placed.values()}
    by_address: dict[Address, list[Cable]] = {}
    for number in sorted(cables):
        for address in cables[number].addresses:
            by_address.setdefault(address, []).append(cables[number])
    candidates = {pod: list(_candidates(pod, by_address)) for pod in wanted - placed.keys()}
    while found := _sole(candidates, taken):
        placed |= found
        taken |= {veth.number for veth in found.values()}
        candidates = {pod: some for pod, some in candidates.items() if pod not in found}
    return FoundPorts(placed, [pod for pod, some in candidates.items() if _free(some, taken)])


def _whole(pods: Iterable[PodAddresses]) -> set[PodAddresses]:
    """The pods without those of which only some addresses are known to be theirs, because other pods claim the rest."""
    found = set(pods)
    by_address: dict[Address, list[PodAddresses]] = {}
    for pod in found:
        for address in pod:
            by_address.setdefault(address, []).append(pod)
    return {pod for pod in found if not any(pod < other for other in by_address[min(pod)])}


def _is_there(veth: Veth, cables: Mapping[int, Cable]) -> bool:
    return veth.number in cables and cables[veth.number].veth == veth


def _candidates(pod: PodAddresses, by_address: Mapping[Address, list[Cable]]) -> Iterator[Cable]:
    for cable in by_address.get(min(pod), ()):
        if pod <= cable.addresses and not pod.isdisjoint(cable.first):
            yield cable


def _sole(candidates: Mapping[PodAddresses, list[Cable]], taken: set[int]) -> dict[PodAddresses, Veth]:
    """The pods for which one port is left that is left for no other pod alone."""
    pods_at: dict[Veth, list[PodAddresses]] = {}
    for pod, some in candidates.items():
        free = _free(some, taken)
        if len(free) == 1:
            pods_at.setdefault(free[0].veth, []).append(pod)
    return {pods[0]: veth for veth, pods in pods_at.items() if len(pods) == 1}


def _free(cables: Iterable[Cable], taken: set[int]) -> list[Cable]:
    """The cables that no pod has; only those that are certain, if there are any."""
    free = [cable for cable in cables if cable.veth.number not in taken]
    return [cable for cable in free if cable.is_certain] or free


# --- as the compiler wants it -----------------------------------------------------------------------------------------


def _ports(found: NodeCables, found_ports: FoundPorts, held: Addresses, node: Addresses) -> Ports:
    links, cables = found.links, found.cables
    own: dict[int, set[Address]] = {}
    for number, address in links.addresses:
        own.setdefault(number, set()).add(address)
    of_pods = {veth.bridge for veth in found_ports.ports.values()}
    other_bridges = {number for number in links.bridges.keys() - of_pods if _is_elsewhere(own.get(number, set()), held)}
    others = [number for number, cable in cables.items() if cable.veth.bridge in other_bridges]
    uplinks = [
        veth.number
        for veth in links.veths
        if not veth.bridge
        and (veth.number in links.underlays or any(node.contains(*address) for address in own.get(veth.number, ())))
    ]
    addresses = frozenset(address for _, address in links.addresses)
    hardware = frozenset(address for number, address in links.bridges.items() if number not in other_bridges)
    return Ports(
        dict(_pod_ports(found_ports, cables, addresses, hardware)),
        frozenset([*others, *uplinks]),
        addresses,
        hardware,
        frozenset(address for pod in found_ports.contested for address in pod),
        links.tunnels,
    )


def _is_elsewhere(own: Iterable[Address], held: Addresses) -> bool:
    """Whether a bridge on which the node has these addresses is that of another network than its pods."""
    routed = [address for address in own if not is_link_local(address)]
    return bool(held) and bool(routed) and not any(held.contains(*address) for address in routed)


def _pod_ports(
    found_ports: FoundPorts, cables: Mapping[int, Cable], addresses: frozenset[Address], hardware: frozenset[bytes]
) -> Iterator[tuple[int, PodPort]]:
    """The ports, of which no two have the same link-local or hardware address: it is that of the pod found first."""
    used_addresses, used_hardware = set(addresses), set(hardware)
    for pod, veth in found_ports.ports.items():
        cable = cables[veth.number]
        link_local = cable.link_local - used_addresses
        own_hardware = b"" if cable.hardware_address in used_hardware else cable.hardware_address
        used_addresses |= link_local
        used_hardware.add(own_hardware)
        yield veth.number, PodPort(pod, link_local, own_hardware)
