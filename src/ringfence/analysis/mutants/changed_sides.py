"""The pods whose side allows other traffic while a mutant is in force, and with which peers.

A question with other ends has the same answer as before, so a test that asks only such questions need not be run again.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from ringfence.analysis.mutants.mutants import Mutant
from ringfence.engine.answers import Moment, changed_addresses, changed_peers, stacks_of
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction

_Pods = frozenset[Member]


class ChangedSides(msgspec.Struct, frozen=True):
    """The pods whose own side allows other traffic in a direction, and with which pods, or with addresses.

    `subjects` are the pods whose selecting policies have changed, or the rules of these, in either direction: the
    reasons of answers about them may have changed.
    """

    subjects: _Pods
    sides: tuple[tuple[Direction, _Pods, _Pods, bool], ...] = ()

    def __bool__(self) -> bool:
        """Whether the answer to any question may have changed."""
        return bool(self.sides)

    def may_concern(self, sources: _Pods | None, destinations: _Pods | None, *, addresses: bool = True) -> bool:
        """Whether the answer about a connection from any of `sources` to any of `destinations` may have changed.

        None means all pods. `addresses` says whether addresses are among the sources or destinations.
        """
        for direction, subjects, peers, with_addresses in self.sides:
            own, others = (sources, destinations) if direction is Direction.EGRESS else (destinations, sources)
            if (own is None or not own.isdisjoint(subjects)) and (
                others is None or (addresses and with_addresses) or not others.isdisjoint(peers)
            ):
                return True
        return False

    def may_give_reasons(self, pods: _Pods | None) -> bool:
        """Whether the policies that decide about any of some pods may have changed; None means all pods."""
        return bool(self.subjects) if pods is None else not pods.isdisjoint(self.subjects)


@contextmanager
def changed_sides(state: State, mutant: Mutant) -> Iterator[ChangedSides]:
    """Put a mutant in force in place of its policy until the context ends; yields what this changes."""
    policy = mutant.policy.policy
    # Before and after are compared by identity, so both must have the same identities.
    with state.policies.telling_apart([policy if mutant.after is None else mutant.after]) as subjects:
        before = Moment(state, stacks_of(state, subjects))
        with state.policies.supposing() as suppose:
            if mutant.after is None:
                suppose.without(policy)
            else:
                suppose(mutant.after)
            yield _found(state, subjects, before, Moment(state, {}))


def _found(state: State, subjects: frozenset[Identity], before: Moment, after: Moment) -> ChangedSides:
    others = set()
    sides = []
    for direction in Direction:
        # Subjects that change towards the same peers are joined: a policy often selects many alike.
        alike: dict[tuple[int, bool], set[Identity]] = {}
        for subject in subjects:
            if before.policies(subject, direction) == after.policies(subject, direction):
                continue
            others.add(subject)
            peers = changed_peers(subject, direction, before, after)
            outside = any(True for _ in changed_addresses(subject, direction, before, after))
            if peers or outside:
                alike.setdefault((peers, outside), set()).add(subject)
        for (peers, outside), own in alike.items():
            with_whom = state.population.identities(peers)
            sides.append((direction, _pods(own), _pods(with_whom), outside))
    return ChangedSides(_pods(others), tuple(sides))


def _pods(identities: Iterable[Identity]) -> _Pods:
    return frozenset(pod for one in identities for pod in one.pods())
