"""Adoption of connections that were open before the kernel tracked any.

The kernel tracks no connections on a node where nothing needs it, and another program can exempt some. Rules that drop
packets immediately would treat the first packet that they see of such a connection as one that opens it. If that is an
answer, they would drop it and each repetition. So the first program only observes for some seconds. Then each
connection that was found in this time is judged by which side seems to be the client. If the kernel has taken the
server for the client, the two are reversed in the kernel's connection table. From then on the table is correct, also
for the next process.

The ports show which side is the client. Systems choose the ports of clients from 32768 on, where few servers listen;
ports below 1024 belong to servers, and the ports in between are less certain. If both ports are in the same range, the
ports do not decide. Then the side that policies allow to open the connection counts as the client.

A connection in which nothing is sent in these seconds is not adopted. If the server sends first later, in a direction
in which policies allow nothing, the connection stalls until the client sends something. Of an SCTP association, only
HEARTBEATs are recognised; by default one is sent every 30 seconds on an idle path.

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
"""The first port that any program may use, and the first one that systems choose for clients."""


class Adopted(NamedTuple):
    """How many connections were found, how many of them were reversed, and for how many the ports did not decide."""

    connections: int
    reversed: int
    ambiguous: int


class Adoption:
    """Finds connections in the network namespace of the thread that creates it."""

    def __init__(self) -> None:
        """Note the tracked connections. Create this before any rule that makes the kernel track connections.

        Raises KernelError if the kernel or the user's rights do not allow it.
        """
        self._known: frozenset[bytes] = frozenset()
        try:
            with closing(NetlinkSocket(NETLINK_NETFILTER)) as netlink:
                self.is_needed = count_connections(netlink) == 0 or exempts_from_tracking(netlink)
                """Whether untracked connections may be open."""
                if self.is_needed:
                    self._known = frozenset(map(read_identifier, _entries(netlink)))
        except OSError as error:
            raise unusable(error) from error

    def end(self, program: Program) -> Adopted:
        """Adopt the connections that were tracked since the start, as `program`, which is enforced next, judges them.

        No rule may drop packets before this. Raises KernelError if the kernel refuses.
        """
        connections = reversals = ambiguous = 0
        try:
            with closing(NetlinkSocket(NETLINK_NETFILTER)) as netlink, closing(NetlinkSocket(NETLINK_ROUTE)) as routes:
                node = list_addresses(routes)
                # A complete list, because `reverse` uses the same socket, which is occupied as long as it lists.
                for entry in [one for one in _entries(netlink) if self._is_new(one)]:
                    connections += 1
                    is_reversed = _server_sent_first(entry)
                    if is_reversed is None:
                        ambiguous += 1
                        is_reversed = _only_reversed_is_allowed(program, entry, node)
                    if is_reversed:
                        reversals += reverse(netlink, entry)
        except OSError as error:
            raise unusable(error) from error
        return Adopted(connections, reversals, ambiguous)

    def _is_new(self, entry: bytes) -> bool:
        return read_identifier(entry) not in self._known and _has_ports(entry) and may_be_reversed(entry)


def _entries(netlink: NetlinkSocket) -> Iterator[bytes]:
    return (entry for entries in connection_entries(netlink) for entry in entries)


def _has_ports(entry: bytes) -> bool:
    return all(end.port is not None for end in read_connection(entry).original)


def _server_sent_first(entry: bytes) -> bool | None:
    """Whether the kernel has taken the server for the client; None if the ports do not decide."""
    # 0 is a port of servers, 1 one in between, 2 one of clients. The side with the lower kind is the server.
    source, destination = (bisect_right(_KINDS_OF_PORTS, end.port or 0) for end in read_connection(entry).original)
    return None if source == destination else source < destination


def _only_reversed_is_allowed(program: Program, entry: bytes, node: Addresses) -> bool:
    seen = opening_packet(read_opening(entry))
    return not may_open(program, seen, node) and may_open(program, _reversed(seen, entry), node)


def _reversed(seen: Packet, entry: bytes) -> Packet:
    """The packet that opened the connection, if the other side opened it."""
    port = read_connection(entry).original[0].port
    return msgspec.structs.replace(seen, source=seen.destination, destination=seen.source, port=port)
