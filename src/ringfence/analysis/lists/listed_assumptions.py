"""The assumptions of a list of connections, as values that can be compared and as sentences."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial, reduce
from operator import or_

import msgspec

from ringfence.analysis.lists.connection_filters import ClusterPart, ConnectionFilter
from ringfence.engine.answers import (
    AssumedLabel,
    AssumedMatches,
    ListedPairs,
    UndefinedOrder,
    assumed_of_hosts,
    assumed_orders,
    list_matches,
    listed_node_assumptions,
    outside_assumptions,
    priorities_outside,
    subject_matches,
    values_named,
)
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Assumption
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.model.unread_policies import UnreadPolicy
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

Doubted = tuple[UnreadPolicy, Direction]
"""A policy of an unsupported kind, and a direction in which it may change the traffic of some pods."""


class ListAssumptions(msgspec.Struct, frozen=True):
    """The assumptions of a list of connections.

    `doubts` are about policies of unsupported kinds, `labels` about labels with unknown values that selectors name,
    `matches` about the pods that the peers of rules match and about hostNetwork pods, `priorities` about policies whose
    order is not defined. For a list about subjects, equal `facts` at two times mean that their policies make the same
    assumptions about every peer.
    """

    general: tuple[str, ...]
    doubts: tuple[Doubted, ...]
    labels: tuple[AssumedLabel, ...]
    matches: AssumedMatches
    priorities: tuple[Assumption, ...]
    facts: frozenset[object] = frozenset()

    def sentences(self) -> tuple[str, ...]:
        """The assumptions as sentences, each once."""
        doubts = (doubt_text(policy, direction) for policy, direction in self.doubts)
        about_pods = (*map(str, self.labels), *self.matches.sentences())
        return tuple(dict.fromkeys((*self.general, *doubts, *about_pods, *map(str, self.priorities))))

    def in_general(self) -> frozenset[str]:
        """The assumptions as sentences that depend neither on the pods nor on the files of the policies."""
        doubts = (doubt_text(policy, direction, with_place=False) for policy, direction in self.doubts)
        labels = (text for one in self.labels for text in one.in_general())
        return frozenset((*self.general, *doubts, *labels, *self.matches.in_general(), *map(str, self.priorities)))


def connection_assumptions(
    state: State, namespace: str | None = None, wanted: ConnectionFilter | None = None
) -> tuple[str, ...]:
    """The assumptions of a list of connections, as sentences.

    They are about policies of unsupported kinds that may select its pods, labels with unknown values that policies
    name, pods and their nodes, and the pods that peers of rules match. With a `namespace`, only those about pods of
    this namespace. Those about peers are limited to the connections that are `wanted`; by default, all with an end in
    the namespace.
    """
    return list_assumptions(state, namespace, wanted).sentences()


def list_assumptions(
    state: State, namespace: str | None = None, wanted: ConnectionFilter | None = None
) -> ListAssumptions:
    """The assumptions of a list of connections, as values (`connection_assumptions`)."""
    pods = list(state.members() if namespace is None else state.members_in(namespace))
    listed = wanted or ConnectionFilter(part=ClusterPart(namespace))
    matches = list_matches(state, _pairs(state, listed), _asked(state, listed))
    return ListAssumptions(
        (
            *_limits(state),
            *listed_node_assumptions(state, pods, listed.destinations.reach),
            *outside_assumptions(
                state, _subjects(state, listed, Direction.EGRESS), listed.destinations.reach, _asked_outside(listed)
            ),
        ),
        tuple(state.doubts.selecting_any(pods)),
        tuple(_unknown_labels(state, pods)),
        matches.and_of(assumed_of_hosts(state, pods)),
        tuple(assumed_orders(_priorities_outside(state, listed))),
    )


def subject_assumptions(state: State, subjects: Sequence[Member]) -> ListAssumptions:
    """The assumptions that the policies of some pods make about their connections; those of the peers' policies are
    left out.

    Labels with an unknown value are included for all pods, because any of them may be a peer.
    """
    everyone = list(state.members())
    outside = assumed_orders(
        order
        for direction in Direction
        for order in priorities_outside(state, subjects, direction, ALL_ADDRESSES, ALL_TRAFFIC)
    )
    found = subject_matches(state, Direction, subjects, everyone)
    hosts = assumed_of_hosts(state, subjects)
    return ListAssumptions(
        (
            *_limits(state),
            *listed_node_assumptions(state, subjects),
            *outside_assumptions(state, subjects, ALL_ADDRESSES, ALL_TRAFFIC),
        ),
        tuple(state.doubts.selecting_any(subjects)),
        tuple(_unknown_labels(state, everyone)),
        found.matches.and_of(hosts),
        tuple(outside),
        found.facts | frozenset(hosts.items()),
    )


def _limits(state: State) -> Iterator[str]:
    if only := state.only_namespace:
        yield f"only namespace {only} could be read: connections with pods of others are not listed"


def _unknown_labels(state: State, pods: Iterable[Member]) -> Iterator[AssumedLabel]:
    """The assumptions about labels of pods whose values are not known and that policies name."""
    # Pods of one workload have the same unknown labels, so a few look-ups serve thousands of pods.
    named = cache(partial(values_named, state))
    for pod in pods:
        for label in pod.unknown_labels:
            if (values := named(label)) and not pod.host_network:
                yield AssumedLabel(pod, label, tuple(values))


def _pairs(state: State, wanted: ConnectionFilter) -> Iterator[ListedPairs]:
    """The pairs of pods that a list is about: one of both is in the listed part of the cluster."""
    sources, destinations = (
        list(state.members() if side.pods is None else side.pods) for side in (wanted.sources, wanted.destinations)
    )
    if wanted.part.is_whole:
        yield sources, destinations
        return
    # Two overlapping products instead of their union: pairs that are in both give the same assumptions.
    yield [pod for pod in sources if wanted.part.contains(pod)], destinations
    yield sources, [pod for pod in destinations if wanted.part.contains(pod)]


def _priorities_outside(state: State, wanted: ConnectionFilter) -> Iterator[UndefinedOrder]:
    """Policies with the same priority whose order decides about outside addresses of a list."""
    for direction, other, asked in (
        (Direction.EGRESS, wanted.destinations, _asked_outside(wanted)),
        (Direction.INGRESS, wanted.sources, _asked(state, wanted)),
    ):
        yield from priorities_outside(state, _subjects(state, wanted, direction), direction, other.reach, asked)


def _subjects(state: State, wanted: ConnectionFilter, direction: Direction) -> list[Member]:
    """The pods of a list whose policies for this direction decide about addresses."""
    side = wanted.sources if direction is Direction.EGRESS else wanted.destinations
    pods = state.members() if side.pods is None else side.pods
    return [pod for pod in pods if wanted.part.contains(pod)]


def _asked(state: State, wanted: ConnectionFilter) -> Traffic:
    """The traffic that a list is about at any pod that is one of its destinations."""
    if wanted.destinations.pods is None and wanted.destinations.ports.is_everything:
        return ALL_TRAFFIC
    pods = state.members() if wanted.destinations.pods is None else wanted.destinations.pods
    return reduce(or_, {wanted.destinations.asked(pod) for pod in pods}, NO_TRAFFIC)


def _asked_outside(wanted: ConnectionFilter) -> Traffic:
    """The traffic that a list is about at any address that is one of its destinations."""
    return Traffic.union_of(traffic for _, traffic in wanted.destinations.parts([(ALL_ADDRESSES, ALL_TRAFFIC)]))
