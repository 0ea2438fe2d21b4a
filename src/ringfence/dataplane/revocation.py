"""Revocation: which tracked connections a program no longer allows.

A tightened policy is meant to end what it forbids, but the rules accept packets of a connection that was accepted
before. To delete its entry would not end it: if the isolated server speaks next, its packet opens a new connection in
the other direction, and the client's packets come back in as replies. So entries stay, and their identifiers go into
the set `revoked`, which the rules ask before everything else.
"""

from collections.abc import Iterable, Iterator

from ringfence.dataplane.program import Hook, Packet, Program, address_key, admits
from ringfence.dataplane.update import AffectedAddresses
from ringfence.netlink.conntrack import TrackedConnection
from ringfence.sets.addresses import Addresses


def opening_packet(connection: TrackedConnection) -> Packet:
    """The packet that opened a connection, as policies see it.

    They apply after destinations are translated and before sources are, so it goes to the pod behind a Service and
    comes from the pod that sent it.
    """
    source, destination = connection.original[0], connection.reply[0]
    return Packet(connection.family, source.address, destination.address, connection.protocol, destination.port)


def forbidden_connections(
    program: Program,
    connections: Iterable[TrackedConnection],
    node: Addresses,
    affected: AffectedAddresses = None,
) -> Iterator[TrackedConnection]:
    """Of the connections of `affected` addresses, those that `program` would not let open now.

    What the `node` opened from its own addresses is subject to no policy.
    """
    verdicts: dict[Packet, bool] = {}
    for connection in connections:
        packet = opening_packet(connection)
        if packet not in verdicts:
            verdicts[packet] = not concerns(affected, packet) or may_open(program, packet, node)
        if not verdicts[packet]:
            yield connection


def may_open(program: Program, packet: Packet, node: Addresses) -> bool:
    """Whether a packet that opens a connection passes on the node that has these addresses.

    A packet to the node itself meets the rules of the input hook. Those of the forward hook would drop one to the
    address that the node has on its pods' bridge: it lies in a held range, and belongs to no pod.
    """
    if node.contains(packet.family, packet.source):
        return True
    hook = Hook.INPUT if node.contains(packet.family, packet.destination) else Hook.FORWARD
    return admits(program, packet, hook)


def concerns(affected: AffectedAddresses, packet: Packet) -> bool:
    """Whether either end of a packet is among some affected addresses."""
    return affected is None or any(
        address_key(packet.family, end) in affected for end in (packet.source, packet.destination)
    )
