"""The pods of a list, grouped by the policies that select them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from ringfence.engine.policies import OwnPorts, Stack, own_ports
from ringfence.engine.population import Identity, Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family


class ListedSubjects(NamedTuple):
    """Pods that the same policies select, with the same ports and address families."""

    stack: Stack
    own: OwnPorts
    families: tuple[Family, ...]
    pods: dict[Identity, list[Member]]

    def members(self) -> Iterator[Member]:
        """All of the pods."""
        return chain.from_iterable(self.pods.values())


def subjects_by_policies(state: State, direction: Direction, subjects: Iterable[Member]) -> Iterable[ListedSubjects]:
    """The subjects that policies select, grouped by these policies, their own ports and their address families."""
    by_identity: defaultdict[Identity, list[Member]] = defaultdict(list)
    for pod in subjects:
        # Policies do not apply to hostNetwork pods as subjects.
        if not pod.host_network:
            by_identity[state.identity(pod)].append(pod)
    groups: dict[tuple[Stack, OwnPorts, tuple[Family, ...]], ListedSubjects] = {}
    for identity, pods in by_identity.items():
        stack = state.tiers.stack(identity, direction)
        if stack:
            # These three are all that a row of a subject depends on (`connectivity.side_row`).
            key = (stack, own_ports(stack, identity), identity.families)
            groups.setdefault(key, ListedSubjects(*key, {})).pods[identity] = pods
    return groups.values()
