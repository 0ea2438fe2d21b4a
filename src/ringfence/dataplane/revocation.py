"""Revocation: which tracked connections a program no longer allows.

A tightened policy has to end the connections that it forbids, but the rules accept all packets of tracked connections.
Deleting the entry of a connection would not end it: if the isolated server sends next, its packet opens a new
connection in the other direction, and the client's packets pass as replies. So the entries stay, and their identifiers
are added to the set `revoked`, which the rules check first.
"""

from collections.abc import Iterable, Set
from typing import Final

from ringfence.dataplane.program import Hook, Packet, Program, admits
from ringfence.dataplane.update import AffectedAddresses
from ringfence.netlink.conntrack import Opening, read_identifier, read_opening
from ringfence.sets.addresses import Addresses, Family

_MOST_REMEMBERED: Final = 10_000
"""Verdicts that are cached: a client often has many connections to the same server, which are judged once."""

_IPV4_SIZE: Final = 4


def opening_packet(opening: Opening) -> Packet:
    """The packet that opened a connection, as policies see it.

    Policies apply after destinations are translated and before sources are. So the destination is the pod behind a
    Service, and the source is the pod that sent the packet.
    """
    family = Family.IPV4 if len(opening.source) == _IPV4_SIZE else Family.IPV6
    port = None if opening.port is None else int.from_bytes(opening.port, "big")
    ends = int.from_bytes(opening.source, "big"), int.from_bytes(opening.destination, "big")
    return Packet(family, *ends, opening.protocol[0], port)


def may_open(program: Program, packet: Packet, node: Addresses) -> bool:
    """Whether a packet that opens a connection passes on the node with the addresses `node`.

    Connections that the node itself opens are subject to no policy. A packet to the node meets the rules of the input
    hook. The forward hook would drop packets to the node's address on the bridge of its pods, because that address is
    in a held range and belongs to no pod.
    """
    if node.contains(packet.family, packet.source):
        return True
    hook = Hook.INPUT if node.contains(packet.family, packet.destination) else Hook.FORWARD
    return admits(program, packet, hook)


class Review:
    """Judges tracked connections in pieces: those of `affected` addresses, and those that are already revoked."""

    def __init__(self, node: Addresses, affected: AffectedAddresses) -> None:
        self._node = node
        self._affected = affected
        self._program: Program | None = None
        self._verdicts: dict[Opening, bool] = {}
        self.forbidden: set[bytes] = set()
        """The keys of connections to revoke."""
        self.allowed: set[bytes] = set()
        """The keys of revoked connections to release."""
        self.seen: set[bytes] = set()
        """The keys of revoked connections that were found, so they have not ended."""

    def judge(self, program: Program, revoked: Set[bytes], entries: Iterable[bytes]) -> None:
        """Judge the connections `entries` by the program in force. `revoked` are the keys that are revoked now."""
        # Programs do not change, so identity is enough. A cached verdict is valid for one program only.
        if program is not self._program or len(self._verdicts) > _MOST_REMEMBERED:
            self._program, self._verdicts = program, {}
        for entry in entries:
            opening = read_opening(entry)
            is_affected = self._is_affected(opening)
            if not (is_affected or revoked):
                continue
            identifier = read_identifier(entry)
            is_revoked = identifier in revoked
            if is_revoked:
                self.seen.add(identifier)
            # Only differences are noted: a revoked connection that is allowed, or a forbidden one that is not revoked.
            if (is_affected or is_revoked) and self._allows(program, opening) is is_revoked:
                (self.allowed if is_revoked else self.forbidden).add(identifier)

    def _is_affected(self, opening: Opening) -> bool:
        affected = self._affected
        return affected is None or opening.source in affected or opening.destination in affected

    def _allows(self, program: Program, opening: Opening) -> bool:
        verdict = self._verdicts.get(opening)
        if verdict is None:
            verdict = self._verdicts[opening] = may_open(program, opening_packet(opening), self._node)
        return verdict
