"""Denials: why packets were not let through, in the words of the engine's own explanation.

    prod/web -> prod/db TCP/3306 denied by ingress of prod/db-policy: no peer selects prod/web

The same denial again and again is told once, and then how often it came since: a client that tries does not stop.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from ringfence.dataplane.evaluation import Packet
from ringfence.dataplane.packet_log import Logged
from ringfence.dataplane.peers import PROTOCOL_NUMBERS
from ringfence.engine.explanations import PolicyReason, SideReason, explain
from ringfence.engine.pods import Member
from ringfence.engine.state import State
from ringfence.engine.verdicts import End
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
        traffic = self.protocol if self.port is None else f"{self.protocol}/{self.port}"
        verb = "denied" if self.dropped else "would be denied"
        by = f"{self.direction.field} of {', '.join(self.policies)}" if self.policies else self.direction.field
        return f"{self.source} -> {self.destination} {traffic} {verb} by {by}: {self.reason}"


def explained(state: State, logged: Logged, *, dropped: bool) -> Denial:
    """What a logged packet was, and why it was denied."""
    packet = logged.packet
    source, destination = (_end(state, packet.family, one) for one in (packet.source, packet.destination))
    protocol = _PROTOCOLS.get(packet.protocol, f"protocol {packet.protocol}")
    policies, reason = _why(state, logged, source, destination)
    return Denial(
        _text(source, packet.family, packet.source),
        _text(destination, packet.family, packet.destination),
        protocol,
        packet.port,
        logged.direction,
        policies,
        reason,
        dropped,
    )


def _end(state: State, family: Family, number: int) -> End:
    members = state.members_at(family, number)
    return members[0] if members else Addresses.in_family(family, ((number, number),))


def _text(end: End, family: Family, number: int) -> str:
    return str(end) if isinstance(end, Member) else address_text(family, number)


def _why(state: State, logged: Logged, source: End, destination: End) -> tuple[tuple[str, ...], str]:
    """The policies that isolate, and the reason."""
    subject = source if logged.direction is Direction.EGRESS else destination
    if logged.held:
        return (), "no pod of this node is known to have this address yet"
    if not isinstance(subject, Member):
        return (), "its pod is gone"
    reasons = explain(state, source, destination, _asked(logged.packet))
    side = reasons.egress if logged.direction is Direction.EGRESS else reasons.ingress
    policies = tuple(f"{one.policy.namespace}/{one.policy.name}" for one in side.policies)
    return policies, _reason(side)


def _asked(packet: Packet) -> Traffic:
    protocol = _PROTOCOLS.get(packet.protocol)
    if protocol in PROTOCOL_NUMBERS and packet.port:
        return Traffic.of(protocol, ((packet.port, packet.port),))
    return Traffic(other=True)


def _reason(side: SideReason) -> str:
    if side.allowed:
        return "it is allowed now"  # the policies have changed since the packet was dropped
    reasons = list(dict.fromkeys(reason for policy in side.policies for reason in _reasons(policy)))
    more = len(reasons) - _REASONS_TOLD
    return "; ".join(reasons[:_REASONS_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _reasons(policy: PolicyReason) -> Iterable[str]:
    if not policy.rules:
        return ["it allows nothing"]
    return [rule.reason for rule in policy.rules]


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
        self._said.pop(denial, None)
        if len(self._said) >= _REMEMBERED:
            del self._said[next(iter(self._said))]
        self._said[denial] = _Said(now, 0)
        return said.repeated if said else 0
