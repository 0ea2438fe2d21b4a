"""The traffic allowed between the ends of one pair, and the reasons."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import msgspec

from ringfence.analysis.endpoints import translation_assumptions
from ringfence.analysis.questions.pairs import ExplainedPair, Pair
from ringfence.engine.answers import (
    End,
    JudgedPart,
    LedPort,
    PairReason,
    allows,
    explain,
    explain_through_service,
    judge_parts,
    traffic_between,
    traffic_by_part,
    traffic_through_service,
)
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.sets.traffic import Traffic
from ringfence.sets.traffic_parts import parted


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


class ReasonedPair(NamedTuple):
    """A pair, and why its traffic is allowed or denied as a whole.

    `parts` divide the asked traffic so that each rule that selects the pair matches all of a part or nothing of it.
    """

    pair: Pair
    reason: PairReason
    parts: list[Traffic]


def reasoned(state: State, pair: Pair) -> ReasonedPair:
    """Why a pair is allowed or denied, and the parts of its traffic that other rules decide."""
    if led := _led_port(state, pair):  # only for a single port, which needs no division
        found = explain_through_service(state, pair.source, pair.destination, pair.over, led)
        return ReasonedPair(pair, found, [led.target])
    reason = explain(state, pair.source, pair.destination, pair.asked, pair.over)
    sides = (reason.egress, reason.ingress)
    rules = (rule for side in sides for policy in side.policies for rule in policy.rules if rule.selects)
    return ReasonedPair(pair, reason, parted(reason.asked, [rule.traffic for rule in rules]) if reason.asked else [])


def explained_pairs(
    state: State, known: ReasonedPair, explain_part: Callable[[PairReason, Traffic], PairReason]
) -> list[ExplainedPair]:
    """Why a pair is allowed or denied: for all asked traffic, or for each part of it.

    `explain_part` explains a part, given the reason for all asked traffic. It is asked when a reason is first read.
    """
    pair, reason, parts = known
    if len(parts) < 2:
        denied_over = frozenset((*reason.egress.denied_over, *reason.ingress.denied_over))
        return [ExplainedPair(pair, JudgedPart(reason.allowed, reason.assumptions, denied_over), lambda: reason)]
    found = [
        ExplainedPair(msgspec.structs.replace(pair, asked=part), judged, partial(explain_part, reason, part))
        for part, judged in zip(parts, judge_parts(state, reason, parts), strict=True)
    ]
    # Denied parts first: they are what most questions are asked for.
    return sorted(found, key=lambda explained: explained.allowed)


def pair_assumptions(state: State, known: ReasonedPair) -> Iterator[str]:
    """What the explanations of a pair assume, found without them: for n ports and n rules they are n² reasons."""
    pair, reason, parts = known
    if len(parts) < 2:  # always if the port is translated, because that is one port
        yield from reason.assumptions
        yield from translation_assumptions(state, pair.via, reason)
        return
    found = sorted(judge_parts(state, reason, parts), key=lambda one: one.allowed)
    yield from chain.from_iterable(one.assumptions for one in found)
