"""Denials: why packets were denied, in the words of the engine's explanation.

    prod/web -> prod/db TCP/3306 denied by ingress of prod/db-policy: no peer selects prod/web

If an administrator's policy denies the packet, only that policy and its rule are named.

A client whose connection is denied usually retries. So a denial is reported once; later reports say how often it was
repeated.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

import msgspec

from ringfence.agent.log import printable
from ringfence.dataplane.compile import PROTOCOL_NUMBERS
from ringfence.dataplane.packet_log import DenialCause, LoggedPacket
from ringfence.dataplane.program import Packet
from ringfence.engine.answers import (
    DecidingRule,
    End,
    Families,
    PolicyReason,
    SideReason,
    explain,
    reasons_by_tier,
)
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, Addresses, Family, address_text
from ringfence.sets.traffic import Traffic

_PROTOCOLS: Final = {number: name for name, number in PROTOCOL_NUMBERS.items()} | {1: "ICMP", 58: "ICMPv6"}
_MOST_REASONS: Final = 3
_MOST_POLICIES: Final = 10

_REASONS: Final = {
    DenialCause.UNKNOWN_POD: "no pod of this node is known to have this address yet",
    DenialCause.CLOSED: "its pod is closed, because its policies are not in force: an earlier line of the log says why",
    DenialCause.SOURCE: (
        "its source address does not belong to the link of the pod that sent it, or it is sent to a tunnel of nodes"
    ),
}


class Denial(msgspec.Struct, frozen=True):
    """One denied connection between pods (`prod/web`) or addresses. If not `dropped`, it passed (observe mode)."""

    source: str
    destination: str
    protocol: str
    port: int | None
    direction: Direction
    policies: tuple[str, ...]
    reason: str
    dropped: bool = True
    more_policies: int = 0
    """How many further policies select the pod."""

    def __str__(self) -> str:
        """`prod/web -> prod/db TCP/3306 denied by ingress of prod/db-policy: no peer selects prod/web`."""
        traffic = _traffic(self.protocol, self.port)
        verb = "denied" if self.dropped else "would be denied"
        by = f"{self.direction.field} of {', '.join(self.policies)}" if self.policies else self.direction.field
        by += f" and {self.more_policies} more" if self.more_policies else ""
        return f"{self.source} -> {self.destination} {traffic} {verb} by {by}: {self.reason}"


def _traffic(protocol: str, port: int | None) -> str:
    return protocol if port is None else f"{protocol}/{port}"


class _Explanation(NamedTuple):
    """Why a packet between two ends was denied. If not `explains`, the present state has no reason to deny it."""

    source: End
    destination: End
    policies: tuple[str, ...]
    reason: str
    explains: bool = True


def explain_denial(state: State, logged: LoggedPacket, *, dropped: bool) -> Denial:
    """The ends of a logged packet, and why it was denied.

    Several pods may have the same address for a short time, for example an old and a new one. The kernel allows such an
    address only what all of its pods are allowed, so the pod whose policies deny the packet is named.
    """
    packet = logged.packet
    sources, destinations = (_ends(state, packet.family, one) for one in (packet.source, packet.destination))
    explanations = (
        _explanation(state, logged, source, destination) for source, destination in product(sources, destinations)
    )
    # The others are made only if needed: one explanation can take 0.8 s.
    why = first = next(explanations)
    if not first.explains:
        subjects = sources if logged.direction is Direction.EGRESS else destinations
        why = next((one for one in explanations if one.explains), _shared_address(subjects, first))
    return _denial(logged, why, dropped=dropped)


def _denial(logged: LoggedPacket, why: _Explanation, *, dropped: bool) -> Denial:
    packet = logged.packet
    return Denial(
        _text(why.source, packet.family, packet.source),
        _text(why.destination, packet.family, packet.destination),
        _name(packet),
        packet.port,
        logged.direction,
        why.policies[:_MOST_POLICIES],
        why.reason,
        dropped,
        max(0, len(why.policies) - _MOST_POLICIES),
    )


def _ends(state: State, family: Family, number: int) -> Sequence[End]:
    return state.members_at(family, number) or [Addresses.in_family(family, ((number, number),))]


def _text(end: End, family: Family, number: int) -> str:
    return str(end) if isinstance(end, Member) else address_text(family, number)


def _name(packet: Packet) -> str:
    return _PROTOCOLS.get(packet.protocol, f"protocol {packet.protocol}")


def _explanation(state: State, logged: LoggedPacket, source: End, destination: End) -> _Explanation:
    subject = source if logged.direction is Direction.EGRESS else destination
    if logged.cause is not DenialCause.POLICY:
        # A closed address may be shared by several pods. Then that may be the reason, so this one is not certain.
        is_certain = logged.cause is not DenialCause.CLOSED
        return _Explanation(source, destination, (), _REASONS[logged.cause], explains=is_certain)
    if not isinstance(subject, Member):
        return _Explanation(source, destination, (), "its pod no longer exists")
    side = _side(state, logged, source, destination)
    if side.allowed:  # the policies have changed since the packet was dropped
        policies = tuple(_policy_text(one) for one in side.policies)
        return _Explanation(source, destination, policies, "it is allowed now", explains=False)
    if by := _deciding_rule(state, logged, source, destination):
        reason = f"{_rule_text(by)} denies it: {by.rule.reason}"
        return _Explanation(source, destination, (_policy_text(by.policy),), reason)
    isolating = [one for one in side.policies if one.tier == NETWORK_POLICY_TIER]
    policies = tuple(_policy_text(one) for one in isolating)
    return _Explanation(source, destination, policies, _reason(isolating, logged.packet))


def _side(state: State, logged: LoggedPacket, source: End, destination: End, over: Families = FAMILIES) -> SideReason:
    reasons = explain(state, source, destination, _asked(logged.packet), over)
    return reasons.egress if logged.direction is Direction.EGRESS else reasons.ingress


def _deciding_rule(state: State, logged: LoggedPacket, source: End, destination: End) -> DecidingRule | None:
    """The rule of an administrators' policy that denies a packet; None if NetworkPolicies do."""
    side = _side(state, logged, source, destination, (logged.packet.family,))
    tiers = reasons_by_tier(side, _asked(logged.packet))
    return next((tier.by for tier in tiers if tier.decision is Action.DENY), None)


def _policy_text(reason: PolicyReason) -> str:
    """`prod/db-policy`, or `ClusterNetworkPolicy guard (Admin)`."""
    policy = reason.policy
    return str(policy) if policy.namespace else f"{policy.kind_name} {policy.name} ({reason.tier})"


def _rule_text(by: DecidingRule) -> str:
    return f"rule {by.rule.index}" + (f" ({printable(by.rule.name)})" if by.rule.name else "")


def _shared_address(subjects: Sequence[End], why: _Explanation) -> _Explanation:
    """Explain a denial that no policy explains by pods that share an address: it is closed if their rules differ."""
    if len(subjects) == 1:
        return why
    return why._replace(reason=f"its address is shared by {' and '.join(map(str, subjects[:_MOST_REASONS]))}")


def _asked(packet: Packet) -> Traffic:
    protocol = _PROTOCOLS.get(packet.protocol)
    if protocol in PROTOCOL_NUMBERS and packet.port:
        return Traffic.of(protocol, ((packet.port, packet.port),))
    return Traffic(other=True)


def _reason(policies: Iterable[PolicyReason], packet: Packet) -> str:
    reasons = list(dict.fromkeys(reason for policy in policies for reason in _reasons(policy, packet)))
    more = len(reasons) - _MOST_REASONS
    return "; ".join(reasons[:_MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")


def _reasons(policy: PolicyReason, packet: Packet) -> Iterator[str]:
    if not policy.rules:
        yield "it allows nothing"
    for rule in policy.rules:
        if rule.allows:  # over the other address family: this one has partial peers
            yield from (peer.reason for peer in rule.peers if peer.partial)
        elif rule.selects and not packet.port:
            yield f"a rule about ports allows no {_traffic(_name(packet), packet.port)}"
        else:
            yield rule.reason


# --- time ----------------------------------------------------------------------------------------------------------

_SHARE: Final = 1 / 20
_AT_ONCE: Final = 0.1
"""The share of the time that explanations may take, and the seconds that may be spent without a pause.

An explanation evaluates all rules of the pod's policies: it takes 0.3 ms for a few policies and 0.8 s for 10,000.
"""

_UNEXPLAINED: Final = "not explained: explanations of denied packets take too long"


class Explanations:
    """Explains denials in a limited share of the time. `clock` returns monotonic seconds."""

    def __init__(self, state: State, clock: Callable[[], float], *, dropped: bool) -> None:
        self._state = state
        self._clock = clock
        self._dropped = dropped
        self._left = _AT_ONCE
        self._left_at = clock()

    def explain(self, logged: LoggedPacket) -> Denial:
        """The ends of a logged packet, and why it was denied unless explanations have used their share of the time."""
        began = self._clock()
        # A token bucket: `_SHARE` seconds per second flow in, and it holds `_AT_ONCE` seconds at most.
        self._left = min(self._left + _SHARE * (began - self._left_at), _AT_ONCE)
        self._left_at = began
        if self._left <= 0:
            return _unexplained(self._state, logged, dropped=self._dropped)
        denial = explain_denial(self._state, logged, dropped=self._dropped)
        self._left -= self._clock() - began
        return denial


def _unexplained(state: State, logged: LoggedPacket, *, dropped: bool) -> Denial:
    packet = logged.packet
    source, destination = (_ends(state, packet.family, one)[0] for one in (packet.source, packet.destination))
    return _denial(logged, _Explanation(source, destination, (), _UNEXPLAINED), dropped=dropped)


# --- repetitions ---------------------------------------------------------------------------------------------------

REPEAT_INTERVAL: Final = 30.0
"""Seconds for which the same denial is only counted."""

_REMEMBERED: Final = 1_000


class _Report(NamedTuple):
    at: float
    repeated: int


class Repetitions:
    """The recently reported denials. At most `_REMEMBERED` are kept; the oldest reports are forgotten first."""

    def __init__(self) -> None:
        self._reports: dict[Denial, _Report] = {}

    def add(self, denial: Denial, now: float) -> int | None:
        """How often a denial was repeated since its last report; None if it is too early to report it again."""
        report = self._reports.get(denial)
        if report and now < report.at + REPEAT_INTERVAL:
            self._reports[denial] = _Report(report.at, report.repeated + 1)
            return None
        self._note(denial, now)
        return report.repeated if report else 0

    def overdue(self, now: float) -> Iterator[tuple[Denial, int]]:
        """The repeated denials whose interval is over, with the number of repetitions; each counts as reported now.

        As in `add`, the number does not include the last repetition: that one is the report itself.
        """
        over = [
            (denial, report.repeated) for denial, report in self._reports.items() if now >= report.at + REPEAT_INTERVAL
        ]
        for denial, repeated in over:
            if repeated:
                self._note(denial, now)
                yield denial, repeated - 1
            else:
                del self._reports[denial]

    def _note(self, denial: Denial, now: float) -> None:
        # Removed and inserted again, because the order of the dictionary is the order of the reports.
        self._reports.pop(denial, None)
        if len(self._reports) >= _REMEMBERED:
            del self._reports[next(iter(self._reports))]
        self._reports[denial] = _Report(now, 0)
