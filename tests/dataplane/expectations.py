"""The engine's verdicts on packets between addresses. Every program must agree with them."""

from collections.abc import Callable, Iterator

from ringfence.dataplane.compile import PROTOCOL_NUMBERS
from ringfence.dataplane.program import Packet
from ringfence.engine.policies import PortQuestion
from ringfence.engine.population.pods import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family

ICMP = {Family.IPV4: 1, Family.IPV6: 58}
_PROTOCOLS = {number: protocol for protocol, number in PROTOCOL_NUMBERS.items()}


def is_allowed(state: State, packet: Packet, is_local: Callable[[Member], bool] = lambda member: True) -> bool:
    """Whether the policies of the local pods at the two ends allow a connection to open."""
    source, destination = (_pod_at(state, packet.family, end) for end in (packet.source, packet.destination))
    if source is not None and source is destination:
        return True
    return all(
        _side_allows(state, subject, direction, peer, address, packet)
        for subject, direction, peer, address in (
            (source, Direction.EGRESS, destination, packet.destination),
            (destination, Direction.INGRESS, source, packet.source),
        )
        if subject is not None and is_local(subject)
    )


def addresses_of(state: State) -> Iterator[tuple[Family, int]]:
    """The addresses of all pods."""
    for member in state.members():
        if not member.host_network:
            yield from member.addresses


def _side_allows(
    state: State, subject: Member, direction: Direction, peer: Member | None, address: int, packet: Packet
) -> bool:
    identity = state.identity(subject)
    if peer is not None and packet.port is not None:
        protocol = _PROTOCOLS[packet.protocol]
        question = PortQuestion(packet.family, protocol, packet.port)
        return state.tiers.allows(identity, direction, state.identity(peer), question)
    if peer is not None:
        bit = 1 << state.identity(peer).bit
        pods = state.tiers.allowed_peers(identity, direction, packet.family)
        return any(traffic.other for peers, traffic in pods if peers & bit)
    outside = Addresses.in_family(packet.family, ((address, address),))
    for addresses, traffic in state.tiers.allowed_addresses(identity, direction):
        if addresses & outside:
            return traffic.other if packet.port is None else traffic.contains(_PROTOCOLS[packet.protocol], packet.port)
    raise AssertionError("the cells do not cover all addresses")


def _pod_at(state: State, family: Family, address: int) -> Member | None:
    return next(iter(state.members_at(family, address)), None)
