"""The traffic allowed between the ends of one pair, and the reasons."""

import msgspec

from ringfence.analysis.questions.pairs import ExplainedPair, Pair
from ringfence.engine.answers import (
    End,
    LedPort,
    PairReason,
    allows,
    explain,
    explain_again,
    explain_through_service,
    traffic_between,
    traffic_by_part,
    traffic_through_service,
)
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.sets.traffic import Traffic


def passes(state: State, pair: Pair) -> bool:
    """Whether all asked traffic is allowed."""
    on_one_port = passes_on_one_port(state, pair)
    if on_one_port is not None:
        return on_one_port
    return not any(pair.asked_traffic - allowed for _, _, allowed in divided(state, pair))


def passes_partly(state: State, pair: Pair) -> bool:
    """Whether any of the asked traffic is allowed, for any of its addresses."""
    # One port between two pods is allowed or not. Dividing all traffic for it took four times as long.
    on_one_port = passes_on_one_port(state, pair)
    if on_one_port is not None:
        return on_one_port
    return any(pair.asked_traffic & allowed for _, _, allowed in divided(state, pair))


def passes_on_one_port(state: State, pair: Pair) -> bool | None:
    """The answer to a question about one port between two pods; None for any other question."""
    source, destination = pair.source, pair.destination
    single = pair.asked.single if pair.asked and not _led_port(state, pair) else None
    if single and isinstance(source, Member) and isinstance(destination, Member):
        return allows(state, source, destination, single, pair.over)
    return None


def _led_port(state: State, pair: Pair) -> LedPort | None:
    """The Service port and the target port, if a plugin applies the source's policies to the Service port."""
    single = pair.asked.single if pair.asked else None
    if not state.traits.service_ports or pair.service_port is None or single is None:
        return None
    return LedPort(single[0], pair.service_port, single[1])


def allowed_between(state: State, pair: Pair) -> Traffic:
    """All traffic allowed between a pair, to the ports of the destination."""
    if (led := _led_port(state, pair)) and isinstance(pair.source, Member) and isinstance(pair.destination, Member):
        return traffic_through_service(state, pair.source, pair.destination, pair.over, led)
    return traffic_between(state, pair.source, pair.destination, pair.over)


def divided(state: State, pair: Pair) -> list[tuple[End, End, Traffic]]:
    """The traffic allowed between two pods, or between a pod and each set of addresses that policies treat alike."""
    if _led_port(state, pair) and isinstance(pair.source, Member) and isinstance(pair.destination, Member):
        return [(pair.source, pair.destination, allowed_between(state, pair))]
    return traffic_by_part(state, pair.source, pair.destination, pair.over)


def explained_pairs(state: State, pair: Pair) -> list[ExplainedPair]:
    """Why a pair is allowed or denied: for all asked traffic, or for each part of it that other rules decide."""
    if led := _led_port(state, pair):  # only for a single port, which needs no division
        return [ExplainedPair(pair, explain_through_service(state, pair.source, pair.destination, pair.over, led))]
    reason = explain(state, pair.source, pair.destination, pair.asked, pair.over)
    pieces = _pieces(reason)
    if len(pieces) < 2:
        return [ExplainedPair(pair, reason)]
    found = [
        ExplainedPair(msgspec.structs.replace(pair, asked=piece), explain_again(state, reason, piece))
        for piece in pieces
    ]
    return sorted(found, key=lambda explained: explained.reason.allowed)


def _pieces(reason: PairReason) -> list[Traffic]:
    """The asked traffic, divided so that each rule that selects the pair matches all of a piece or nothing of it."""
    pieces = [reason.asked] if reason.asked else []
    for side in (reason.egress, reason.ingress):
        for policy in side.policies:
            for rule in policy.rules:
                if rule.selects:
                    halves = (half for one in pieces for half in (one & rule.traffic, one - rule.traffic))
                    pieces = [half for half in halves if half]
    return pieces
