"""Cables to pods: what is at the far ends of the ports of a node's bridges, as the kernel says.

A pod whose containers may configure their network (NET_ADMIN) can give its interface any address. So what counts is
what a network plugin configures before it lets the first container start: a cable is read as soon as it appears, and
what is changed later is not looked at. The exception are cables that were there before anybody looked; of those only
what the present program says of them is certain.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ringfence.dataplane.compile import Address
from ringfence.netlink.veth import FarEnd, NodeLinks, Veth, VethReader
from ringfence.sets.addresses import Family

SETTLING: Final = 10.0
"""Seconds after its first address in which a cable gets the others: plugins add them one after the other."""

_LINK_LOCAL: Final = 0xFE80 >> 6
"""The first ten bits of an IPv6 link-local address."""


class Cable(msgspec.Struct, frozen=True):
    """A port of a bridge, and the interface at its far end.

    `first` are the addresses that the interface had when it first had any, `addresses` those that it has, without
    link-local ones. Only of a cable that `is_certain`, it is known that no container had started by then. A cable that
    is not `is_readable` leads to a namespace over which this process has no rights.
    """

    veth: Veth
    first: frozenset[Address] = frozenset()
    addresses: frozenset[Address] = frozenset()
    link_local: frozenset[Address] = frozenset()
    hardware_address: bytes = b""
    is_certain: bool = False
    is_readable: bool = True


class NodeCables(msgspec.Struct, frozen=True):
    """The cables by the numbers of their ports, and the other links of the node."""

    cables: Mapping[int, Cable] = {}
    links: NodeLinks = NodeLinks()

    @property
    def unreadable(self) -> list[str]:
        """The names of the ports whose far ends cannot be read."""
        return sorted(cable.veth.name for cable in self.cables.values() if not cable.is_readable)


class CableReader:
    """Reads the cables of the network namespace in which the calling thread is when this is made."""

    def __init__(
        self, remembered: Mapping[int, FarEnd] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`remembered` says what the present program has at each port. Raises OSError where there is no netlink."""
        self._reader = VethReader()
        self._remembered = dict(remembered or {})
        self._clock = clock
        self._cables: dict[int, Cable] = {}
        self._since: dict[int, float] = {}
        """When each cable appeared, or, if it was later, first had an address."""
        self._has_read = False

    def close(self) -> None:
        """Close the socket."""
        self._reader.close()

    def forget(self, ports: Iterable[int]) -> None:
        """Take the cables at these ports for others: they were removed, and their numbers may have been given again."""
        for number in ports:
            for known in (self._cables, self._since, self._remembered):
                known.pop(number, None)

    def read(self) -> NodeCables:
        """What there is now. Raises OSError where the kernel refuses."""
        links = self._reader.links()
        ports = {veth.number: veth for veth in links.veths if veth.bridge and veth.far_end}
        self.forget([number for number, cable in self._cables.items() if ports.get(number) != cable.veth])
        for number, veth in ports.items():
            if not self._has_settled(number):
                self._cables[number] = self._looked_at(veth)
        self._has_read, self._remembered = True, {}
        return NodeCables(dict(self._cables), links)

    @property
    def next_reading(self) -> float | None:
        """Seconds after which to read again although no link has changed; None if there is no need.

        The kernel does not report here what happens at far ends.
        """
        unsettled = [number for number in self._cables if not self._has_settled(number)]
        if not unsettled:
            return None
        return 0.1 if any(map(self._is_young, unsettled)) else 1.0

    def _has_settled(self, port: int) -> bool:
        return port in self._cables and bool(self._cables[port].first) and not self._is_young(port)

    def _is_young(self, port: int) -> bool:
        return self._clock() < self._since[port] + SETTLING

    def _looked_at(self, veth: Veth) -> Cable:
        now = self._clock()
        self._since.setdefault(veth.number, now)
        before = self._cables.get(veth.number) or Cable(veth, is_certain=self._has_read)
        end = self._reader.far_end(veth)
        if end is None:
            return msgspec.structs.replace(before, is_readable=False)
        found = _cable(veth, end, is_certain=before.is_certain)
        known = self._remembered.get(veth.number)
        if known and not known.addresses.isdisjoint(found.addresses):
            self._since[veth.number] = now - SETTLING
            return _cable(veth, known, is_certain=True)
        if before.first:
            return msgspec.structs.replace(found, first=before.first)
        if found.first:
            self._since[veth.number] = now
        return found


def _cable(veth: Veth, end: FarEnd, *, is_certain: bool) -> Cable:
    link_local = frozenset(filter(is_link_local, end.addresses))
    addresses = end.addresses - link_local
    return Cable(veth, addresses, addresses, link_local, end.hardware_address, is_certain)


def is_link_local(address: Address) -> bool:
    """Whether an address is an IPv6 link-local one."""
    family, number = address
    return family is Family.IPV6 and number >> 118 == _LINK_LOCAL
