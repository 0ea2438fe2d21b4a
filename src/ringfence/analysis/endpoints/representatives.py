"""Divides the possible pods of an `any-pod:` endpoint into parts that policies treat alike.

All pods of a part get the same answer, so one example stands for them: it takes part in the engine like any pod that
does not exist yet. Each part can be written as an endpoint itself: `any-pod:prod/app=web,tier!=db`.
"""

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain
from typing import Final

import msgspec

from ringfence.analysis.endpoints.endpoint_text import AnyPossiblePod
from ringfence.analysis.endpoints.endpoints import Endpoint
from ringfence.engine.policies import End, PodSelection, Stack
from ringfence.engine.population import NAME_LABEL, Member, example_of_possible_pods
from ringfence.engine.possible import (
    Budget,
    ByTraffic,
    Counterparts,
    ExamplePod,
    PossiblePods,
    RulePlace,
    Smallest,
    Universe,
    by_labels,
    example,
    subjects_everywhere,
)
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.metadata import Labels
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term
from ringfence.sets.addresses import Addresses
from ringfence.sets.partitions import Partition, changed_within, combined, merged
from ringfence.sets.regions import Region

_MOST_STEPS: Final = 1_000_000
"""Up to ten seconds."""
_STEPS_OF_A_PART: Final = 100
"""Each part has an example, about which the engine is asked."""

_Parts = Partition[Region, Hashable]
"""Possible pods divided into parts; the value is what the pods of a part have in common."""


def represented(state: State, source: Endpoint, destination: Endpoint) -> tuple[Endpoint, Endpoint]:
    """The ends of a question, with an example for each part of possible pods that the policies treat differently.

    Raises Undecided where selectors overlap in too many ways, and EndpointError for labels that no pod could have.
    """
    if source.possible is None and destination.possible is None:
        return source, destination
    division = _PossiblePodsDivision(state, source, destination)
    with division.budget.deciding():
        if source.possible is None:
            # The other end may be a pod that does not exist either, and the engine needs its identity.
            with state.supposing_pods(_single_possible(source), source.spaces):
                return source, division.towards(destination, source.ends, Direction.EGRESS)
        if destination.possible is None:
            with state.supposing_pods(_single_possible(destination), destination.spaces):
                return division.towards(source, destination.ends, Direction.INGRESS), destination
        return division.of_both(source, destination)


def _single_possible(endpoint: Endpoint) -> list[Member]:
    """The pods of an endpoint that do not exist yet and have exactly the labels that it names."""
    return [end for end in endpoint.ends if isinstance(end, Member) and end.is_possible]


def represented_alone(state: State, endpoint: Endpoint) -> Endpoint:
    """An endpoint with an example for each part of possible pods that any policy distinguishes, in either direction."""
    if endpoint.possible is None:
        return endpoint
    division = _PossiblePodsDivision(state, endpoint)
    with division.budget.deciding():
        return division.endpoint(endpoint, division.finest(endpoint, *Direction))


class _PossiblePodsDivision:
    """Divides possible pods, in one universe."""

    def __init__(self, state: State, *endpoints: Endpoint) -> None:
        self.budget = Budget(_MOST_STEPS)
        self._state = state
        spaces = [one.possible.namespace for one in endpoints if one.possible is not None]
        named = {name: state.namespaces.labels(name) for name in spaces if name}
        self._universe = Universe(state.namespaces, self.budget.step, named)
        self._smallest = Smallest(self._universe)
        # Namespaces that examples made up, with their labels. Two examples must not give one namespace different
        # labels.
        self._taken: dict[str, Labels] = {}
        self._counterparts: dict[Direction, Counterparts] = {}

    def of_both(self, source: Endpoint, destination: Endpoint) -> tuple[Endpoint, Endpoint]:
        """The possible pods of both ends of a question, divided by the traffic between them.

        The pods of the source are first divided by everything that any policy reads of them, and an example of each
        part is asked about. Parts whose examples get equal answers are then joined again.
        """
        parts = self.finest(source, Direction.EGRESS)
        openers = [self._member(self._smallest.describe(region)[0])[0] for region, _ in parts]
        inside = self._region(destination)
        with self._state.supposing_pods(openers, self._taken):
            accepting = self.towards(destination, openers, Direction.EGRESS)
            # Pods of the source are joined if they get the same answers from the same pods. What they differ in is then
            # irrelevant.
            alike = [
                (
                    region,
                    frozenset((pods & inside, traffic) for pods, traffic in self._passing(opener, Direction.EGRESS)),
                )
                for (region, _), opener in zip(parts, openers, strict=True)
            ]
        return self.endpoint(source, self._by_doubts(merged(alike))), accepting

    def towards(self, endpoint: Endpoint, others: Sequence[End], direction: Direction) -> Endpoint:
        """The possible pods of an endpoint, divided by the traffic between them and each of `others`.

        With ingress, they open connections to the others; with egress, the others open connections to them.
        """
        parts: _Parts = [(self._region(endpoint), ())]
        # The traffic to all others together decides: pods are alike only if they are alike for each of them.
        for end in dict.fromkeys(others):
            if isinstance(end, Member):
                found: _Parts = list(by_labels(self._universe, self._passing(end, direction)))
            else:
                found = self._with_addresses(end, direction)
            parts = self._divided(parts, found)
        return self.endpoint(endpoint, self._by_doubts(merged(parts)))

    def finest(self, endpoint: Endpoint, *directions: Direction) -> _Parts:
        """The possible pods of an endpoint, divided by the policies that select them and by the peers that match them.

        `directions` are the directions of the policies that select them.
        """
        universe, tiers = self._universe, self._state.tiers
        parts: _Parts = [(self._region(endpoint), ())]
        for direction in directions:
            stacks: Partition[Region, Stack] = subjects_everywhere(tiers, universe, direction, self.budget)
            parts = self._divided(parts, list(stacks))
            opposite = direction.opposite
            # Rules share selections, so each is applied only once; its place is any of theirs, for the message if it is
            # too much.
            selections = {
                selection: RulePlace(policy, opposite, rule)
                for policy in tiers.policies()
                for rule in policy.rules.get(opposite, ())
                for selection in rule.peers.selections
            }
            for selection, place in selections.items():
                self.budget.place = place
                self.budget.step(len(parts))
                parts = changed_within(parts, universe.selected(selection), lambda value: (value, True))
        return self._by_doubts(parts)

    def _by_doubts(self, parts: _Parts) -> _Parts:
        """The parts, divided further by policies of unsupported kinds: answers name those that may select a pod."""
        universe = self._universe
        for policy in self._state.doubts:
            for one in chain.from_iterable(policy.bounds.subjects.values()):
                # Their effect is unknown, so not even equal answers can be joined if only one of them is in doubt.
                region = universe.in_namespaces(one.namespaces, universe.labelled(one.pods))
                if one.namespace is not None:
                    region &= universe.in_namespace(one.namespace, universe.regions.everything)
                parts = changed_within(parts, region, lambda value: (value, True))
        return parts

    def _passing(self, pod: Member, direction: Direction) -> ByTraffic:
        """The possible pods, divided by the traffic between them and a pod."""
        # It holds what is common to all pods of a direction, which is most of the work.
        found = self._counterparts.get(direction)
        if found is None:
            state = self._state
            found = Counterparts(state.tiers, state.population, self._universe, direction, self.budget)
            self._counterparts[direction] = found
        return found.of(self._state.identity(pod))

    def _with_addresses(self, addresses: Addresses, direction: Direction) -> _Parts:
        """The possible pods, divided by the traffic that their own policies allow with outside addresses."""
        own = direction.opposite
        tiers = self._state.tiers
        stacks = subjects_everywhere(tiers, self._universe, own, self.budget)
        return [(region, tuple(tiers.addresses_of(stack, within=addresses))) for region, stack in stacks]

    def _region(self, endpoint: Endpoint) -> Region:
        asked = endpoint.possible
        assert asked is not None
        region = self._universe.selected(_selection(asked))
        if not region:
            raise EndpointError(f"{endpoint.text}: no pod could have these labels, because they contradict each other")
        return region

    def _divided(self, parts: _Parts, by: _Parts) -> _Parts:
        """The parts, divided further by the parts `by`; pods that are in no part of `by` get the value None for it."""
        divided = combined(parts, by, lambda value, more: (value, more))
        regions = self._universe.regions
        # What no part covers is asked about, too: without it, pods would silently be missing from the answer.
        rest = regions.everything
        for region, _ in by:
            rest = regions.one_of_two(rest, region & rest)
        left = [(inside, (value, None)) for region, value in parts if (inside := region & rest)]
        return [*divided, *left]

    def endpoint(self, endpoint: Endpoint, parts: Iterable[tuple[Region, Hashable]]) -> Endpoint:
        """The endpoint, with an example for each selector that describes one of the parts."""
        described = [pods for region, _ in parts for pods in self._smallest.describe(region)]
        # Regions have no order of their own, and the same question must always name its parts in the same order.
        described.sort(key=lambda pods: pods.order)
        self.budget.step(_STEPS_OF_A_PART * len(described))
        found = [self._member(pods) for pods in described]
        # The labels of a namespace that the endpoint names and no object defines are not known: they are assumed.
        named = endpoint.possible.namespace if endpoint.possible else ""
        return msgspec.structs.replace(
            endpoint,
            ends=tuple(member for member, _ in found),
            spaces={one.namespace: one.namespace_labels for _, one in found if one.namespace != named},
            parts=tuple((pods, one) for pods, (_, one) in zip(described, found, strict=True)),
        )

    def _member(self, pods: PossiblePods) -> tuple[Member, ExamplePod]:
        """An example of possible pods, which stands for all of them in the engine."""
        try:
            one = example(self._state.namespaces, pods, self._taken)
        except ValueError as error:
            text = possible_pods_endpoint(pods)
            raise EndpointError(
                f"{text}: policies name a namespace that does not exist and ask for its labels ({error}): define it"
            ) from None
        self._taken.setdefault(one.namespace, one.namespace_labels)
        return example_of_possible_pods(possible_pods_endpoint(pods), one.namespace, one.labels), one


def possible_pods_endpoint(pods: PossiblePods) -> str:
    """The endpoint text for possible pods: `any-pod:prod/app=web`, `any-pod:team=shop/*`."""
    match pods.namespaces.terms:
        case ():
            space = "*"
        case (Term(key, Operator.IN, values),) if key == NAME_LABEL and len(values) == 1:
            (space,) = values
        case terms:
            space = _selector_text(terms)
    return f"any-pod:{space}/{_selector_text(pods.pods.terms) or '*'}"


def _selector_text(terms: Sequence[Term]) -> str:
    return ",".join(
        f"{term.key}!={next(iter(term.values))}"
        if term.operator is Operator.NOT_IN and len(term.values) == 1
        else str(term)
        for term in terms
    )


def selection_of(endpoint: Endpoint) -> PodSelection | None:
    """The selection of pods, existing or possible, that an endpoint names by labels; None if it names none by labels.

    Raises EndpointError for a comparison of numbers, which no selector of policies can express.
    """
    if endpoint.possible is not None:
        return _selection(endpoint.possible)
    labelled = endpoint.labelled
    if labelled is None:
        return None
    terms = [term for term in labelled.selector.terms if isinstance(term, Term)]
    if len(terms) < len(labelled.selector.terms):
        raise EndpointError(
            f"{endpoint.text}: pods that do not exist yet cannot be selected by numeric comparisons: use other labels"
        )
    pods = Selector(tuple(terms))
    if labelled.namespace is not None:
        return PodSelection(pods, namespace=labelled.namespace)
    return PodSelection(pods, namespaces=EVERYTHING)


def _selection(asked: AnyPossiblePod) -> PodSelection:
    if asked.namespace is not None:
        return PodSelection(asked.pods, namespace=asked.namespace)
    return PodSelection(asked.pods, namespaces=asked.namespaces)
