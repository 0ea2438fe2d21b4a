"""Ports of bridges: the sets and maps of the program that assign pods to bridge ports.

The assignment comes from the node's own interfaces, not from packets, so no pod can claim the port of another pod.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ringfence.dataplane.compile.subjects import Address
from ringfence.dataplane.program import (
    ADDRESS,
    BRIDGE_TUNNELS,
    EXEMPT_LINKS,
    FROM_CLOSED,
    FROM_OPEN,
    FROM_OTHER,
    FROM_PORT,
    HARDWARE,
    LINK,
    LINK_ADDRESS,
    LINK_HARDWARE,
    LINK_SENDER,
    OWNED,
    OWNED_HARDWARE,
    PORT,
    PORT_ADDRESSES,
    PORT_HARDWARE,
    PORT_SENDERS,
    TO_CLOSED,
    TO_OPEN,
    TO_PORT,
    TUNNELS,
    UNPLACED,
    HashSet,
    Program,
    VerdictMap,
    address_key,
    link_hardware_key,
    link_key,
    link_sender_key,
    port_key,
    read_link_address,
    read_link_hardware,
)
from ringfence.dataplane.program import Collection as ProgramCollection
from ringfence.model.policies import Direction
from ringfence.netlink.veth import FarEnd
from ringfence.sets.addresses import FAMILIES, Family

_FROM: Final = {True: FROM_CLOSED, False: FROM_OPEN}
_TO: Final = {True: TO_CLOSED, False: TO_OPEN}


IsIsolated = Callable[[Address, Direction], bool]


class PodPort(msgspec.Struct, frozen=True):
    """The port of a known pod.

    `addresses` are the addresses that the API server knows; `link_local` are further addresses of the pod's interface.
    """

    addresses: frozenset[Address]
    link_local: frozenset[Address] = frozenset()
    hardware_address: bytes = b""


class Ports(msgspec.Struct, frozen=True):
    """The links of the node to other network namespaces, by the number of their interface on the node.

    `others` are links that do not lead to a pod. A link that is neither in `pods` nor in `others` is unknown. `node`
    contains all IP addresses of the node, and `hardware` its hardware addresses on bridges of pods. The addresses in
    `contested` belong to a pod that may be at several ports; no port may use them. `tunnels` are the UDP ports of
    tunnels between nodes; no pod may send to them.
    """

    pods: Mapping[int, PodPort] = {}
    others: frozenset[int] = frozenset()
    node: frozenset[Address] = frozenset()
    hardware: frozenset[bytes] = frozenset()
    contested: frozenset[Address] = frozenset()
    tunnels: frozenset[int] = frozenset()


Locate = Callable[[frozenset[frozenset[Address]]], Ports]
"""Finds the ports of all known pods. Each pod is given as the set of its addresses."""


class PortSets:
    """The sets and maps about bridge ports. A set or map that does not change remains the same object."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._known: dict[Address, frozenset[Address]] = {}
        """The addresses of the node's known pods, each with all addresses of its pod."""
        self._pods: frozenset[frozenset[Address]] = frozenset()
        self._ports: Ports | None = None
        self._collections: dict[str, ProgramCollection] = {}

    def update(
        self, addresses: Mapping[Address, frozenset[Address]], is_isolated: IsIsolated, *, moved: bool = True
    ) -> dict[str, ProgramCollection]:
        """Update the collections and return them.

        `addresses` are the addresses that may have a known pod now or have lost it. Each is mapped to all addresses of
        the known pod that has it, or to the empty set. `moved` says whether the isolation of pods may have changed.
        """
        if addresses:
            self._known = {address: pod for address, pod in {**self._known, **addresses}.items() if pod}
            self._pods = frozenset(self._known.values())
        ports = self._locate(self._pods)
        if addresses or moved or ports is not self._ports:
            self._ports = ports
            for name, collection in _collections(ports, self._known, is_isolated):
                if self._collections.get(name) != collection:
                    self._collections[name] = collection
        return self._collections


def _collections(
    ports: Ports, known: Iterable[Address], is_isolated: IsIsolated
) -> Iterator[tuple[str, ProgramCollection]]:
    placed = frozenset(address for port in ports.pods.values() for address in port.addresses)
    link_local = (address for port in ports.pods.values() for address in port.link_local)
    owned = placed.union(link_local, ports.node, ports.contested)
    unplaced = [address for address in known if address not in owned]
    for family in FAMILIES:
        yield PORT_ADDRESSES[family], HashSet(LINK_ADDRESS[family], frozenset(_port_addresses(ports, family)))
        yield OWNED[family], HashSet(ADDRESS[family], _keys(owned, family))
        yield UNPLACED[family], HashSet(ADDRESS[family], _keys(unplaced, family))
    hardware = [(number, port.hardware_address) for number, port in ports.pods.items() if port.hardware_address]
    yield PORT_HARDWARE, HashSet(LINK_HARDWARE, frozenset(link_hardware_key(*one) for one in hardware))
    senders = (
        link_sender_key(number, port.hardware_address, address)
        for number, port in ports.pods.items()
        for family, address in port.addresses
        if port.hardware_address and family is Family.IPV4
    )
    yield PORT_SENDERS, HashSet(LINK_SENDER, frozenset(senders))
    yield OWNED_HARDWARE, HashSet(HARDWARE, frozenset(address for _, address in hardware) | ports.hardware)
    yield FROM_PORT, _roles(ports, FROM_OTHER, _FROM, Direction.EGRESS, is_isolated)
    yield TO_PORT, _roles(ports, TO_OPEN, _TO, Direction.INGRESS, is_isolated)
    yield EXEMPT_LINKS, HashSet(LINK, frozenset(map(link_key, ports.others)))
    for name in (TUNNELS, BRIDGE_TUNNELS):
        yield name, HashSet(PORT, frozenset(map(port_key, ports.tunnels)))


def _port_addresses(ports: Ports, family: int) -> Iterator[bytes]:
    for number, port in ports.pods.items():
        for one in port.addresses | port.link_local:
            if one[0] == family:
                yield link_key(number) + address_key(*one)


def _keys(addresses: Iterable[Address], family: int) -> frozenset[bytes]:
    return frozenset(address_key(*one) for one in addresses if one[0] == family)


def _roles(
    ports: Ports,
    of_others: str,
    of_pods: Mapping[bool, str],
    direction: Direction,
    is_isolated: IsIsolated,
) -> VerdictMap:
    chains: dict[str, set[bytes]] = {}
    for number in ports.others:
        chains.setdefault(of_others, set()).add(link_key(number))
    for number, port in ports.pods.items():
        # All addresses of the pod use this port, so one that is isolated closes it.
        closed = any(is_isolated(address, direction) for address in port.addresses)
        chains.setdefault(of_pods[closed], set()).add(link_key(number))
    return VerdictMap(LINK, {chain: frozenset(keys) for chain, keys in chains.items()}, goto=bool(chains))


def remembered_ports(program: Program) -> dict[int, FarEnd]:
    """Read the addresses and the hardware address of the pod at each port from a program."""
    addresses: dict[int, set[Address]] = {}
    for family, name in PORT_ADDRESSES.items():
        for key in _elements(program, name):
            number, address = read_link_address(key)
            addresses.setdefault(number, set()).add((family, address))
    hardware = dict(map(read_link_hardware, _elements(program, PORT_HARDWARE)))
    return {number: FarEnd(frozenset(some), hardware.get(number, b"")) for number, some in addresses.items()}


def _elements(program: Program, name: str) -> frozenset[bytes]:
    found = program.collections.get(name)
    return found.elements if isinstance(found, HashSet) else frozenset()
