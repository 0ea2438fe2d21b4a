"""Veth pairs of pods: which addresses are at the far ends of the ports of a node's bridges, read from the kernel.

A pod whose containers may configure their network (NET_ADMIN) can give its interface any address. What counts is
therefore the configuration by the network plugin before it lets the first container start. A veth pair is read as soon
as it appears, and later changes are ignored. Veth pairs that existed before the first reading are an exception: of
those, only what the present program contains is certain.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ringfence.dataplane.compile import Address
from ringfence.netlink.veth import FarEnd, NodeLinks, Veth, VethReader
from ringfence.sets.addresses import Family

SETTLING: Final = 10.0
"""Seconds after its first address in which a veth pair may get further ones: plugins add them one after the other."""

_LINK_LOCAL: Final = 0xFE80 >> 6
"""The first ten bits of an IPv6 link-local address."""


class VethPair(msgspec.Struct, frozen=True):
    """A port of a bridge, and the interface at its far end.

    `first` are the first addresses that were found on the interface, and `addresses` the present ones, both without
    link-local addresses. If it `is_certain`, no container had started when `first` was read. If it is not
    `is_readable`, the far end is in a network namespace over which this process has no rights.
    """

    veth: Veth
    first: frozenset[Address] = frozenset()
    addresses: frozenset[Address] = frozenset()
    link_local: frozenset[Address] = frozenset()
    hardware_address: bytes = b""
    is_certain: bool = False
    is_readable: bool = True


class NodeVethPairs(msgspec.Struct, frozen=True):
    """The veth pairs by interface number of their bridge port, and the other links of the node."""

    veth_pairs: Mapping[int, VethPair] = {}
    links: NodeLinks = NodeLinks()

    @property
    def unreadable(self) -> list[str]:
        """The names of the bridge ports whose far ends cannot be read."""
        return sorted(pair.veth.name for pair in self.veth_pairs.values() if not pair.is_readable)


class VethPairReader:
    """Reads the veth pairs of the network namespace of the thread that creates it."""

    def __init__(
        self, remembered: Mapping[int, FarEnd] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`remembered` is the far end of each port in the present program. Raises OSError if there is no netlink."""
        self._reader = VethReader()
        self._remembered = dict(remembered or {})
        self._clock = clock
        self._veth_pairs: dict[int, VethPair] = {}
        self._since: dict[int, float] = {}
        """When each veth pair appeared or, if that was later, first had an address."""
        self._has_read = False
        self._is_invalid = False

    def close(self) -> None:
        """Close the socket."""
        self._reader.close()

    def forget(self, ports: Iterable[int]) -> None:
        """Forget the veth pairs at these ports. They were removed, and new links may have the same numbers."""
        for number in ports:
            for known in (self._veth_pairs, self._since, self._remembered):
                known.pop(number, None)

    def invalidate(self) -> None:
        """Assume that any veth pair may have been replaced since the last reading.

        The next reading is like that of a new reader which remembers the certain veth pairs.
        """
        self._is_invalid = True

    def read(self) -> NodeVethPairs:
        """Read the present veth pairs and links. Raises OSError if the kernel refuses."""
        links = self._reader.links()
        ports = {veth.number: veth for veth in links.veths if veth.bridge and veth.far_end}
        self.forget([number for number, pair in self._veth_pairs.items() if ports.get(number) != pair.veth])
        if self._is_invalid:
            self._start_again()
        for number, veth in ports.items():
            if not self._has_settled(number):
                self._veth_pairs[number] = self._read_pair(veth)
        self._has_read, self._remembered = True, {}
        return NodeVethPairs(dict(self._veth_pairs), links)

    @property
    def next_reading(self) -> float | None:
        """Seconds after which to read again even if no link has changed; None if that is not needed.

        The kernel reports changes of a far end only in the network namespace of that end.
        """
        unsettled = [number for number in self._veth_pairs if not self._has_settled(number)]
        if not unsettled:
            return None
        # A pod may wait for the addresses of a young veth pair. An older one without addresses may never get any.
        return 0.1 if any(map(self._is_young, unsettled)) else 1.0

    def _start_again(self) -> None:
        self._remembered |= {
            number: FarEnd(pair.first | pair.link_local, pair.hardware_address)
            for number, pair in self._veth_pairs.items()
            if pair.is_certain
        }
        self._veth_pairs, self._since = {}, {}
        self._has_read = self._is_invalid = False

    def _has_settled(self, port: int) -> bool:
        return port in self._veth_pairs and bool(self._veth_pairs[port].first) and not self._is_young(port)

    def _is_young(self, port: int) -> bool:
        return self._clock() < self._since[port] + SETTLING

    def _read_pair(self, veth: Veth) -> VethPair:
        now = self._clock()
        self._since.setdefault(veth.number, now)
        before = self._veth_pairs.get(veth.number) or VethPair(veth, is_certain=self._has_read)
        try:
            end = self._reader.far_end(veth)
        except PermissionError:
            return msgspec.structs.replace(before, is_readable=False)
        if end is None:  # the pod has ended since the links were listed
            return msgspec.structs.replace(before, is_readable=True)
        found = _veth_pair(veth, end, is_certain=before.is_certain)
        known = self._remembered.get(veth.number)
        # An earlier agent has read this veth pair in time. If it still has one of those addresses, it is the same one.
        if known and not known.addresses.isdisjoint(found.addresses):
            # It counts as settled: what it has now may be the work of its containers.
            self._since[veth.number] = now - SETTLING
            return _veth_pair(veth, known, is_certain=True)
        if before.first:
            # A container may have added the later addresses, so they never count as first ones.
            return msgspec.structs.replace(found, first=before.first)
        if found.first:
            self._since[veth.number] = now
        return found


def _veth_pair(veth: Veth, end: FarEnd, *, is_certain: bool) -> VethPair:
    link_local = frozenset(filter(is_link_local, end.addresses))
    addresses = end.addresses - link_local
    return VethPair(veth, addresses, addresses, link_local, end.hardware_address, is_certain)


def is_link_local(address: Address) -> bool:
    """Whether an address is an IPv6 link-local one."""
    family, number = address
    return family is Family.IPV6 and number >> 118 == _LINK_LOCAL
