"""Proves with the engine that converted policies have the same effect as the originals.

For every pod and each direction, what the administrators' tiers accept, deny and pass on is compared before and after:
with all other pods, over each address family, and with all addresses outside the cluster. That every tier decides the
same is a stronger condition than that the same connections are allowed, and it is cheaper to check: pods that the same
policies of a tier select are compared once, whatever NetworkPolicies select them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ringfence.engine.answers import end_text
from ringfence.engine.policies import NETWORK_POLICY_TIER, Action, End, OwnPorts, Profile, Stack, own_ports
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.cluster_policies import ClusterNetworkPolicy, ClusterPolicy, PolicyTier
from ringfence.model.policies import Direction
from ringfence.model.server_versions import NEWEST
from ringfence.model.validation import cluster_policy_errors
from ringfence.sets.partitions import Extent, Partition
from ringfence.sets.traffic import Traffic

_E = TypeVar("_E", bound=Extent)
_Profiles = Mapping[tuple[int, Direction], Mapping[str, Profile]]
"""By the bits of subjects and the direction, their profiles in the administrators' tiers."""


class ConversionDefect(Exception):
    """Converted policies do not mean what the originals mean, or are not valid: a defect of ringfence."""


def prove(state: State, before: Sequence[ClusterPolicy], after: Sequence[ClusterNetworkPolicy]) -> None:
    """Raise ConversionDefect unless `after` are valid and, in place of `before`, change nothing for any pod."""
    for policy in after:
        for error in cluster_policy_errors(policy, NEWEST):
            raise ConversionDefect(f"the converted policy {policy.metadata.name} is not valid: {error}")
    with state.policies.telling_apart([*before, *after]) as selected:
        subjects = sorted(selected, key=lambda one: one.bit)
        earlier = _profiles(state, subjects)
        with state.policies.supposing() as suppose:
            for old in before:
                suppose.without(old)
            for new in after:
                suppose(new)
            for difference in _differences(state, subjects, earlier, _profiles(state, subjects)):
                raise ConversionDefect(f"the converted policies change what is allowed: {difference}")


def _profiles(state: State, subjects: Iterable[Identity]) -> _Profiles:
    return {
        (subject.bit, direction): {one.tier: one for one in state.tiers.profiles(subject, direction)}
        for subject in subjects
        for direction in Direction
    }


def _differences(state: State, subjects: Iterable[Identity], before: _Profiles, after: _Profiles) -> Iterator[str]:
    compared = set()
    for subject in subjects:
        for direction in Direction:
            # A tier without policies passes everything on, and is compared like any other.
            nothing = Profile("", direction, (), Action.PASS)
            for tier in PolicyTier:
                old, new = (found[subject.bit, direction].get(tier.value, nothing) for found in (before, after))
                own = own_ports((old, new), subject)
                key = old, new, own, subject.families
                # Unchanged policies give the same profile object.
                if old is not new and key not in compared:
                    compared.add(key)
                    yield from (_pair(subject, direction, peer) for peer in _peers(state, subject, (old, new), own))


def _peers(state: State, subject: Identity, profiles: tuple[Profile, Profile], own: OwnPorts) -> Iterator[End]:
    """The peers for which a tier decides differently.

    The allowed traffic is compared twice: as if the later tiers allowed everything, and as if they denied everything.
    Together this distinguishes accept, deny and pass.
    """
    denied = Profile(NETWORK_POLICY_TIER, profiles[0].direction, (), Action.DENY)
    later: Stack
    for later in ((), (denied,)):
        old, new = ((profile, *later) for profile in profiles)
        for family in {*state.population.decisive_families(), *subject.families}:
            peers = (state.tiers.peers_of(stack, own, family) for stack in (old, new))
            for bits in _changed(*peers):
                yield from (next(iter(peer.pods())) for peer in state.population.identities(bits))
        yield from _changed(*(state.tiers.addresses_of(stack, own) for stack in (old, new)))


def _changed(before: Partition[_E, Traffic], after: Partition[_E, Traffic]) -> Iterator[_E]:
    """The extents whose traffic differs."""
    for extent, was in before:
        for other, now in after:
            if was != now and (common := extent & other):
                yield common


def _pair(subject: Identity, direction: Direction, peer: End) -> str:
    ends = [str(next(iter(subject.pods()))), end_text(peer)]
    source, destination = ends if direction is Direction.EGRESS else reversed(ends)
    return f"{direction.field} of {ends[0]}, {source} -> {destination}"
