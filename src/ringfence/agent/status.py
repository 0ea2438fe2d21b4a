"""The status for `ringfence agent status`: which policies isolate each pod and since when, which are closed and why."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from time import time
from typing import Any, Final, NamedTuple

from ringfence.agent.closed_pods import ClosedReasons
from ringfence.agent.enforcement import Enforcement
from ringfence.agent.intake import Intake
from ringfence.agent.readiness import AgentParts, readiness_errors
from ringfence.agent.view import ObjectName, View
from ringfence.dataplane.compile import Address, PodPlacement
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import CLOSED
from ringfence.engine.policies import Action, CompiledPolicy, Stack
from ringfence.engine.population import Member
from ringfence.errors import InputError
from ringfence.model.policies import Direction
from ringfence.render.agent_status import (
    EnforcedAddress,
    EnforcedPod,
    EnforcedSide,
    PolicyProblem,
    RunningAgent,
    StatusReason,
    WaitingNamespace,
)
from ringfence.sets.addresses import address_text

MOST_POLICIES: Final = 100
"""The policies that are named for a pod and a direction at most: a tenant may have thousands."""

Counts = Mapping[tuple[Direction, Address], int]


class AgentReport:
    """The part of the status about the agent itself."""

    def __init__(self, parts: AgentParts, intake: Intake, now: Callable[[], float] = time) -> None:
        self._parts = parts
        self._intake = intake
        self._started = _time_text(now())

    def from_loop(self) -> RunningAgent:
        """The full report. Only the loop may ask for it."""
        now = self._parts.clock()
        waiting = (WaitingNamespace(name, changes, now - since) for name, changes, since in self._intake.waiting())
        return self._report(tuple(waiting), answers=True)

    def without_loop(self) -> RunningAgent:
        """The report for when the loop does not answer, without waiting namespaces. Any thread may ask for it."""
        return self._report((), answers=False)

    def _report(self, waiting: tuple[WaitingNamespace, ...], *, answers: bool) -> RunningAgent:
        parts = self._parts
        errors = readiness_errors(parts).items()
        return RunningAgent(
            node=parts.settings.node,
            mode=parts.settings.mode.value,
            started=self._started,
            answers=answers,
            lag_seconds=parts.lag.seconds(),
            not_ready=tuple(StatusReason(reason, message) for reason, message in errors),
            waiting=waiting,
        )


class _InForce(NamedTuple):
    """What is in force on the node, why pods are closed, and how many packets were denied."""

    enforcement: Enforcement
    closed: ClosedReasons
    counts: Counts


def enforced_pods(pod: str, parts: AgentParts, closed: ClosedReasons, kernel: Kernel) -> list[EnforcedPod]:
    """The status of a pod, given its name or one of its addresses, or of all pods of the node, sorted by name.

    Raises InputError, with the reason, for a pod that the agent of this node cannot isolate.
    """
    placements: defaultdict[Member, list[PodPlacement]] = defaultdict(list)
    for placement in parts.enforcement.placements():
        if not pod or _is_about(pod, placement.pod):
            placements[placement.pod].append(placement)
    if pod and not placements:
        raise InputError(_reason_for_none(pod, parts.view, parts.settings.node))
    counts = {(one.direction, (one.family, one.address)): one.packets for one in kernel.counts.drops()}
    in_force = _InForce(parts.enforcement, closed, counts)
    pods = sorted(placements.items(), key=lambda item: (item[0].namespace, item[0].name))
    return [_enforced_pod(member, some, in_force, parts.view.problems) for member, some in pods]


def _is_about(pod: str, member: Member) -> bool:
    if "/" in pod:
        return pod == f"{member.namespace}/{member.name}"
    return any(address_text(*address) == pod for address in member.addresses)


def _reason_for_none(pod: str, view: View, node: str) -> str:
    if "/" not in pod:
        return f"no pod of the node {node} has the address {pod}"
    namespace, _, name = pod.partition("/")
    known = view.state.pod(namespace, name)
    if known is None:
        if ("Pod", namespace, name) in view.uids:
            return f"the pod {pod} has no network yet, or no longer has one: its addresses are not known"
        return f"the agent of the node {node} knows no pod {pod}"
    if known.node != node:
        return f"the pod {pod} runs on the node {known.node}: ask there"
    return f"the pod {pod} is in the host network: no policy isolates it"


def _enforced_pod(
    pod: Member, placements: Iterable[PodPlacement], in_force: _InForce, problems: Mapping[ObjectName, str]
) -> EnforcedPod:
    sides: defaultdict[Direction, list[PodPlacement]] = defaultdict(list)
    for placement in placements:
        sides[placement.direction].append(placement)
    reasons = dict.fromkeys(in_force.closed.of(placement) for some in sides.values() for placement in some)
    closed = tuple(StatusReason(one.reason, one.message) for one in reasons if one)
    ingress, egress = (
        _enforced_side(sides[direction], in_force) for direction in (Direction.INGRESS, Direction.EGRESS)
    )
    selecting = dict.fromkeys(one for some in sides.values() for one in islice(_policies(some[0].stack), MOST_POLICIES))
    not_enforced = tuple(
        PolicyProblem(_policy_text(one, tier), problems[one.kind, one.namespace, one.name])
        for tier, one in selecting
        if (one.kind, one.namespace, one.name) in problems
    )
    return EnforcedPod(pod.namespace, pod.name, closed, ingress, egress, not_enforced)


def _policies(stack: Stack) -> Iterator[tuple[str, CompiledPolicy[Any]]]:
    """The policies of a pod, each with its tier."""
    return ((profile.tier, policy) for profile in stack for policy in profile.policies)


def _policy_text(policy: CompiledPolicy[Any], tier: str) -> str:
    """`prod/db-policy`, or `ClusterNetworkPolicy guard (Admin)`."""
    return str(policy) if policy.namespace else f"{policy.kind_name} {policy.name} ({tier})"


def _enforced_side(placements: list[PodPlacement], in_force: _InForce) -> EnforcedSide:
    stack = placements[0].stack  # all addresses of a pod have the same
    isolating = [profile for profile in stack if profile.otherwise is Action.DENY]
    policies = islice((str(policy) for _, policy in _policies(tuple(isolating))), MOST_POLICIES)
    restricting = (_policy_text(policy, tier) for tier, policy in _policies(stack) if not policy.namespace)
    return EnforcedSide(
        sum(len(profile.policies) for profile in isolating),
        tuple(policies),
        tuple(_enforced_address(one, in_force) for one in placements),
        tuple(islice(restricting, MOST_POLICIES)),
    )


def _enforced_address(placement: PodPlacement, in_force: _InForce) -> EnforcedAddress:
    enforcement, direction, address = in_force.enforcement, placement.direction, placement.address
    chain = enforcement.chain_in_force(direction, address)
    since = enforcement.ages.since(direction, address, chain) if chain else None
    is_closed = in_force.closed.of(placement) is not None
    return EnforcedAddress(
        address=address_text(*address),
        isolated=chain is not None,
        closed=is_closed,
        # Closed in the kernel is right for a closed pod, whatever chain its policies ask for.
        pending=chain != placement.chain and not (is_closed and chain == CLOSED[direction]),
        since=_time_text(since) if since else None,
        denied_packets=in_force.counts.get((direction, address), 0),
    )


def _time_text(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
