"""What the connections of two clusters depend on that is not known, and which of these assumptions only one makes."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from ringfence.analysis.differences.changed_connections import ChangedSides
from ringfence.analysis.differences.matched_workloads import ClusterView
from ringfence.analysis.lists import connection_assumptions, subject_assumptions
from ringfence.engine.answers import subject_match_assumptions
from ringfence.engine.doubts import doubt_text
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets import bitsets


class Assumed(NamedTuple):
    """What the connections of a cluster depend on, and what of that is about policies that are not read."""

    assumptions: tuple[str, ...]
    doubts: frozenset[str]


def assumed(state: State, subjects: Sequence[Member] | None = None) -> Assumed:
    """What the connections of a cluster depend on, or what the policies of some pods make them depend on."""
    found = connection_assumptions(state) if subjects is None else subject_assumptions(state, subjects)
    return Assumed(found, frozenset(_doubts(state)))


class ChangedAssumptions(NamedTuple):
    """All assumptions about the connections of both clusters, those that are new, and those that are no longer made.

    What policies that are not read may do is among all only: `unread_changes` names those that differ.
    """

    all: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]


class _Counterparts(NamedTuple):
    """What the policies of others assume about connections that the changed policies used to deny, or now deny."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def changed_assumptions(before: Assumed, after: Assumed) -> ChangedAssumptions:
    """How the assumptions of one cluster differ from those of another."""
    old, new = before.assumptions, after.assumptions
    doubts = before.doubts | after.doubts
    added = tuple(text for text in new if text not in old and text not in doubts)
    gone = tuple(text for text in old if text not in new and text not in doubts)
    return ChangedAssumptions(tuple(dict.fromkeys((*new, *old))), added, gone)


def counterpart_assumptions(view: ClusterView, changed: ChangedSides) -> _Counterparts:
    """What policies that have not changed assume about the workloads whose policies have.

    It matters only where these allow some traffic with a peer in one of the two clusters, and none in the other. Which
    policies are taken not to apply to hostNetwork pods depends on no peer: that is among the other assumptions.
    """
    added: list[str] = []
    gone: list[str] = []
    for direction, classes in changed.items():
        other = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
        for one in classes:
            peers = [pod for place in bitsets.members(one.members) for pod in view.identity(place).pods()]
            for found, matters in ((added, (False, True)), (gone, (True, False))):
                within = (extent for extent, values in one.cells if tuple(map(bool, values)) == matters)
                allowing = (view.members[place] for place in bitsets.members(reduce(or_, within, 0)))
                if subjects := [pod for pod in allowing if not pod.host_network]:
                    found += subject_match_assumptions(view.state, (other,), subjects, peers)
    return _Counterparts(tuple(added), tuple(gone))


def _doubts(state: State) -> Iterator[str]:
    for policy in state.doubts:
        for direction in policy.directions():
            yield doubt_text(policy, direction)
