"""Revocation: which tracked connections a program no longer allows.

A tightened policy is meant to end what it forbids, but the rules accept packets of a connection that was accepted
before. To delete its entry would not end it: if the isolated server speaks next, its packet opens a new connection in
the other direction, and the client's packets come back in as replies. So entries stay, and their identifiers go into
the set `revoked`, which the rules ask before everything else.
"""

from collections.abc import Iterable, Set
from typing import Final

from ringfence.dataplane.program import Hook, Packet, Program, admits
from ringfence.dataplane.update import AffectedAddresses
from ringfence.netlink.conntrack import Opening, read_identifier, read_opening
from ringfence.sets.addresses import Addresses, Family

_MOST_REMEMBERED: Final = 10_000
"""Verdicts: the connections of a client to a server are many, and are judged once."""

_IPV4_SIZE: Final = 4


def opening_packet(opening: Opening) -> Packet:
    """The packet that opened a connection, as policies see it.

    They apply after destinations are translated and before sources are, so it goes to the pod behind a Service and
    comes from the pod that sent it.
    """
    family = Family.IPV4 if len(opening.source) == _IPV4_SIZE else Family.IPV6
    port = None if opening.port is None else int.from_bytes(opening.port, "big")
    ends = int.from_bytes(opening.source, "big"), int.from_bytes(opening.destination, "big")
    return Packet(family, *ends, opening.protocol[0], port)


def may_open(program: Program, packet: Packet, node: Addresses) -> bool:
    """Whether a packet that opens a connection passes on the node that has these addresses.

    What the node opened itself is subject to no policy. A packet to the node meets the rules of the input hook. Those
    of the forward hook would drop one to the address that the node has on its pods' bridge: it lies in a held range,
    and belongs to no pod.
    """
    if node.contains(packet.family, packet.source):
        return True
    hook = Hook.INPUT if node.contains(packet.family, packet.destination) else Hook.FORWARD
    return admits(program, packet, hook)


class Review:
    """Judges tracked connections piece by piece: those of `affected` addresses, and those that are revoked already."""

    def __init__(self, node: Addresses, affected: AffectedAddresses) -> None:
        self._node = node
        self._affected = affected
        self._program: Program | None = None
        self._verdicts: dict[Opening, bool] = {}
        self.forbidden: set[bytes] = set()
        """The keys of connections that are to be revoked."""
        self.allowed: set[bytes] = set()
        """The keys of revoked connections that are to be so no longer."""
        self.seen: set[bytes] = set()
        """The keys of revoked connections that have been found, and so have not ended."""

    def judge(self, program: Program, revoked: Set[bytes], entries: Iterable[bytes]) -> None:
        """Judge some connections by the program that is in force now, while these are revoked."""
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
