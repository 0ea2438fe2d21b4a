"""Why: for each side of a connection, each policy and rule, whether it matches, and if not, why not.

An explanation looks at the same policies and pods as the verdict, one peer at a time and in the words of the manifests.
Whether a side allows is always the engine's own answer, so an explanation cannot contradict the verdict.
"""

import msgspec

from ringfence.engine.answers.assumptions import assumptions
from ringfence.engine.answers.bystanders import bystanders, unguarded
from ringfence.engine.answers.own_nodes import host_as_node_assumptions
from ringfence.engine.answers.reasons import PairReason, SideReason, passes
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
    state: State,
    source: End,
    destination: End,
    asked: Traffic | None,
    over: Families = FAMILIES,
    led: LedPort | None = None,
    known: PairReason | None = None,
) -> PairReason:
    """Why `source` may or may not open the traffic `asked` to `destination`. `asked` None stands for all traffic.

    Two pods are to meet over the families `over`. With `led`, the policies of the source see the port of the Service.
    What is `known` of the same pair about other traffic, without `led`, need not be found out again.
    """
    if is_exempt(state, source, destination):
        is_itself = is_one_pod(source, destination) or isinstance(destination, Addresses)
        why = "a pod always reaches itself" if is_itself else "a node always reaches the pods that run on it"
        egress = _untouched(Direction.EGRESS, source, destination, why)
        ingress = _untouched(Direction.INGRESS, destination, source, why)
        if isinstance(destination, Member):
            side = Side(state, destination, Direction.INGRESS, source, asked, over)
            ingress = _replace(ingress, assumptions=tuple(host_as_node_assumptions(side)))
    else:
        seen = led.asked if led else asked
        egress = _explain_side(
            state, source, Direction.EGRESS, destination, seen, over, known.egress if known else None
        )
        if led:
            egress = _replace(egress, traffic=led.seen_before(egress.traffic))
        ingress = _explain_side(
            state, destination, Direction.INGRESS, source, asked, over, known.ingress if known else None
        )
    return PairReason(source, destination, asked, egress, ingress, over)


def _untouched(direction: Direction, subject: End, peer: End, why: str) -> SideReason:
    return SideReason(direction, subject, peer, isolated=False, allowed=True, traffic=ALL_TRAFFIC, exempt=why)


def _explain_side(
    state: State,
    subject: End,
    direction: Direction,
    peer: End,
    asked: Traffic | None,
    over: Families,
    known: SideReason | None,
) -> SideReason:
    if not isinstance(subject, Member):
        return _untouched(direction, subject, peer, "policies do not apply outside the cluster")
    side = Side(state, subject, direction, peer, asked, over)
    stack = state.tiers.stack(side.identity, direction)
    traffic = known.traffic if known else side_traffic(state, subject, direction, peer, over)
    isolated = any(profile.otherwise is Action.DENY for profile in stack)
    rules = {policy.policy: policy.rules for policy in known.policies} if known else {}
    reason = SideReason(
        direction,
        subject,
        peer,
        isolated=isolated,
        allowed=passes(traffic, asked),
        traffic=traffic,
        policies=tuple(policy for profile in stack for policy in explain_profile(side, profile, rules)),
        exempt=_why_exempt(side),
        denied_over=tuple(_denied_over(side)),
        denied_for=_denied_for(side),
        bystanders=() if isolated else tuple(bystanders(side)),
    )
    if not side.can_meet:
        return reason  # no policy can allow a connection between them
    return _replace(reason, assumptions=tuple(dict.fromkeys(assumptions(side, reason))))


def _denied_over(side: Side) -> list[Family]:
    """The address families that deny what another allows."""
    if not isinstance(side.peer, Member) or not side.can_meet or len(side.families) < 2:
        return []
    over = {
        family: traffic_over(side.state, side.subject, side.direction, side.peer, family) for family in side.families
    }
    denying = [family for family, traffic in over.items() if not passes(traffic, side.asked)]
    return denying if len(denying) < len(over) else []


def _denied_for(side: Side) -> Addresses:
    """The addresses, of several, that are denied what others of them are allowed."""
    if isinstance(side.peer, Member):
        return NO_ADDRESSES
    policed = policed_addresses(side.state, side.subject, side.direction, side.peer)
    cells = side.state.tiers.allowed_addresses(side.identity, side.direction, policed)
    denied = Addresses.union_of(within for within, traffic in cells if not passes(traffic, side.asked))
    return denied if side.peer - denied else NO_ADDRESSES


def _why_exempt(side: Side) -> str:
    """Why no policy applies, if none does."""
    if not side.can_meet:
        where = "address family" if side.over is FAMILIES else f"{' or '.join(map(str, side.over)) or 'such'} address"
        return f"{side.subject} and {side.peer} have no {where} in common, so they cannot meet"
    if side.subject.host_network:
        return f"{side.subject} uses its node's network, and policies do not apply to it"
    return unguarded(side)
