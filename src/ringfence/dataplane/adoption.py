"""Adoption: connections that were open before the kernel tracked any.

On a node where nothing asks for it, the kernel tracks no connections, and another program can exempt some. Rules that
begin to drop at once would take the first packet that they see for one that opens a connection: an answer would be
dropped, and come again, and be dropped again. So a program first only observes for some seconds. Then each connection
that was found meanwhile is judged by who seems to be the client, and where the kernel has taken the server for it, the
two change places in the kernel's table. From then on the table is right, also for the next process.

The ports show which side is the client: systems choose those of clients from 32768 on, servers seldom have such,
and those below 1024 are servers' before all others. Where both are of one kind, the ports do not tell: then the side
counts that policies allow to open the connection.

What cannot be adopted: a connection in which nothing is sent meanwhile, and of which later the server sends first, in a
direction in which policies allow nothing. It goes on when the client sends something. Of an SCTP association, only its
HEARTBEATs count as something: by default there is one every 30 seconds on a path that is idle.

Source: `Documentation/networking/ip-sysctl.rst` (`ip_local_port_range`) of the kernel; RFC 6335, section 6.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.nftables import exempts_from_tracking
from ringfence.dataplane.program import Packet, Program
from ringfence.dataplane.revocation import may_open, opening_packet
from ringfence.dataplane.table import unusable
from ringfence.netlink.addresses import list_addresses
from ringfence.netlink.conntrack import connection_entries, read_connection, read_identifier, read_opening
from ringfence.netlink.conntrack_reversal import count_connections, may_be_reversed, reverse
from ringfence.netlink.constants import NETLINK_NETFILTER, NETLINK_ROUTE
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Addresses

_KINDS_OF_PORTS: Final = (1024, 32768)
"""Where the ports begin that any program may choose, and those that systems choose for clients."""


class Adopted(NamedTuple):
    """How many connections were found, in how many client and server changed places, and of how many it is not known
    who opened them."""

    connections: int
    reversed: int
    untold: int


class Adoption:
    """Finds connections in the network namespace in which the calling thread is when this is made."""

    def __init__(self) -> None:
        """To be made before the kernel is asked for anything for which it begins to track connections.

        Raises KernelError where the kernel or the user's rights do not allow it.
        """
        self._known: frozenset[bytes] = frozenset()
        try:
            with closing(NetlinkSocket(NETLINK_NETFILTER)) as netlink:
                self.is_needed = count_connections(netlink) == 0 or exempts_from_tracking(netlink)
                """Whether connections may be open that are not tracked."""
                if self.is_needed:
                    self._known = frozenset(map(read_identifier, _entries(netlink)))
        except OSError as error:
            raise unusable(error) from error

    def end(self, program: Program) -> Adopted:
        """Adopt what has been tracked since the beginning, by the program that is to be in force.

        Until then, no rule may drop anything. Raises KernelError where the kernel refuses.
        """
        connections = reversals = untold = 0
        try:
            with closing(NetlinkSocket(NETLINK_NETFILTER)) as netlink, closing(NetlinkSocket(NETLINK_ROUTE)) as routes:
                node = list_addresses(routes)
                for entry in [one for one in _entries(netlink) if self._is_new(one)]:
                    connections += 1
                    is_told = _server_sent_first(entry)
                    untold += is_told is None
                    if is_told or (is_told is None and _only_reversed_is_allowed(program, entry, node)):
                        reversals += reverse(netlink, entry)
        except OSError as error:
            raise unusable(error) from error
        return Adopted(connections, reversals, untold)

    def _is_new(self, entry: bytes) -> bool:
        return read_identifier(entry) not in self._known and _has_ports(entry) and may_be_reversed(entry)


def _entries(netlink: NetlinkSocket) -> Iterator[bytes]:
    return (entry for entries in connection_entries(netlink) for entry in entries)


def _has_ports(entry: bytes) -> bool:
    return all(end.port is not None for end in read_connection(entry).original)


def _server_sent_first(entry: bytes) -> bool | None:
    """Whether the kernel has taken the server for the client; None if the ports do not tell."""
    source, destination = (bisect_right(_KINDS_OF_PORTS, end.port or 0) for end in read_connection(entry).original)
    return None if source == destination else source < destination


def _only_reversed_is_allowed(program: Program, entry: bytes, node: Addresses) -> bool:
    seen = opening_packet(read_opening(entry))
    return not may_open(program, seen, node) and may_open(program, _reversed(seen, entry), node)


def _reversed(seen: Packet, entry: bytes) -> Packet:
    """The packet that opened the connection if the other side did."""
    port = read_connection(entry).original[0].port
    return msgspec.structs.replace(seen, source=seen.destination, destination=seen.source, port=port)
