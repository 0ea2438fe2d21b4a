"""The proof that converted policies mean what the originals mean, by the engine.

For every pod and each direction, what its policies allow is compared before and after: with all other pods, over each
address family, and with all addresses outside the cluster. That both sides of every connection are the same is more
than that the same connections pass.
"""

from collections.abc import Iterator, Sequence

from ringfence.engine.answers import Moment, changed_addresses, changed_peers, end_text, stacks_of
from ringfence.engine.policies import End
from ringfence.engine.population import Identity
from ringfence.engine.state import State
from ringfence.model.cluster_policies import ClusterNetworkPolicy, ClusterPolicy
from ringfence.model.policies import Direction
from ringfence.model.server_versions import NEWEST
from ringfence.model.validation import cluster_policy_errors


class ConversionDefect(Exception):
    """Converted policies do not mean what the originals mean, or are not valid: a defect of ringfence."""


def prove(state: State, before: Sequence[ClusterPolicy], after: Sequence[ClusterNetworkPolicy]) -> None:
    """Raise ConversionDefect unless `after` are valid and, in place of `before`, change nothing for any pod."""
    for policy in after:
        for error in cluster_policy_errors(policy, NEWEST):
            raise ConversionDefect(f"the converted policy {policy.metadata.name} is not valid: {error}")
    with state.telling_apart([*before, *after]) as subjects:
        earlier = Moment(state, stacks_of(state, subjects))
        with state.supposing() as suppose:
            for old in before:
                suppose.without(old)
            for new in after:
                suppose(new)
            for difference in _differences(state, subjects, earlier, Moment(state, {})):
                raise ConversionDefect(f"the converted policies change what is allowed: {difference}")


def _differences(state: State, subjects: frozenset[Identity], before: Moment, after: Moment) -> Iterator[str]:
    compared = set()
    for subject in sorted(subjects, key=lambda one: one.bit):
        for direction in Direction:
            # Pods with the same policies and port numbers are allowed the same, so one of them is enough.
            key = before.policies(subject, direction), after.policies(subject, direction), subject.families
            if key in compared:
                continue
            compared.add(key)
            for peer in state.population.identities(changed_peers(state, subject, direction, before, after)):
                yield _pair(subject, direction, next(iter(peer.pods())))
            for addresses, _, _ in changed_addresses(subject, direction, before, after):
                yield _pair(subject, direction, addresses)


def _pair(subject: Identity, direction: Direction, peer: End) -> str:
    ends = [str(next(iter(subject.pods()))), end_text(peer)]
    source, destination = ends if direction is Direction.EGRESS else reversed(ends)
    return f"{direction.field} of {ends[0]}, {source} -> {destination}"
