"""Why: for each side of a connection, each policy and rule, whether it matches, and if not, why not.

An explanation looks at the same policies and pods as the verdict, one peer at a time and in the words of the manifests.
Whether a side allows is always the engine's own answer, so an explanation cannot contradict the verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ringfence.engine.answers.assumptions import SideAssumptions
from ringfence.engine.answers.bystanders import bystanders, unguarded
from ringfence.engine.answers.own_nodes import host_as_node_assumptions
from ringfence.engine.answers.reasons import PairReason, SideReason, joint_assumptions, passes
from ringfence.engine.answers.rule_reasons import explain_profile
from ringfence.engine.answers.sides import Side
from ringfence.engine.answers.verdicts import (
    Families,
    LedPort,
    is_exempt,
    policed_addresses,
    side_traffic,
    traffic_over,
)
from ringfence.engine.policies import Action, End
from ringfence.engine.population import Member, is_one_pod
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic

_replace = msgspec.structs.replace


def explain(
    state: State, source: End, destination: End, asked: Traffic | None, over: Families = FAMILIES
) -> PairReason:
    """Why `source` may or may not open the traffic `asked` to `destination`. `asked` None means all traffic.

    Two pods are to meet over the families `over`.
    """
    # Exemptions come first, because no policy is evaluated for them: reasons of rules would contradict the verdict.
    if is_exempt(state, source, destination):
        return _explain_exempt(state, source, destination, asked, over)
    ends = source, destination
    egress = _explain_direction(state, Direction.EGRESS, ends, asked, over)
    ingress = _explain_direction(state, Direction.INGRESS, ends, asked, over)
    return PairReason(source, destination, asked, egress, ingress, over)


def explain_through_service(state: State, source: End, destination: End, over: Families, led: LedPort) -> PairReason:
    """`explain` for plugins that apply egress policies to the Service port, not to the target port."""
    if is_exempt(state, source, destination):
        found = _explain_exempt(state, source, destination, led.target, over)
    else:
        ends = source, destination
        egress = _explain_direction(state, Direction.EGRESS, ends, led.asked, over)
        ingress = _explain_direction(state, Direction.INGRESS, ends, led.target, over)
        found = PairReason(source, destination, led.target, egress, ingress, over)
    return _replace(found, egress=_replace(found.egress, traffic=led.seen_before(found.egress.traffic)))


def explain_parts(state: State, known: PairReason, parts: Sequence[Traffic]) -> list[PairReason]:
    """`explain` for disjoint parts of the traffic of a pair: what does not depend on the traffic is found once."""
    ends = (known.source, known.destination)
    if is_exempt(state, *ends):
        return [_explain_exempt(state, *ends, part, known.over) for part in parts]
    both = (_explain_parts_of_side(state, side, known, parts) for side in (known.egress, known.ingress))
    return [
        PairReason(*ends, part, egress, ingress, known.over) for part, egress, ingress in zip(parts, *both, strict=True)
    ]


class JudgedPart(NamedTuple):
    """What is known of a part of the traffic of a pair without the reason of each rule."""

    allowed: bool
    assumptions: tuple[str, ...]
    denied_over: frozenset[Family] = frozenset()
    """The address families over which a side denies what it allows over the other one."""


def judge_parts(state: State, known: PairReason, parts: Sequence[Traffic]) -> Iterator[JudgedPart]:
    """For disjoint parts of the traffic of a pair: whether each is allowed, and what the answer assumes.

    It is what `explain_parts` says, without the reason of each rule for each part: with n of both, these are n².
    """
    if is_exempt(state, known.source, known.destination):
        for one in explain_parts(state, known, parts):
            yield JudgedPart(one.allowed, one.assumptions)
        return
    both = (_judged_parts(state, side, known, parts) for side in (known.egress, known.ingress))
    allowed = known.egress.traffic & known.ingress.traffic
    for part, egress, ingress in zip(parts, *both, strict=True):
        assumptions = joint_assumptions([(side.allowed, side.assumptions) for side in (egress, ingress)])
        yield JudgedPart(passes(allowed, part), assumptions, egress.denied_over | ingress.denied_over)


def _judged_parts(
    state: State, reason: SideReason, known: PairReason, parts: Sequence[Traffic]
) -> Iterator[JudgedPart]:
    """For each part, whether one side allows it, and what the answer of this side assumes."""
    allowed = (passes(reason.traffic, part) for part in parts)
    if isinstance(reason.subject, Member):
        side = Side(state, reason.subject, reason.direction, reason.peer, known.asked, known.over)
        over = _traffic_over(side)
        for one, part, assumptions in zip(allowed, parts, SideAssumptions(side, reason).of_parts(parts), strict=True):
            yield JudgedPart(one, assumptions, frozenset(_denying(over, part)))
    else:
        yield from (JudgedPart(one, ()) for one in allowed)


def _explain_parts_of_side(
    state: State, reason: SideReason, known: PairReason, parts: Sequence[Traffic]
) -> Iterator[SideReason]:
    if not isinstance(reason.subject, Member):
        yield from [reason] * len(parts)
        return
    for part, judged in zip(parts, _judged_parts(state, reason, known, parts), strict=True):
        side = Side(state, reason.subject, reason.direction, reason.peer, part, known.over)
        yield _replace(_reason_of_side(side, reason), assumptions=judged.assumptions)


def _explain_exempt(state: State, source: End, destination: End, asked: Traffic | None, over: Families) -> PairReason:
    """The explanation of a connection to which no policy applies."""
    is_itself = is_one_pod(source, destination) or isinstance(destination, Addresses)
    why = "a pod always reaches itself" if is_itself else "a node always reaches the pods that run on it"
    egress = _untouched(Direction.EGRESS, source, destination, why)
    ingress = _untouched(Direction.INGRESS, destination, source, why)
    if isinstance(destination, Member):
        side = Side(state, destination, Direction.INGRESS, source, asked, over)
        ingress = _replace(ingress, assumptions=tuple(host_as_node_assumptions(side)))
    return PairReason(source, destination, asked, egress, ingress, over)


def _untouched(direction: Direction, subject: End, peer: End, why: str) -> SideReason:
    return SideReason(direction, subject, peer, isolated=False, allowed=True, traffic=ALL_TRAFFIC, exempt=why)


def _explain_direction(
    state: State, direction: Direction, ends: tuple[End, End], asked: Traffic | None, over: Families
) -> SideReason:
    """Why one side of a connection, from the first of its ends to the second, allows or denies it."""
    subject, peer = ends if direction is Direction.EGRESS else reversed(ends)
    if isinstance(subject, Member):
        return _explain_side(Side(state, subject, direction, peer, asked, over))
    return _untouched(direction, subject, peer, "policies do not apply outside the cluster")


def _explain_side(side: Side) -> SideReason:
    """Why the policies of one side allow or deny, with what the answer assumes."""
    reason = _reason_of_side(side)
    return _replace(reason, assumptions=SideAssumptions(side, reason).of_all())


def _reason_of_side(side: Side, known: SideReason | None = None) -> SideReason:
    """Why the policies of one side allow or deny. What is `known` about other traffic is not computed again."""
    stack = side.state.tiers.stack(side.identity, side.direction)
    traffic = known.traffic if known else side_traffic(side.state, side.subject, side.direction, side.peer, side.over)
    isolated = any(profile.otherwise is Action.DENY for profile in stack)
    # Peers of rules match whatever the port is, so the reasons about one port serve all others.
    rules = {policy.policy: policy.rules for policy in known.policies} if known else {}
    return SideReason(
        side.direction,
        side.subject,
        side.peer,
        isolated=isolated,
        allowed=passes(traffic, side.asked),
        traffic=traffic,
        policies=tuple(policy for profile in stack for policy in explain_profile(side, profile, rules)),
        exempt=_why_exempt(side),
        denied_over=tuple(_denying(_traffic_over(side), side.asked)),
        denied_for=_denied_for(side),
        bystanders=() if isolated else tuple(bystanders(side)),
    )


def _traffic_over(side: Side) -> dict[Family, Traffic]:
    """What a side allows over each address family; nothing if there is only one over which two pods can meet."""
    if not isinstance(side.peer, Member) or not side.can_meet or len(side.families) < 2:
        return {}
    return {
        family: traffic_over(side.state, side.subject, side.direction, side.peer, family) for family in side.families
    }


def _denying(over: Mapping[Family, Traffic], asked: Traffic | None) -> list[Family]:
    """The address families that deny what another allows."""
    denying = [family for family, traffic in over.items() if not passes(traffic, asked)]
    # If all families deny, the family is not the reason.
    return denying if len(denying) < len(over) else []


def _denied_for(side: Side) -> Addresses:
    """The addresses, of several, that are denied what others of them are allowed."""
    if isinstance(side.peer, Member):
        return NO_ADDRESSES
    policed = policed_addresses(side.state, side.subject, side.direction, side.peer)
    cells = side.state.tiers.allowed_addresses(side.identity, side.direction, policed)
    denied = Addresses.union_of(within for within, traffic in cells if not passes(traffic, side.asked))
    # If all addresses are denied, the address is not the reason.
    return denied if side.peer - denied else NO_ADDRESSES


def _why_exempt(side: Side) -> str:
    """Why no policy applies, if none does."""
    if not side.can_meet:
        where = "address family" if side.over is FAMILIES else f"{' or '.join(map(str, side.over)) or 'such'} address"
        return f"{side.subject} and {side.peer} have no {where} in common, so they cannot meet"
    if side.subject.host_network:
        return f"{side.subject} uses its node's network, and policies do not apply to it"
    return unguarded(side)
