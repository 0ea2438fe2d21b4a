"""Exposure: the possible pods that could reach each workload, and those that each workload could reach.

The traffic of a possible pod depends only on its labels and on those of its namespace. So the answer consists of
disjoint selectors, each with the traffic that every pod which it describes may exchange with the workload. The address
of a possible pod is not known; what an ipBlock allows is listed separately, by addresses.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import partial, reduce
from itertools import combinations, product
from operator import and_, or_
from typing import Final

import msgspec

from ringfence.analysis.endpoints import Endpoint, about_endpoints, internet_addresses, represented_alone
from ringfence.analysis.lists.checked_examples import SaidOfPods, checked_examples
from ringfence.analysis.lists.isolated_workloads import label_assumptions
from ringfence.engine.answers import (
    UndefinedOrder,
    assumed_orders,
    assumed_port,
    outside_assumptions,
    port_names_as_written,
    priorities_of_stack,
    priorities_outside,
    unapplied_matches,
)
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Action, OwnPorts, Stack, own_ports
from ringfence.engine.population import POSSIBLE_PODS, Identity, Member, Reference
from ringfence.engine.possible import (
    NO_POSSIBLE_TRAFFIC,
    Budget,
    ByNamespace,
    ByTraffic,
    Counterparts,
    ExamplePod,
    PossiblePods,
    PossibleTraffic,
    Smallest,
    Universe,
    by_labels,
    side_of_stack,
    subjects_everywhere,
    united,
)
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.metadata import Labels
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family
from ringfence.sets.bitsets import Bitset
from ringfence.sets.partitions import Partition
from ringfence.sets.regions import Region
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

MOST_STEPS: Final = 1_000_000
"""Up to ten seconds and 0.4 GB. 10,000 policies as people write them take four fifths of that."""
_POLICIES: Final = 8_000
"""With more policies, the bound grows as their number does."""

_MOST_COMBINED: Final = 5
"""With more port names than these in the rules for one pod, no combinations of them at one port are tried."""

_STEPS_OF_AN_EXAMPLE: Final = 10
"""An example is a question to the engine for existing pods. Examples have a bound of their own, which is as large."""


class ExposedTo(msgspec.Struct, frozen=True):
    """Possible pods, and the traffic allowed between each of them and a workload.

    `example` is one of them; the engine for existing pods was asked about it and says the same.
    """

    pods: PossiblePods
    traffic: PossibleTraffic
    example: ExamplePod | None = None


class Exposure(msgspec.Struct, frozen=True, cache_hash=True):
    """What could reach some workloads (ingress), or what they could reach (egress): the same for each of them.

    `pods` are disjoint, and so are `addresses`. `whole_cluster` is the traffic allowed with every possible pod of any
    namespace, `internet` the traffic allowed with every address of the internet. `exempt` says why no policy applies to
    the workloads.
    """

    workloads: tuple[Reference, ...]
    direction: Direction
    isolated: bool
    exempt: str
    pods: tuple[ExposedTo, ...]
    addresses: tuple[tuple[Addresses, Traffic], ...]
    whole_cluster: PossibleTraffic
    internet: Traffic


class ExposureList(msgspec.Struct, frozen=True):
    """The exposure of workloads, those with equal exposure in one row, and the existing namespaces."""

    rows: tuple[Exposure, ...]
    namespaces: tuple[str, ...]
    assumptions: tuple[str, ...] = ()

    def to_pods(self, direction: Direction, asked: Traffic) -> "ExposureList":
        """Only the exposure to pods, in one direction and on some traffic."""
        rows = []
        for one in self.rows:
            within = [msgspec.structs.replace(row, traffic=row.traffic.within(asked)) for row in one.pods]
            if one.direction is direction:
                rows.append(msgspec.structs.replace(one, pods=tuple(filter(_passes, within)), addresses=()))
        return msgspec.structs.replace(self, rows=tuple(rows))


def _passes(row: ExposedTo) -> bool:
    return bool(row.traffic)


def budget_of(state: State) -> Budget:
    """The bound for the exposure of all pods of a cluster."""
    policies = sum(1 for _ in state.tiers.policies())
    return Budget(MOST_STEPS * max(_POLICIES, policies) // _POLICIES)


def exposure(state: State, *, namespace: str | None = None, examples: bool = False) -> ExposureList:
    """The exposure of all workloads of a namespace, or of all, with or without an example in each row.

    Raises Undecided if selectors overlap in too many ways.
    """
    members = list(state.members() if namespace is None else state.members_in(namespace))
    budget = budget_of(state)
    return _listed(state, members, Universe(state.namespaces, budget.step), budget, examples=examples)


def exposure_of(state: State, endpoints: Sequence[Endpoint], *, examples: bool = False) -> ExposureList:
    """The exposure of the pods of endpoints; for an `any-pod:` endpoint, the exposure of each part of its possible
    pods.

    Parts are divided by everything that policies read of them, so all pods of a part have the same exposure. Raises
    EndpointError for an endpoint outside the cluster.
    """
    members: list[Member] = []
    spaces: dict[str, Labels] = {}
    divided = [represented_alone(state, one) for one in endpoints]
    for endpoint in divided:
        for end in endpoint.ends:
            if not isinstance(end, Member):
                raise EndpointError(f"{endpoint.text} is outside the cluster: exposure is about pods")
            members.append(end)
        spaces |= endpoint.spaces
    budget = budget_of(state)
    # For all other pods, the namespace of an example does not exist yet, unless the question names it.
    named = {one.possible.namespace for one in endpoints if one.possible and one.possible.namespace}
    asked = [pod.namespace for pod in members if pod.namespace not in spaces or pod.namespace in named]
    supposed = {name: state.namespaces.labels(name) for name in asked}
    universe = Universe(state.namespaces, budget.step, supposed)
    with state.supposing_pods(members, spaces):
        found = _listed(state, members, universe, budget, examples=examples)
    rows = sorted((_with_whole_endpoints(row, divided) for row in found.rows), key=_place_in_list)
    return msgspec.structs.replace(found, rows=tuple(rows), assumptions=about_endpoints(found.assumptions, divided))


def _with_whole_endpoints(row: Exposure, endpoints: Iterable[Endpoint]) -> Exposure:
    """A row that names an endpoint in place of its parts, if all of them are in it."""
    named = dict.fromkeys(row.workloads)
    for endpoint in endpoints:
        parts = {end.reference for end in endpoint.ends if isinstance(end, Member)}
        if len(endpoint.parts) > 1 and parts <= named.keys():
            named = dict.fromkeys(one for one in named if one not in parts)
            named[Reference("", POSSIBLE_PODS, endpoint.text)] = None
    return msgspec.structs.replace(row, workloads=tuple(sorted(named)))


def _place_in_list(row: Exposure) -> tuple[tuple[Reference, ...], bool]:
    return row.workloads, row.direction is Direction.EGRESS


def _listed(
    state: State, members: Sequence[Member], universe: Universe, budget: Budget, *, examples: bool
) -> ExposureList:
    # Equal exposure is one row: in most clusters, hundreds of workloads share a few.
    together: defaultdict[Exposure, list[tuple[Reference, Member]]] = defaultdict(list)
    with budget.deciding():
        exposed = _Exposed(state, universe, budget)
        for direction in Direction:
            for one, workload, pod in _by_workload(state, members, exposed, direction):
                together[one].append((workload, pod))
        assumptions = _assumptions(state, members, exposed)
    rows = list(together)
    if examples:
        Budget(MOST_STEPS).step(_STEPS_OF_AN_EXAMPLE * sum(len(row.pods) for row in rows))
        rows = _with_examples(state, {one: pods[0][1] for one, pods in together.items()})
    listed = [
        msgspec.structs.replace(row, workloads=tuple(sorted(workload for workload, _ in pods)))
        for row, pods in zip(rows, together.values(), strict=True)
    ]
    listed.sort(key=_place_in_list)
    return ExposureList(tuple(listed), tuple(universe.existing), assumptions)


def _with_examples(state: State, pods: Mapping[Exposure, Member]) -> list[Exposure]:
    """Exposures, each of a pod, with an example in each row."""
    claims = (SaidOfPods(pod, one.direction, row.pods, row.traffic) for one, pod in pods.items() for row in one.pods)
    examples = iter(checked_examples(state, claims))
    return [
        msgspec.structs.replace(
            one, pods=tuple(msgspec.structs.replace(row, example=next(examples)) for row in one.pods)
        )
        for one in pods
    ]


def _by_workload(
    state: State, members: Iterable[Member], exposed: "_Exposed", direction: Direction
) -> Iterator[tuple[Exposure, Reference, Member]]:
    """The exposure of each workload whose pods all have the same, otherwise of each of its pods; with a pod."""
    of_workloads: defaultdict[Reference, dict[Member, Exposure]] = defaultdict(dict)
    for member in members:
        of_workloads[state.workload(member)][member] = exposed.of(member, direction)
    for workload, pods in of_workloads.items():
        if len(set(pods.values())) == 1:
            pod, one = next(iter(pods.items()))
            yield one, workload, pod
        else:
            yield from ((one, pod.reference, pod) for pod, one in pods.items())


class _Exposed:
    """Computes the exposure of pods, once for all pods that no policy distinguishes."""

    def __init__(self, state: State, universe: Universe, budget: Budget) -> None:
        self._state = state
        self._budget = budget
        self._universe = universe
        self._smallest = Smallest(universe)
        self._counterparts = {
            direction: Counterparts(state.tiers, state.population, universe, direction, budget)
            for direction in Direction
        }
        self._internet = internet_addresses(state)
        self._found: dict[tuple[Identity, Direction], Exposure] = {}
        self._rows: dict[ByNamespace, tuple[tuple[ExposedTo, ...], PossibleTraffic]] = {}
        self._by_labels: dict[ByTraffic, Partition[Region, PossibleTraffic]] = {}
        self._outside: dict[tuple[Stack, OwnPorts], tuple[tuple[tuple[Addresses, Traffic], ...], Traffic]] = {}

    def of(self, member: Member, direction: Direction) -> Exposure:
        """The exposure of one pod, without its name."""
        identity = self._state.identity(member)
        found = self._found.get((identity, direction))
        if found is None:
            found = self._found[identity, direction] = self._find(member, identity, direction)
        return found

    def priorities(self, members: Sequence[Member]) -> Iterator[str]:
        """Sentences about policies with the same priority whose order decides about some of the pods.

        The other side of the connections is not looked at, although it may deny what these policies disagree about.
        """
        return map(str, assumed_orders(self._undefined_orders(members)))

    def _undefined_orders(self, members: Sequence[Member]) -> Iterator[UndefinedOrder]:
        tiers, families = self._state.tiers, self._state.population.decisive_families()
        # NetworkPolicies have no priority, so there is no order that could be undefined.
        if all(isinstance(policy.policy, NetworkPolicy) for policy in tiers.policies()):
            return
        identities = {self._state.identity(member): None for member in members}
        bits = bitsets.of(identity.bit for identity in identities)
        for direction, counterparts in self._counterparts.items():
            yield from priorities_outside(self._state, members, direction, ALL_ADDRESSES, ALL_TRAFFIC)
            stacks = {identity: tiers.stack(identity, direction) for identity in identities}
            for stack, own in {(stack, own_ports(stack, one)): None for one, stack in stacks.items()}:
                yield from priorities_of_stack(stack, partial(counterparts.of_stack, own=own), ALL_TRAFFIC)
            parts = subjects_everywhere(tiers, self._universe, direction.opposite, self._budget)
            for stack, family in product(dict.fromkeys(stack for _, stack in parts), families):
                for names in _names_of_a_port(stack):
                    self._budget.step()
                    toward = partial(self._toward, bits=bits, family=family, names=names)
                    yield from priorities_of_stack(stack, toward, ALL_TRAFFIC)

    def _toward(self, stack: Stack, bits: Bitset, family: Family, names: Set[str]) -> Partition[Bitset, Traffic]:
        """What a stack of possible pods allows with some existing pods, at ports of the possible pods with `names`."""
        sides = side_of_stack(self._state.tiers, self._state.population, stack, family, names)
        return [(pods & bits, traffic) for pods, traffic in sides]

    def _find(self, member: Member, identity: Identity, direction: Direction) -> Exposure:
        stack = self._state.tiers.stack(identity, direction)
        rows, whole = self._pods(self._counterparts[direction].by_namespace(identity))
        addresses, internet = self._addresses(stack, own_ports(stack, identity))
        return Exposure(
            (),
            direction,
            any(profile.otherwise is Action.DENY for profile in stack),
            "it uses its node's network, and policies do not apply to it" if member.host_network else "",
            rows,
            addresses,
            whole,
            internet,
        )

    def _addresses(self, stack: Stack, own: OwnPorts) -> tuple[tuple[tuple[Addresses, Traffic], ...], Traffic]:
        """The traffic with addresses, and with all of the internet: the same for all pods with these policies."""
        found = self._outside.get((stack, own))
        if found is None:
            cells = self._state.tiers.addresses_of(stack, own)
            inside = [traffic for addresses, traffic in cells if addresses & self._internet]
            passing = tuple((addresses, traffic) for addresses, traffic in cells if traffic)
            found = self._outside[stack, own] = passing, reduce(and_, inside) if inside else NO_TRAFFIC
        return found

    def _pods(self, found: ByNamespace) -> tuple[tuple[ExposedTo, ...], PossibleTraffic]:
        """The rows of possible pods, and the traffic that is allowed with every one of them."""
        known = self._rows.get(found)
        if known is None:
            existing = {name: self._of_labels(cells) for name, cells in found.existing}
            to_come = self._of_labels(found.to_come)
            by_pods = united(self._universe, existing, to_come)
            rows = [ExposedTo(pods, traffic) for region, traffic in by_pods for pods in self._smallest.describe(region)]
            # Regions have no order of their own, and a list must be the same in every run.
            rows.sort(key=lambda row: row.pods.order)
            # Nearly always some pods of namespaces that do not exist yet have no traffic. Then the rest need not be
            # compared.
            is_everything = (
                self._united(to_come) is self._universe.to_come
                and len(existing) == len(self._universe.existing)
                and all(self._united(cells) is self._universe.regions.everything for cells in existing.values())
            )
            whole = _in_all([traffic for _, traffic in by_pods]) if is_everything else NO_POSSIBLE_TRAFFIC
            known = self._rows[found] = tuple(rows), whole
        return known

    def _of_labels(self, cells: ByTraffic) -> Partition[Region, PossibleTraffic]:
        """A partition by traffic as one by labels alone, cached because most namespaces share a few partitions."""
        found = self._by_labels.get(cells)
        if found is None:
            found = self._by_labels[cells] = by_labels(self._universe, cells)
        return found

    def _united(self, cells: Partition[Region, PossibleTraffic]) -> Region:
        return reduce(or_, (region for region, _ in cells), self._universe.regions.nothing)


def _names_of_a_port(stack: Stack) -> Iterator[Set[str]]:
    """The names that a port of a possible pod may have, as far as the ingress rules of a stack distinguish them.

    A pod may give several names to one port. If rules name many ports, only single names are tried.
    """
    profiles = (profile for profile in stack if profile.direction is Direction.INGRESS)
    names = sorted({name for profile in profiles for name, _ in profile.port_names})
    for size in range(len(names) + 1 if len(names) <= _MOST_COMBINED else 2):
        yield from map(frozenset, combinations(names, size))


def _in_all(some: Sequence[PossibleTraffic]) -> PossibleTraffic:
    """The traffic that is in all of `some`. Of several, traffic by port name is left out: names rarely agree."""
    return some[0] if len(some) == 1 else PossibleTraffic(reduce(and_, (one.by_number for one in some)))


def _assumptions(state: State, members: Sequence[Member], exposed: _Exposed) -> tuple[str, ...]:
    """The assumptions of the list.

    Policies of unsupported kinds may select possible pods, the order of policies with the same priority is not defined,
    values of labels may be unknown, and so are the ports of a listed pod that does not exist yet. Plugins may apply
    policies to hostNetwork pods.
    """
    doubts = (doubt_text(policy, direction) for policy in state.doubts for direction in policy.directions())
    outside = outside_assumptions(state, members, ALL_ADDRESSES, ALL_TRAFFIC)
    labels = label_assumptions(state, list(members))
    ports = _assumed_ports(state, members, exposed)
    hosts = unapplied_matches(state, members).sentences()
    return tuple(dict.fromkeys((*doubts, *outside, *exposed.priorities(members), *labels, *ports, *hosts)))


def _assumed_ports(state: State, members: Iterable[Member], exposed: _Exposed) -> Iterator[str]:
    """The port names that rules about the ingress of pods which do not exist yet read, if they could change it."""
    for pod in (member for member in members if member.is_possible):
        stack = state.tiers.stack(state.identity(pod), Direction.INGRESS)
        # Where everything passes, a rule that allows can change nothing, but one that denies can.
        if all(profile.allows_only for profile in stack) and _is_open(exposed.of(pod, Direction.INGRESS)):
            continue
        names = sorted({name for profile in stack for name in profile.port_names})
        yield from (assumed_port(pod, name) for name in port_names_as_written(names))


def _is_open(one: Exposure) -> bool:
    """Whether all traffic is allowed with every possible pod and every address."""
    outside = (one.internet, *(traffic for _, traffic in one.addresses))
    return all(traffic == ALL_TRAFFIC for traffic in (one.whole_cluster.by_number, *outside))
