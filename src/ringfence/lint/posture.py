"""Shared code of the rules about posture: which workloads are isolated, and what isolated ones still allow.

A workload is isolated in a direction if a NetworkPolicy isolates its pods, or if a policy of administrators denies them
all traffic with all pods. HostNetwork pods cannot be isolated and have a separate rule (RF210).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial, reduce
from itertools import chain, islice
from operator import and_
from typing import Any, Final

import msgspec

from ringfence.engine.policies import Action, CompiledPolicy, CompiledRule, OwnPorts, Stack, own_ports
from ringfence.engine.population import Member, Reference, possible_pod
from ringfence.engine.possible import Budget, Counterparts, Undecided, Universe
from ringfence.lint.findings import IsolationCoverage, name_of_reference
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Premise, doubtful
from ringfence.lint.rule import MOST_RELATED, Hit, ObjectHit, Unknown
from ringfence.model.metadata import NO_LABELS
from ringfence.model.policies import Direction
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

Workloads = dict[Reference, list[Member]]
Passing = Callable[[Stack, OwnPorts], Traffic]
"""Gives the traffic that the policies of a pod allow with all of certain peers, such as the whole internet."""

_MOST_STEPS: Final = 1_000_000


def is_of_the_system(linted: Linted, namespace: str) -> bool:
    """Whether a namespace is a system namespace, whose pods are left out."""
    return namespace in linted.settings.system_namespaces


def running_workloads(linted: Linted) -> Workloads:
    """The workloads without hostNetwork, with their pods; system namespaces are left out."""
    return linted.remembered("running workloads", partial(_by_workload, linted))


def _by_workload(linted: Linted) -> Workloads:
    found: defaultdict[Reference, list[Member]] = defaultdict(list)
    for pod in linted.state.members():
        # Pods of the system need more access than others, and their policies are not those of the user.
        if not pod.host_network and not is_of_the_system(linted, pod.namespace):
            found[linted.state.workload(pod)].append(pod)
    return {workload: found[workload] for workload in sorted(found)}


def is_isolated(linted: Linted, pod: Member, direction: Direction) -> bool:
    """Whether only traffic that some rule allows is allowed to or from a pod."""
    stack = linted.state.tiers.stack(linted.state.identity(pod), direction)
    return any(
        profile.otherwise is Action.DENY or any(_denies_all_pods(rule) for rule in profile.rules) for profile in stack
    )


def _denies_all_pods(rule: CompiledRule) -> bool:
    return rule.action is Action.DENY and rule.traffic == ALL_TRAFFIC and is_about_all_pods(rule)


def is_about_all_pods(rule: CompiledRule) -> bool:
    """Whether a rule names no peers, or has a peer that selects all pods of all namespaces."""
    return rule.peers.everyone or any(
        not one.pods.terms and one.namespaces is not None and not one.namespaces.terms for one in rule.peers.selections
    )


def open_workloads(linted: Linted, direction: Direction) -> Iterator[ObjectHit]:
    """Findings for workloads with a pod that is not isolated."""
    for workload, pods in running_workloads(linted).items():
        opened = tuple(pod for pod in pods if not is_isolated(linted, pod, direction))
        if opened:
            some = "" if len(opened) == len(pods) else f" of {len(opened)} of its {len(pods)} pods"
            what = f"the {direction.field}{some}" if some else f"its {direction.field}"
            everybody = "every pod and every address may connect to it"
            if direction is Direction.EGRESS:
                everybody = "it may connect to every pod and every address"
            yield ObjectHit(
                name_of_reference(workload),
                linted.place_of(workload),
                f"no policy isolates {what}: {everybody}",
                f"select it in a policy with {direction.value} in its policyTypes, or deny all by default",
                premises=(Premise(opened, direction),),
            )


def open_namespaces(linted: Linted, direction: Direction) -> Iterator[ObjectHit]:
    """Findings for namespaces in which a new pod without labels would not be isolated."""
    known = linted.state.namespaces
    # Without the whole cluster, a namespace that is only mentioned may have policies elsewhere.
    named = known.names() if linted.is_complete else filter(known.is_defined, known.names())
    names = sorted({*named, *linted.namespaces_with_objects} - set(linted.settings.system_namespaces))
    pods = [possible_pod(name, NO_LABELS) for name in names]
    # One pod in each namespace at once: supposing them one by one would divide identities each time.
    with linted.state.supposing_pods(pods):
        opened = [pod for pod in pods if not is_isolated(linted, pod, direction)]
    for pod in opened:
        yield ObjectHit(
            f"Namespace {pod.namespace}",
            linted.place_of(Reference("", "Namespace", pod.namespace)),
            f"a new pod without labels would not be isolated for {direction.field}",
            f"add a policy with podSelector: {{}} and policyTypes: [{direction.value}] that has no rules",
            premises=(Premise((pod,), direction),),
        )


def isolation_coverage(linted: Linted) -> IsolationCoverage | None:
    """How many workloads have all pods isolated for ingress and for egress; None if the input has no workloads."""
    workloads = running_workloads(linted)
    if not workloads:
        return None
    ingress, egress = (
        sum(all(is_isolated(linted, pod, direction) for pod in pods) for pods in workloads.values())
        for direction in (Direction.INGRESS, Direction.EGRESS)
    )
    return IsolationCoverage(len(workloads), ingress, egress)


# --- what isolated workloads leave open -------------------------------------------------------------------------------


class OpenWorkloads(msgspec.Struct, frozen=True):
    """A rule that allows traffic to isolated workloads which should be limited, and these workloads.

    `path` is the field of the rule. If no single rule is the cause, `policy` is one that selects the workloads.
    """

    policy: CompiledPolicy[Any]
    path: str
    workloads: dict[Reference, list[Member]]
    traffic: Traffic

    def __str__(self) -> str:
        first, more = next(iter(self.workloads)), len(self.workloads) - 1
        return f"{first} and {more} more" if more else str(first)

    @property
    def pods(self) -> tuple[Member, ...]:
        """The pods of all workloads."""
        return tuple(chain.from_iterable(self.workloads.values()))


def openings(
    linted: Linted,
    direction: Direction,
    passing: Passing,
    is_meant: Callable[[CompiledRule], bool],
    without: Iterable[Reference] = (),
) -> Iterator[OpenWorkloads]:
    """The openings, one for each rule that causes one. Pods with the same policies are evaluated once.

    Workloads whose traffic is not known, because of policies that are not read, are separate openings.
    """
    known: dict[Hashable, Traffic] = {}
    found: dict[Hashable, OpenWorkloads] = {}
    left_out = frozenset(without)
    for workload, pods in running_workloads(linted).items():
        for pod in pods if workload not in left_out else ():
            if not is_isolated(linted, pod, direction):
                continue
            identity = linted.state.identity(pod)
            stack = linted.state.tiers.stack(identity, direction)
            own = own_ports(stack, identity)
            if (stack, own) not in known:
                known[stack, own] = passing(stack, own)
            if traffic := known[stack, own]:
                cause = _cause(stack, is_meant)
                # Certain and doubtful workloads are kept apart, because one doubt would withhold the whole finding.
                key = (*cause, doubtful(linted, [Premise((pod,), direction)]) is None)
                before = found.get(key) or OpenWorkloads(*cause, {}, NO_TRAFFIC)
                before.workloads.setdefault(workload, []).append(pod)
                found[key] = msgspec.structs.replace(before, traffic=before.traffic | traffic)
    return iter(found.values())


def _cause(stack: Stack, is_meant: Callable[[CompiledRule], bool]) -> tuple[CompiledPolicy[Any], str]:
    for profile in stack:
        for policy in profile.policies:
            for rule in policy.rules[profile.direction]:
                if rule.action is Action.ALLOW and is_meant(rule):
                    return policy, f"spec.{profile.direction.field}[{rule.index}]"
    # Several rules together open it, so none of them can be named.
    return stack[-1].policies[0], "spec"


def opening_hits(
    linted: Linted,
    direction: Direction,
    found: Iterable[OpenWorkloads],
    say: Callable[[str, Traffic], str],
    remedy: str,
) -> Iterator[Hit]:
    """A finding for each opening; `say` composes the message from the workloads and the traffic."""
    for one in found:
        premise = Premise(one.pods, direction)
        objects = tuple((workload, "a workload that it is about") for workload in islice(one.workloads, MOST_RELATED))
        message = say(str(one), one.traffic)
        yield Hit(one.policy, one.path, message, remedy, objects=objects, premises=(premise,))


def passing_with_all_pods(linted: Linted) -> Passing:
    """A function that gives the ingress traffic allowed from every possible pod of every possible namespace.

    It raises Undecided if selectors overlap in too many ways.
    """

    def counterparts() -> Counterparts:
        state, budget = linted.state, Budget(_MOST_STEPS)
        universe = Universe(state.namespaces, budget.step)
        return Counterparts(state.tiers, state.population, universe, Direction.INGRESS, budget)

    found = linted.remembered("counterparts", counterparts)

    def passing(stack: Stack, own: OwnPorts) -> Traffic:
        if not stack:
            return ALL_TRAFFIC
        return reduce(and_, (traffic for region, traffic in found.of_stack(stack, own) if region), ALL_TRAFFIC)

    return passing


def decided(found: Iterator[Hit | ObjectHit | Unknown]) -> Iterator[Hit | ObjectHit | Unknown]:
    """The findings of a rule; if the computation takes too many steps, `Unknown` is the last one."""
    try:
        yield from found
    except (Undecided, RecursionError) as error:
        yield Unknown(str(error) or "the requirements on labels overlap in too many ways")
