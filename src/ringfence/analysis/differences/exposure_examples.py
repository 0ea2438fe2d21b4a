"""Checks claims about possible pods with examples, which take part in both clusters like existing pods.

The claims are computed with selectors. The engine for existing pods then checks each with an example, before and after,
and finds the causes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import NamedTuple

import msgspec

from ringfence.analysis.differences.causes import Cause, Causes, ConnectionChange, Origins
from ringfence.analysis.differences.matched_workloads import ClusterView, Matched, former_policies
from ringfence.analysis.differences.relabelling import Relabelling
from ringfence.analysis.differences.sides import SideClass
from ringfence.analysis.lists import PodGroup
from ringfence.engine.answers import side_traffic, traffic_between
from ringfence.engine.population import Member, NamedPort, Namespaces, possible_pod
from ringfence.engine.possible import ExamplePod, PossiblePods, PossibleTraffic, example
from ringfence.engine.state import State
from ringfence.model.metadata import Labels
from ringfence.model.policies import Direction
from ringfence.sets import bitsets
from ringfence.sets.bitsets import Bitset
from ringfence.sets.traffic import ALL_TRAFFIC, PROTOCOLS, Traffic


class ExposureClaim(msgspec.Struct, frozen=True):
    """The claim that `traffic` was opened or closed between each of the possible pods and each of the workloads."""

    kind: ConnectionChange
    direction: Direction
    workloads: Bitset
    pods: tuple[PossiblePods, ...]
    traffic: PossibleTraffic


class ExplainedClaim(msgspec.Struct, frozen=True):
    """One of the possible pods, and why the claim holds for it and one of the workloads."""

    example: ExamplePod
    causes: tuple[Cause, ...]


class ComparedViews(NamedTuple):
    """Two clusters in which claims are tried.

    Both can be one state at two times: it is the earlier cluster now, and the later one inside `changed`. `origins`
    are where the policies of the second cluster were read, if these do not say so themselves.
    """

    views: tuple[ClusterView, ClusterView]
    matched: tuple[Matched, ...]
    changed: Callable[[], AbstractContextManager[None]] = nullcontext
    origins: Origins | None = None


class _Tried(msgspec.Struct, frozen=True):
    """An example for the claim with index `claim`: of the traffic `asked`, exactly `expected` must have changed."""

    claim: int
    example: ExamplePod
    pod: Member
    asked: Traffic
    expected: Traffic


def explained_claims(
    compared: ComparedViews, claims: Sequence[ExposureClaim]
) -> Iterator[tuple[ExposureClaim, ExplainedClaim]]:
    """Each claim with an example and its causes. Raises AssertionError for one that does not hold: a defect."""
    namespaces = _namespaces_of_both(compared.views)
    examples: list[ExamplePod | None] = [None] * len(claims)
    found: list[set[Cause]] = [set() for _ in claims]
    waiting = [(number, pods) for number, claim in enumerate(claims) for pods in claim.pods]
    # Examples that need different labels for one namespace cannot exist together, so they take several rounds; each
    # round places at least one.
    while waiting:
        tried, waiting = _together(namespaces, claims, waiting)
        for one, why in _explained(compared, claims, tried):
            examples[one.claim] = examples[one.claim] or one.example
            found[one.claim].update(why)
    for claim, shown, causes in zip(claims, examples, found, strict=True):
        assert shown is not None
        yield claim, ExplainedClaim(shown, tuple(sorted(causes, key=lambda cause: cause.order)))


def _namespaces_of_both(views: tuple[ClusterView, ClusterView]) -> Namespaces:
    """The namespaces that exist in either cluster; of those in both, the labels after the change."""
    found = Namespaces()
    for view in views:
        for name in view.state.namespaces.names():
            found.define(name, view.state.namespaces.labels(name))
    return found


def _together(
    namespaces: Namespaces, claims: Sequence[ExposureClaim], waiting: Sequence[tuple[int, PossiblePods]]
) -> tuple[list[_Tried], list[tuple[int, PossiblePods]]]:
    """Examples that can exist at the same time, because they agree on the labels of each namespace; and the others."""
    spaces: dict[str, Labels] = {}
    tried: list[_Tried] = []
    left = []
    for number, pods in waiting:
        try:
            one = example(namespaces, pods, spaces)
        except ValueError:
            left.append((number, pods))
            continue
        spaces.setdefault(one.namespace, one.namespace_labels)
        tried.append(_Tried(number, one, *_pod(one, claims[number].traffic)))
    return tried, left


def _pod(one: ExamplePod, traffic: PossibleTraffic) -> tuple[Member, Traffic, Traffic]:
    """The example as a pod of the engine, the traffic to ask about, and the part of it that must have changed.

    If nothing changes for a pod without port names, the pod gets a port with the names for which something changes.
    """
    plain = possible_pod(one.namespace, one.labels)
    if expected := traffic.to_port(()):
        return plain, ALL_TRAFFIC, expected
    first = traffic.by_name[0]
    # The names may belong to several protocols, and the changed traffic may be of another protocol than the names.
    protocol, number = next((one, found[0][0]) for one in PROTOCOLS if (found := first.traffic.ports(one)))
    ports = frozenset(NamedPort(name, of, number) for name, of in first.names)
    # Pods of several claims take part at the same time, so pods with different ports need different names.
    named = ",".join(f"{name}:{number}/{of}" for name, of in sorted(first.names))
    reference = msgspec.structs.replace(plain.reference, name=f"{plain.name} {named}")
    asked = Traffic.of(protocol, ((number, number),))
    return msgspec.structs.replace(plain, reference=reference, named_ports=ports), asked, asked


class _Passing(NamedTuple):
    """The traffic between an example and a workload: `in_all` is allowed by both sides, `by_side` by each of them."""

    in_all: Traffic
    by_side: Mapping[Direction, Traffic]


def _explained(
    compared: ComparedViews, claims: Sequence[ExposureClaim], tried: Sequence[_Tried]
) -> list[tuple[_Tried, tuple[Cause, ...]]]:
    views, matched = compared.views, compared.matched
    old, new = (view.state for view in views)
    spaces: Mapping[str, Labels] = {one.example.namespace: one.example.namespace_labels for one in tried}
    pods = list({one.pod.reference: one.pod for one in tried}.values())
    places = {pod.reference: len(matched) + number for number, pod in enumerate(pods)}
    ends = [_ends(claims[one.claim], places[one.pod.reference]) for one in tried]
    with ExitStack() as supposing:
        for state in (old,) if old is new else (old, new):
            supposing.enter_context(state.supposing_pods(pods, spaces))
        groups = [_groups(state, pods) for state in (old, new)]
        former = former_policies(old, [group.identity for group in groups[0]]) if old is new else {}
        before = views[0].with_groups(groups[0], former)
        was = [_passing(before, *pair) for pair in ends]
        with compared.changed():
            after = views[1].with_groups(groups[1])
            together = (*matched, *(Matched(one.reference, one, other) for one, other in zip(*groups, strict=True)))
            causes = Causes(before, after, Relabelling(before, after, together), compared.origins)
            return [
                (one, _causes(causes, claims[one.claim], one, pair, (then, _passing(after, *pair))))
                for one, pair, then in zip(tried, ends, was, strict=True)
            ]


def _groups(state: State, pods: Iterable[Member]) -> list[PodGroup]:
    return [PodGroup(pod.reference, state.identity(pod), pod, ALL_TRAFFIC, True) for pod in pods]


def _ends(claim: ExposureClaim, example: int) -> tuple[int, int]:
    """The places of the source and of the destination, of which one is the example and the other a workload."""
    workload = next(bitsets.members(claim.workloads))
    return (example, workload) if claim.direction is Direction.INGRESS else (workload, example)


def _passing(view: ClusterView, source: int, destination: int) -> _Passing:
    one, other = view.members[source], view.members[destination]
    by_side = {
        Direction.EGRESS: side_traffic(view.state, one, Direction.EGRESS, other),
        Direction.INGRESS: side_traffic(view.state, other, Direction.INGRESS, one),
    }
    return _Passing(traffic_between(view.state, one, other), by_side)


def _causes(
    causes: Causes, claim: ExposureClaim, tried: _Tried, ends: tuple[int, int], passing: tuple[_Passing, _Passing]
) -> tuple[Cause, ...]:
    """The causes of a claim for one workload and one example. Raises AssertionError if the claim does not hold."""
    was, now = passing
    opened = claim.kind is ConnectionChange.OPENED
    allowing, denying = (now, was) if opened else (was, now)
    changed = (allowing.in_all - denying.in_all) & tried.asked
    assert changed == tried.expected, f"{claim} is wrong of {tried.pod}: {was} before, {now} after"
    source, destination = ends
    decisions = [
        (SideClass(direction, 1 << subject, subject, []), 1 << peer, stopped)
        for direction, subject, peer in (
            (Direction.EGRESS, source, destination),
            (Direction.INGRESS, destination, source),
        )
        if (stopped := changed - denying.by_side[direction])
    ]
    return causes.of(decisions, 1 << source, 1 << destination, opened=opened)
