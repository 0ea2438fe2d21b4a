"""Tiers: the one place where rules become a verdict.

Policies come in tiers, evaluated one after another for each direction. A tier allows some of the traffic between a
subject and a peer, denies some, and passes the rest on to the next tier; what no tier decides is allowed:

    admin policies (allow, deny, pass by priority)  ->  NetworkPolicy  ->  baseline policies  ->  allowed

NetworkPolicy is the only tier today. To add another, write a `Tier` and put it into the sequence that `engine.state`
builds, before or after NetworkPolicy; nothing else changes: whatever asks goes through the functions of this module.

Source: network-policy-api, "Evaluation order"; for NetworkPolicy alone, the Kubernetes documentation, "The two sorts of
pod isolation".
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from ringfence.engine.population import Identity
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import E, Partition, changed_within, merged
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


class Action(Enum):
    """What a tier says to one protocol and port."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"


class Ruling(NamedTuple):
    """What a tier says to all traffic of a pair; it passes what it neither allows nor denies."""

    allow: Traffic
    deny: Traffic


class Tier(Protocol):
    """One kind of policy. All methods must agree: they give one answer, to one question or to many."""

    def action(
        self,
        subject: Identity,
        direction: Direction,
        peer: Identity,
        family: Family,
        protocol: str,
        port: int,
    ) -> Action:
        """What the tier says about `protocol` and `port`, which is the destination's, between two ends."""

    def peer_rulings(
        self, subject: Identity, direction: Direction, family: Family, protocol: str, port: int
    ) -> tuple[Bitset, Bitset]:
        """The peers with which it allows, and those with which it denies, one protocol and port to `subject`."""

    def rulings(self, subject: Identity, direction: Direction, family: Family) -> Partition[Bitset, Ruling]:
        """What it says about every identity as a peer; an identity in no cell is passed on."""

    def subject_rulings(
        self, peer: Identity, direction: Direction, family: Family, protocol: str, port: int
    ) -> tuple[Bitset, Bitset]:
        """The subjects for which it allows, and those for which it denies, one protocol and port with `peer`."""

    def address_rulings(self, subject: Identity, direction: Direction) -> Partition[Addresses, Ruling]:
        """What it says about every address outside the cluster; an address in no cell is passed on."""


Tiers = Sequence[Tier]


def allows(
    tiers: Tiers,
    subject: Identity,
    direction: Direction,
    peer: Identity,
    family: Family,
    protocol: str,
    port: int,
) -> bool:
    """Whether `subject`'s side allows one protocol and port: the first tier that does not pass decides."""
    for tier in tiers:
        action = tier.action(subject, direction, peer, family, protocol, port)
        if action is not Action.PASS:
            return action is Action.ALLOW
    return True


def allowed_peers(
    tiers: Tiers, subject: Identity, direction: Direction, family: Family, everyone: Bitset
) -> Partition[Bitset, Traffic]:
    """The traffic that `subject`'s side allows, for every identity in `everyone` at once."""
    return _settled(everyone, [tier.rulings(subject, direction, family) for tier in tiers])


def peers_allowed_port(
    tiers: Tiers, subject: Identity, direction: Direction, family: Family, protocol: str, port: int, everyone: Bitset
) -> Bitset:
    """The identities of `everyone` with which `subject`'s side allows one protocol and port: `allows`, for all."""
    return _first_decides(everyone, (tier.peer_rulings(subject, direction, family, protocol, port) for tier in tiers))


def allowing_subjects(
    tiers: Tiers, peer: Identity, direction: Direction, family: Family, protocol: str, port: int, everyone: Bitset
) -> Bitset:
    """The identities of `everyone` whose own side allows one protocol and port with `peer`: `allows`, turned round."""
    return _first_decides(everyone, (tier.subject_rulings(peer, direction, family, protocol, port) for tier in tiers))


def _first_decides(everyone: Bitset, rulings: Iterable[tuple[Bitset, Bitset]]) -> Bitset:
    """Whom the first that does not pass allows, where each allows some and denies some; who is left is allowed."""
    allowed, undecided = 0, everyone
    for allow, deny in rulings:
        allowed |= undecided & allow
        undecided &= ~(allow | deny)
    return allowed | undecided


def allowed_addresses(tiers: Tiers, subject: Identity, direction: Direction) -> Partition[Addresses, Traffic]:
    """The traffic that `subject`'s side allows, for every address outside the cluster at once."""
    return _settled(ALL_ADDRESSES, [tier.address_rulings(subject, direction) for tier in tiers])


class _Standing(NamedTuple):
    """What is decided so far: traffic that is allowed, and traffic that nobody has decided yet."""

    allowed: Traffic
    undecided: Traffic


def _settled(whole: E, answers: Sequence[Partition[E, Ruling]]) -> Partition[E, Traffic]:
    standing: Partition[E, _Standing] = [(whole, _Standing(NO_TRAFFIC, ALL_TRAFFIC))] if whole else []
    for rulings in answers:
        for extent, ruling in rulings:
            standing = changed_within(standing, extent, _applying(ruling))
    return merged((extent, one.allowed | one.undecided) for extent, one in standing)


def _applying(ruling: Ruling) -> Callable[[_Standing], _Standing]:
    def apply(standing: _Standing) -> _Standing:
        allowed = standing.allowed | (standing.undecided & ruling.allow)
        return _Standing(allowed, standing.undecided - ruling.allow - ruling.deny)

    return apply
