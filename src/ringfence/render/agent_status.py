"""What an agent enforces on its node: the values, as it sends them and as JSON, and in words.

Without an agent, only the rules in the kernel are known: they have addresses, but no names of pods or policies.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from ringfence.render.formats import document_json, table

_NAMED: Final = 3
"""The largest number of policies of a pod that a row of the table names."""


class StatusReason(msgspec.Struct, frozen=True, rename="camel"):
    """A fault: its reason in one word, and in a sentence."""

    reason: str
    message: str


class WaitingNamespace(msgspec.Struct, frozen=True, rename="camel"):
    """A namespace with changes that have arrived and are not in force yet."""

    namespace: str
    changes: int
    seconds: float


class EnforcedAddress(msgspec.Struct, frozen=True, rename="camel"):
    """What is in force for an address in a direction."""

    address: str
    isolated: bool
    closed: bool
    """Whether nothing is allowed, although the policies may not say so."""
    pending: bool
    """Whether other rules are wanted, but are not in force yet."""
    since: str | None
    """When its rules last changed; null if the agent found them when it started, and for one that is not isolated."""
    denied_packets: int


class EnforcedSide(msgspec.Struct, frozen=True, rename="camel"):
    """One direction of a pod: the number of policies that isolate it, some of their names, and what is in force for its
    addresses.

    `cluster_policies` are those of administrators that select it; they restrict it, and do not isolate it.
    """

    policy_count: int
    policies: tuple[str, ...]
    addresses: tuple[EnforcedAddress, ...]
    cluster_policies: tuple[str, ...] = ()


class PolicyProblem(msgspec.Struct, frozen=True, rename="camel"):
    """A policy that cannot be enforced as it is, and why."""

    policy: str
    message: str


class EnforcedPod(msgspec.Struct, frozen=True, rename="camel"):
    """A pod of the node; `closed` says why it is closed, or one of its directions.

    `not_enforced` are the policies that select it and cannot be enforced as they are.
    """

    namespace: str
    name: str
    closed: tuple[StatusReason, ...]
    ingress: EnforcedSide
    egress: EnforcedSide
    not_enforced: tuple[PolicyProblem, ...] = ()


class RunningAgent(msgspec.Struct, frozen=True, rename="camel"):
    """The agent that runs on the node. An agent whose loop is stuck does not report its pods."""

    node: str
    mode: str
    started: str
    answers: bool
    lag_seconds: float
    not_ready: tuple[StatusReason, ...]
    waiting: tuple[WaitingNamespace, ...]


class KernelAddress(msgspec.Struct, frozen=True, rename="camel"):
    """What the rules in the kernel say about an address: `isolated` or `closed` in a direction, or `open`."""

    address: str
    ingress: str
    egress: str


class KernelStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The table in the kernel: the addresses that are isolated, and the ranges in which unknown addresses are held."""

    has_table: bool
    is_dormant: bool = False
    """Whether the rules see no packet, because another program has made the table dormant."""
    isolated: tuple[KernelAddress, ...] = ()
    held: tuple[str, ...] = ()


class AgentStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The whole status; `kernel` is present only if no agent answers."""

    agent: RunningAgent | None
    pods: tuple[EnforcedPod, ...] = ()
    kernel: KernelStatus | None = None

    @property
    def is_in_order(self) -> bool:
        """Whether an agent runs and is ready, and none of the pods is closed."""
        agent = self.agent
        return agent is not None and agent.answers and not agent.not_ready and not any(pod.closed for pod in self.pods)


def json(status: AgentStatus) -> str:
    """The status as a JSON document."""
    return document_json(msgspec.to_builtins(status)) + "\n"


def text(status: AgentStatus, *, in_detail: bool) -> str:
    """The status in words: with `in_detail` everything known of each pod, otherwise a table of the pods."""
    parts = ["".join(f"{line}\n" for line in _about_agent(status.agent))]
    if in_detail:
        parts += ["".join(f"{line}\n" for line in _about_pod(pod)) for pod in status.pods]
    else:
        rows = [
            (f"{pod.namespace}/{pod.name}", _addresses(pod), _short(pod, pod.ingress), _short(pod, pod.egress))
            for pod in status.pods
        ]
        parts.append(table(("POD", "ADDRESSES", "INGRESS", "EGRESS"), rows))
    if status.kernel:
        parts.append(_about_kernel(status.kernel))
    return "\n".join(filter(None, parts))


def _about_agent(agent: RunningAgent | None) -> Iterator[str]:
    if agent is None:
        yield "Agent:    none runs on this node; the rules in the kernel stay in force"
        return
    ready = "not ready" if agent.not_ready else "ready"
    yield f"Agent:    {agent.mode} on {agent.node} since {agent.started}, {ready}"
    for one in agent.not_ready:
        yield f"          {one.reason}: {one.message}"
    if not agent.answers:
        yield "          it does not answer about its pods, because it is busy or stuck"
    if agent.lag_seconds:
        yield f"Lag:      the oldest change that is not in force has waited for {agent.lag_seconds:.1f} s"
    for waiting in agent.waiting:
        where = f"in the namespace {waiting.namespace}" if waiting.namespace else "of the whole cluster"
        yield f"Waiting:  {waiting.changes} changes {where}, for {waiting.seconds:.1f} s"


def _about_pod(pod: EnforcedPod) -> Iterator[str]:
    yield f"Pod:      {pod.namespace}/{pod.name} ({_addresses(pod)})"
    for reason in pod.closed:
        yield f"Closed:   {reason.reason}: {reason.message}"
    for problem in pod.not_enforced:
        yield f"Problem:  {problem.policy} cannot be enforced as it is: {problem.message}"
    yield from _about_side("Ingress", pod.ingress)
    yield from _about_side("Egress", pod.egress)


def _about_side(name: str, side: EnforcedSide) -> Iterator[str]:
    by = f"isolated by {_named(side, len(side.policies))}" if side.policies else "no policy isolates it"
    if side.cluster_policies:
        by += f"; restricted by {', '.join(side.cluster_policies)}"
    yield f"{name + ':':9} {by}"
    for one in side.addresses:
        # Policies of administrators alone do not isolate a pod: what they do not mention stays allowed.
        in_force = "isolated" if side.policies else "restricted"
        state = "closed" if one.closed else in_force if one.isolated else "open"
        since = f" since {one.since}" if one.since else " since before the agent started" if one.isolated else ""
        pending = ", and a change is not in force yet" if one.pending else ""
        denied = f", {one.denied_packets} packets denied" if one.isolated else ""
        yield f"          {one.address}: {state}{since}{denied}{pending}"


def _addresses(pod: EnforcedPod) -> str:
    return ",".join(one.address for one in pod.ingress.addresses)


def _short(pod: EnforcedPod, side: EnforcedSide) -> str:
    # What needs attention comes first: a closed pod has a fault, and a pending one will change by itself.
    if any(one.closed for one in side.addresses):
        return f"closed ({', '.join(dict.fromkeys(one.reason for one in pod.closed))})"
    if any(one.pending for one in side.addresses):
        return "pending"
    if side.policies:
        return f"isolated by {_named(side, _NAMED)}"
    is_restricted = any(one.isolated for one in side.addresses)
    return f"restricted by {', '.join(side.cluster_policies[:_NAMED])}" if is_restricted else "open"


def _named(side: EnforcedSide, most: int) -> str:
    named = ", ".join(side.policies[:most])
    return f"{named} and {side.policy_count - most} more" if side.policy_count > most else named


def _about_kernel(kernel: KernelStatus) -> str:
    if not kernel.has_table:
        return "Kernel:   there are no ringfence rules: nothing is enforced\n"
    rows = [(one.address, one.ingress, one.egress) for one in kernel.isolated]
    dormant = "Kernel:   the table is dormant: nothing is enforced\n" if kernel.is_dormant else ""
    held = f"Held:     addresses in {', '.join(kernel.held)} that no known pod has\n" if kernel.held else ""
    return dormant + held + (table(("ADDRESS", "INGRESS", "EGRESS"), rows) or "Kernel:   no address is isolated\n")
