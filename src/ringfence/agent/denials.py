"""Denials: why packets were not let through, in the words of the engine's own explanation.

    prod/web -> prod/db TCP/3306 denied by ingress of prod/db-policy: no peer selects prod/web

The same denial again and again is told once, and then how often it came since: a client that tries does not stop.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.compile import PROTOCOL_NUMBERS
from ringfence.dataplane.packet_log import LoggedPacket
from ringfence.dataplane.program import Packet
from ringfence.engine.answers import End, PolicyReason, SideReason, explain
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses, Family, address_text
from ringfence.sets.traffic import Traffic

_PROTOCOLS: Final = {number: name for name, number in PROTOCOL_NUMBERS.items()} | {1: "ICMP", 58: "ICMPv6"}
_REASONS_TOLD: Final = 3


class Denial(msgspec.Struct, frozen=True):
    """One connection that was not allowed; ends are pods (`prod/web`) or addresses. Unless `dropped`, it passed."""

    source: str
    destination: str
    protocol: str
    port: int | None
    direction: Direction
    policies: tuple[str, ...]
    reason: str
    dropped: bool = True

    def __str__(self) -> str:
        """`prod/web -> prod/db TCP/3306 denied by ingress of prod/db-policy: no peer selects prod/web`."""
        traffic = _traffic(self.protocol, self.port)
        verb = "denied" if self.dropped else "would be denied"
        by = f"{self.direction.field} of {', '.join(self.policies)}" if self.policies else self.direction.field
        return f"{self.source} -> {self.destination} {traffic} {verb} by {by}: {self.reason}"


def _traffic(protocol: str, port: int | None) -> str:
    return protocol if port is None else f"{protocol}/{port}"


class _Why(NamedTuple):
    """Why a packet between two ends was denied; whether this is the reason, as far as the state knows it now."""

    source: End
    destination: End
    policies: tuple[str, ...]
    reason: str
    explains: bool = True


def explained(state: State, logged: LoggedPacket, *, dropped: bool) -> Denial:
    """What a logged packet was, and why it was denied.

    Of several pods that claim one address, as an old and a new one may for a while, those are named whose policies deny
    it: the kernel grants an address only what all of them are allowed.
    """
    packet = logged.packet
    sources, destinations = (_ends(state, packet.family, one) for one in (packet.source, packet.destination))
    whys = [_why(state, logged, source, destination) for source, destination in product(sources, destinations)]
    subjects = sources if logged.direction is Direction.EGRESS else destinations
    why = next((one for one in whys if one.explains), None) or _not_alike(subjects, whys[0])
    return Denial(
        _text(why.source, packet.family, packet.source),
        _text(why.destination, packet.family, packet.destination),
        _name(packet),
        packet.port,
        logged.direction,
        why.policies,
        why.reason,
        dropped,
    )


def _ends(state: State, family: Family, number: int) -> Sequence[End]:
    return state.members_at(family, number) or [Addresses.in_family(family, ((number, number),))]


def _text(end: End, family: Family, number: int) -> str:
    return str(end) if isinstance(end, Member) else address_text(family, number)


def _name(packet: Packet) -> str:
    return _PROTOCOLS.get(packet.protocol, f"protocol {packet.protocol}")


def _why(state: State, logged: LoggedPacket, source: End, destination: End) -> _Why:
    subject = source if logged.direction is Direction.EGRESS else destination
    if logged.held:
        return _Why(source, destination, (), "no pod of this node is known to have this address yet")
    if not isinstance(subject, Member):
        return _Why(source, destination, (), "its pod is gone")
    reasons = explain(state, source, destination, _asked(logged.packet))
    side = reasons.egress if logged.direction is Direction.EGRESS else reasons.ingress
    policies = tuple(f"{one.policy.namespace}/{one.policy.name}" for one in side.policies)
    if side.allowed:  # the policies have changed since the packet was dropped
        return _Why(source, destination, policies, "it is allowed now", explains=False)
    return _Why(source, destination, policies, _reason(side, logged.packet))


def _not_alike(subjects: Sequence[End], why: _Why) -> _Why:
    """No policy explains it; that several pods claim the address may: they are denied what they are not all allowed."""
    if len(subjects) == 1:
        return why
    return why._replace(reason=f"its address is claimed by {' and '.join(map(str, subjects[:_REASONS_TOLD]))}")


def _asked(packet: Packet) -> Traffic:
    protocol = _PROTOCOLS.get(packet.protocol)
    if protocol in PROTOCOL_NUMBERS and packet.port:
        return Traffic.of(protocol, ((packet.port, packet.port),))
    return Traffic(other=True)


def _reason(side: SideReason, packet: Packet) -> str:
    reasons = list(dict.fromkeys(reason for policy in side.policies for reason in _reasons(policy, packet)))
    more = len(reasons) - _REASONS_TOLD
    return "; ".join(reasons[:_REASONS_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _reasons(policy: PolicyReason, packet: Packet) -> Iterator[str]:
    if not policy.rules:
        yield "it allows nothing"
    for rule in policy.rules:
        if rule.allows:  # but not over the packet's address family
            yield from (peer.reason for peer in rule.peers if peer.partial)
        elif rule.selects and not packet.port:
            yield f"a rule about ports allows no {_traffic(_name(packet), packet.port)}"
        else:
            yield rule.reason


# --- saying it once ---------------------------------------------------------------------------------------------------

QUIET: Final = 30.0
"""Seconds for which the same denial is only counted."""

_REMEMBERED: Final = 1_000


class _Said(NamedTuple):
    at: float
    repeated: int


class Repetitions:
    """Which denials were told lately. Memory is bounded: those told longest ago are forgotten first."""

    def __init__(self) -> None:
        self._said: dict[Denial, _Said] = {}

    def to_tell(self, denial: Denial, now: float) -> int | None:
        """How often a denial came since it was told last; None if it is too early to tell it again."""
        said = self._said.get(denial)
        if said and now < said.at + QUIET:
            self._said[denial] = _Said(said.at, said.repeated + 1)
            return None
        self._tell(denial, now)
        return said.repeated if said else 0

    def overdue(self, now: float) -> Iterator[tuple[Denial, int]]:
        """The denials that came again while it was too early to tell: to be told now, the last time they came.

        As in `to_tell`, the number says how often they had come before that, since they were told.
        """
        over = [(denial, said.repeated) for denial, said in self._said.items() if now >= said.at + QUIET]
        for denial, repeated in over:
            if repeated:
                self._tell(denial, now)
                yield denial, repeated - 1
            else:
                del self._said[denial]

    def _tell(self, denial: Denial, now: float) -> None:
        self._said.pop(denial, None)
        if len(self._said) >= _REMEMBERED:
            del self._said[next(iter(self._said))]
        self._said[denial] = _Said(now, 0)
