"""Reasons: the parts of an explanation, from both sides of a connection down to one peer of one rule."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ringfence.engine.policies import Action, CompiledPolicy, End
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES, NO_ADDRESSES, Addresses, Family
from ringfence.sets.traffic import Traffic


class PeerReason(msgspec.Struct, frozen=True):
    """Whether one peer of a rule selects the other end, or a part of it, and why (not)."""

    index: int
    matches: bool
    reason: str
    place: Place | None
    assumption: str = ""
    partial: bool = False

    def __str__(self) -> str:
        return self.reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class RuleReason(msgspec.Struct, frozen=True):
    """Whether one rule matches the asked traffic, and why (not); `action` is the action of the rule.

    `selects` says whether a peer matches, `carries` whether the ports do. `traffic` is what its ports mean at this
    destination; `hints` are likely misunderstandings behind a denial. `unknown_ports` are port names whose numbers are
    not known, because the destination does not exist yet. `name` is the name of the rule, if it has one.
    """

    index: int
    action: Action
    reason: str
    place: Place | None
    peers: tuple[PeerReason, ...]
    selects: bool
    carries: bool
    traffic: Traffic
    hints: tuple[str, ...] = ()
    unknown_ports: tuple[str, ...] = ()
    name: str = ""

    @property
    def matches(self) -> bool:
        """Whether both its peers and its ports match."""
        return self.selects and self.carries

    @property
    def allows(self) -> bool:
        """Whether it matches and allows. Every matching rule of a NetworkPolicy allows."""
        return self.matches and self.action is Action.ALLOW

    def allows_any(self, asked: Traffic | None) -> bool:
        """Whether it allows some of the asked traffic, such as one of several ports."""
        some = self.traffic if asked is None else self.traffic & asked
        return self.selects and bool(some) and self.action is Action.ALLOW


class PolicyReason(msgspec.Struct, frozen=True):
    """One policy that selects the subject, with its rules for the direction; `tier` is the tier that it is in."""

    policy: CompiledPolicy[Any]
    place: Place | None
    tier: str
    rules: tuple[RuleReason, ...]


class Bystander(msgspec.Struct, frozen=True):
    """A policy that seems meant to isolate a side that no policy isolates, and why it does not."""

    policy: CompiledPolicy[Any]
    place: Place | None
    reason: str


class SideReason(msgspec.Struct, frozen=True):
    """One side of a connection: the source's egress or the destination's ingress.

    `policies` are all that select the subject, in the order in which they are evaluated. `isolated` says whether some
    of them deny everything that no rule allows, as NetworkPolicies do. `traffic` is all traffic that the side allows,
    and `allowed` says whether it covers the asked traffic. `exempt` says why no policy applies, if none does. If the
    answer differs between address families or between several addresses, `denied_over` are the families and
    `denied_for` the addresses that are denied. `bystanders` are the policies that seem meant to isolate a side that
    none isolates.
    """

    direction: Direction
    subject: End
    peer: End
    isolated: bool
    allowed: bool
    traffic: Traffic
    policies: tuple[PolicyReason, ...] = ()
    exempt: str = ""
    denied_over: tuple[Family, ...] = ()
    denied_for: Addresses = NO_ADDRESSES
    assumptions: tuple[str, ...] = ()
    bystanders: tuple[Bystander, ...] = ()


class PairReason(msgspec.Struct, frozen=True):
    """Both sides of a connection between two ends, and the facts missing in the input on which the answer depends.

    `over` are the address families of a connection between two pods.
    """

    source: End
    destination: End
    asked: Traffic | None
    egress: SideReason
    ingress: SideReason
    over: tuple[Family, ...] = FAMILIES

    @property
    def allowed(self) -> bool:
        """Whether the asked traffic is allowed; without one, whether any traffic is."""
        return passes(self.egress.traffic & self.ingress.traffic, self.asked)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of both sides; none if one side certainly denies, because the other does not matter then."""
        return joint_assumptions([(side.allowed, side.assumptions) for side in (self.egress, self.ingress)])


def joint_assumptions(sides: Sequence[tuple[bool, tuple[str, ...]]]) -> tuple[str, ...]:
    """The assumptions of both sides, given whether each allows and what it assumes; none if one certainly denies."""
    if any(not allowed and not assumptions for allowed, assumptions in sides):
        return ()
    return tuple([assumption for _, assumptions in sides for assumption in assumptions])


def passes(allowed: Traffic, asked: Traffic | None) -> bool:
    """Whether `allowed` covers all asked traffic; without asked traffic, whether it is not empty."""
    return not asked - allowed if asked else bool(allowed)
