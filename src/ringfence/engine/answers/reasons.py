"""Reasons: what an explanation consists of, from both sides of a connection down to one peer of one rule."""

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
    """Whether one rule matches what was asked, and why (not); `action` is what it does with what it matches.

    `selects` and `carries` are its two halves: peers and ports. `traffic` is what its ports stand for at this
    destination; `hints` are likely misunderstandings behind a no. `unknown_ports` are the port names of which it is not
    known what they stand for, because the destination does not exist yet. `name` is the one that its author gave it.
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
        """Whether it matches and allows, as every rule of a NetworkPolicy does that matches."""
        return self.matches and self.action is Action.ALLOW

    def allows_any(self, asked: Traffic | None) -> bool:
        """Whether it allows some of what was asked: of several ports, at least one."""
        some = self.traffic if asked is None else self.traffic & asked
        return self.selects and bool(some) and self.action is Action.ALLOW


class PolicyReason(msgspec.Struct, frozen=True):
    """One policy that selects the subject, with its rules for the direction; `tier` is the tier that it is in."""

    policy: CompiledPolicy[Any]
    place: Place | None
    tier: str
    rules: tuple[RuleReason, ...]


class Bystander(msgspec.Struct, frozen=True):
    """A policy that does not isolate a side that none isolates, although it seems meant to, and why it does not."""

    policy: CompiledPolicy[Any]
    place: Place | None
    reason: str


class SideReason(msgspec.Struct, frozen=True):
    """One side of a connection: the source's egress or the destination's ingress.

    `policies` are all that select the subject, in the order in which they are evaluated. `isolated` says whether some
    of them deny whatever no rule allows, as NetworkPolicies do. `traffic` is all that the side allows, and `allowed`
    says whether that is what was asked. `exempt` says why no policy counts, where none does. `denied_over` are the
    address families that deny what another allows, `denied_for` those of several addresses that are denied what others
    are allowed. `bystanders` are the policies that seem meant to isolate a side that none isolates.
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

    `over` are the families over which two pods are to meet.
    """

    source: End
    destination: End
    asked: Traffic | None
    egress: SideReason
    ingress: SideReason
    over: tuple[Family, ...] = FAMILIES

    @property
    def allowed(self) -> bool:
        """Whether what was asked passes; without a question, whether anything does."""
        return passes(self.egress.traffic & self.ingress.traffic, self.asked)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of both sides; one that surely denies makes those of the other pointless."""
        for side in (self.egress, self.ingress):
            if not side.allowed and not side.assumptions:
                return ()
        return self.egress.assumptions + self.ingress.assumptions


def passes(allowed: Traffic, asked: Traffic | None) -> bool:
    """Whether `allowed` is enough: all of what was asked, or anything where no particular traffic was."""
    return not asked - allowed if asked else bool(allowed)
