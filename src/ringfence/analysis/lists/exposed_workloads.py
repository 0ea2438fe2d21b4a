"""Exposure: which pods that do not exist yet could reach each workload, and which each workload could reach.

What a pod to come may do depends on its labels and on those of its namespace, and on nothing else: so the answer is
selectors of them, disjoint, and a pod that they describe may do exactly what stands beside them. Its address is not
known; what an ipBlock allows is listed as addresses, apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Final

import msgspec

from ringfence.analysis.endpoints import Endpoint, internet_addresses
from ringfence.analysis.lists.checked_examples import SaidOfPods, checked_examples
from ringfence.analysis.lists.isolated_workloads import label_assumptions
from ringfence.engine.doubts import doubt_text
from ringfence.engine.policies import Action
from ringfence.engine.population import Identity, Member, Reference
from ringfence.engine.possible import (
    NO_POSSIBLE_TRAFFIC,
    Budget,
    ByTraffic,
    Counterparts,
    ExamplePod,
    PossiblePods,
    PossibleTraffic,
    Smallest,
    Universe,
    by_labels,
)
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Addresses
from ringfence.sets.partitions import Partition
from ringfence.sets.regions import Region
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

MOST_STEPS: Final = 2_000_000
"""Some twenty seconds and 1 GB. 10,000 policies as people write them take a third of that."""


class ExposedTo(msgspec.Struct, frozen=True):
    """Pods that do not exist yet, and the traffic that passes between each of them and a workload.

    `example` is one of them, of which an ordinary engine says the same.
    """

    pods: PossiblePods
    traffic: PossibleTraffic
    example: ExamplePod | None = None


class Exposure(msgspec.Struct, frozen=True):
    """What could reach some workloads (ingress), or what they could reach (egress): the same for each of them.

    `pods` are disjoint, and so are `addresses`. `whole_cluster` is what passes between a workload and every pod that
    could come to any namespace, `internet` what passes between it and every address of the internet. `exempt` says why
    no policy applies to the workloads.
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
    """The exposure of workloads, equal ones as one, and the namespaces that exist."""

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


def exposure(state: State, *, namespace: str | None = None, examples: bool = False) -> ExposureList:
    """The exposure of everything that runs in a namespace, or in all, with or without an example in each row.

    Raises Undecided where selectors overlap in too many ways.
    """
    members = list(state.members() if namespace is None else state.members_in(namespace))
    return _listed(state, members, examples=examples)


def exposure_of(state: State, endpoints: Sequence[Endpoint], *, examples: bool = False) -> ExposureList:
    """The exposure of the pods of endpoints. Raises EndpointError for one that leads outside the cluster."""
    members = []
    for endpoint in endpoints:
        if endpoint.possible is not None:
            raise EndpointError(f"{endpoint.text}: exposure is about single pods: use pod:NAMESPACE/KEY=VALUE,...")
        for end in endpoint.ends:
            if not isinstance(end, Member):
                raise EndpointError(f"{endpoint.text} is outside the cluster: exposure is about pods")
            members.append(end)
    with state.supposing_pods(members):
        return _listed(state, members, examples=examples)


def _listed(state: State, members: Sequence[Member], *, examples: bool) -> ExposureList:
    budget = Budget(MOST_STEPS)
    together: defaultdict[Exposure, list[tuple[Reference, Member]]] = defaultdict(list)
    with budget.deciding():
        exposed = _Exposed(state, budget)
        for direction in Direction:
            for one, workload, pod in _by_workload(state, members, exposed, direction):
                together[one].append((workload, pod))
    rows = list(together)
    if examples:
        rows = _with_examples(state, {one: pods[0][1] for one, pods in together.items()})
    listed = [
        msgspec.structs.replace(row, workloads=tuple(sorted(workload for workload, _ in pods)))
        for row, pods in zip(rows, together.values(), strict=True)
    ]
    listed.sort(key=lambda row: (row.workloads, row.direction is Direction.EGRESS))
    return ExposureList(tuple(listed), tuple(state.namespaces.names()), _assumptions(state, members))


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
    """The exposure of each workload whose pods are all exposed alike, otherwise of each of its pods; with a pod."""
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
    """Finds the exposure of pods, once for all that no policy can tell apart."""

    def __init__(self, state: State, budget: Budget) -> None:
        self._state = state
        universe = Universe(state.namespaces, budget.step)
        self._universe = universe
        self._smallest = Smallest(universe)
        self._counterparts = {
            direction: Counterparts(state.tiers, state.population, universe, direction, budget)
            for direction in Direction
        }
        self._internet = internet_addresses(state)
        self._found: dict[tuple[Identity, Direction], Exposure] = {}
        self._rows: dict[ByTraffic, tuple[tuple[ExposedTo, ...], PossibleTraffic]] = {}

    def of(self, member: Member, direction: Direction) -> Exposure:
        """The exposure of one pod, without its name."""
        identity = self._state.identity(member)
        found = self._found.get((identity, direction))
        if found is None:
            found = self._found[identity, direction] = self._find(member, identity, direction)
        return found

    def _find(self, member: Member, identity: Identity, direction: Direction) -> Exposure:
        tiers = self._state.tiers
        rows, whole = self._pods(self._counterparts[direction].of(identity))
        cells = tiers.allowed_addresses(identity, direction)
        inside = [traffic for addresses, traffic in cells if addresses & self._internet]
        return Exposure(
            (),
            direction,
            any(profile.otherwise is Action.DENY for profile in tiers.stack(identity, direction)),
            "it uses its node's network, and policies do not apply to it" if member.host_network else "",
            rows,
            tuple((addresses, traffic) for addresses, traffic in cells if traffic),
            whole,
            reduce(and_, inside) if inside else NO_TRAFFIC,
        )

    def _pods(self, cells: ByTraffic) -> tuple[tuple[ExposedTo, ...], PossibleTraffic]:
        """The rows of a partition by traffic, and what passes with every possible pod."""
        found = self._rows.get(cells)
        if found is None:
            by_pods: Partition[Region, PossibleTraffic] = by_labels(self._universe, cells)
            rows = [ExposedTo(pods, traffic) for region, traffic in by_pods for pods in self._smallest.describe(region)]
            rows.sort(key=lambda row: row.pods.order)
            found = self._rows[cells] = tuple(rows), self._with_all(by_pods)
        return found

    def _with_all(self, by_pods: Partition[Region, PossibleTraffic]) -> PossibleTraffic:
        """What passes with every possible pod."""
        if not self._universe.is_everything(region for region, _ in by_pods):
            return NO_POSSIBLE_TRAFFIC
        if len(by_pods) == 1:
            return by_pods[0][1]
        return PossibleTraffic(reduce(and_, (traffic.by_number for _, traffic in by_pods)))


def _assumptions(state: State, members: Sequence[Member]) -> tuple[str, ...]:
    """What the list depends on: policies that are not read may select pods to come, and labels that are not known."""
    doubts = (doubt_text(policy, direction) for policy in state.doubts for direction in policy.directions())
    return tuple(dict.fromkeys((*doubts, *label_assumptions(state, list(members)))))
