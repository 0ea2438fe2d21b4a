"""Readiness: the conditions of `/readyz`. Each returns why some policies of the node may not be in force.

The threads of the HTTP server evaluate them while the loop runs. A condition therefore reads only attributes that the
loop replaces as a whole, and copies collections before it iterates over them.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ringfence.agent.enforcement import Enforcement
from ringfence.agent.heartbeat import LONGEST_WAIT, Heartbeat
from ringfence.agent.lag import Lag
from ringfence.agent.new_pods import NewPods
from ringfence.agent.node_checks import SOURCE_ROUTES, NodeChecks, bypass
from ringfence.agent.reports import Reports
from ringfence.agent.second_look import SecondLook
from ringfence.agent.settings import Settings
from ringfence.agent.view import View


class AgentParts(NamedTuple):
    """The parts of the agent that the conditions read. `clock` returns monotonic seconds."""

    settings: Settings
    view: View
    node: NodeChecks
    new_pods: NewPods
    second_look: SecondLook
    enforcement: Enforcement
    lag: Lag
    heartbeat: Heartbeat
    reports: Reports
    clock: Callable[[], float]

    @property
    def may_enforce(self) -> bool:
        """Whether the agent knows enough to change the rules in the kernel."""
        is_known = self.view.complete and not self.node.wrong_node and self.new_pods.is_settled
        return is_known and not self.second_look.is_waiting and not self.is_adopting

    @property
    def is_adopting(self) -> bool:
        """Whether the adoption of connections that were open before the kernel tracked any is under way."""
        until = self.enforcement.adopts_until
        return until is not None and self.clock() < until


Condition = Callable[[AgentParts], str]
"""Returns why the agent is not ready; empty if this condition is met."""


def readiness_errors(parts: AgentParts) -> dict[str, str]:
    """The messages of the conditions that are not met, by reason; empty if the agent is ready."""
    return {reason: error for reason, condition in CONDITIONS.items() if (error := condition(parts))}


# --- conditions -------------------------------------------------------------------------------------------------------


def _unlisted(parts: AgentParts) -> str:
    return "" if parts.view.complete else f"not listed yet: {', '.join(parts.view.missing)}"


def _unknown_node(parts: AgentParts) -> str:
    wrong_node = parts.node.wrong_node
    return wrong_node and f"{wrong_node}: until then the rules in the kernel stay as they are"


def _unsettled(parts: AgentParts) -> str:
    if parts.new_pods.is_settled or not parts.view.complete:
        return ""
    return f"it is not certain that all policies are known: {parts.new_pods.reasons}"


def _second_look(parts: AgentParts) -> str:
    lost = parts.second_look.reason
    return lost and f"{lost}: the rules in the kernel stay as they are until everything has been listed again"


def _adopting(parts: AgentParts) -> str:
    if not parts.is_adopting:
        return ""
    return "nothing is dropped yet: for some seconds, the agent finds open connections that the kernel did not track"


def _rules_missing(parts: AgentParts) -> str:
    # While nothing may be enforced, another condition says why.
    if parts.enforcement.in_order or not parts.may_enforce:
        return ""
    failures = "; ".join(map(str, parts.enforcement.failures))
    return f"the kernel does not hold all rules: {failures or 'not enforced yet'}"


def _pod_ranges_unknown(parts: AgentParts) -> str:
    settings, enforcement = parts.settings, parts.enforcement
    if not settings.holds or not enforcement.has_begun or not parts.may_enforce:
        return ""
    remedy = "set its pods' ranges with --pod-range, or choose --unknown-pods allow"
    if not enforcement.holds_ranges:
        return f"unknown pods cannot be held: the Node {settings.node} has no podCIDRs: {remedy}"
    if pod := parts.node.pod_outside_ranges:
        return (
            f"some unknown pods cannot be held: {pod.reference} has an address outside of the pod ranges of the Node "
            f"{settings.node}: {remedy}"
        )
    return ""


def _stuck(parts: AgentParts) -> str:
    # The loop waits up to `LONGEST_WAIT` although nothing is wrong.
    silence, limit = parts.heartbeat.silence, parts.settings.max_lag
    return f"the loop has not run for {silence:.0f} s" if silence > LONGEST_WAIT + limit else ""


def _lagging(parts: AgentParts) -> str:
    lag, limit = parts.lag.seconds(), parts.settings.max_lag
    return f"a change has not been in force for {lag:.0f} s: more than {limit:g} s (--max-lag)" if lag > limit else ""


def _connections_unjudged(parts: AgentParts) -> str:
    error = parts.enforcement.review_error
    begun = parts.enforcement.has_begun  # before that, there are no rules by which to judge
    return f"connections that policies forbid may be open: {error}" if begun and error else ""


def _new_pods_wait(parts: AgentParts) -> str:
    waiting = parts.new_pods.overdue(parts.clock(), parts.settings.max_lag)
    if not waiting:
        return ""
    some = f"{len(waiting)} new pods, such as {waiting[0]}, are closed until all policies are known"
    return f"{some}: {parts.new_pods.reasons}"


def _unwatched(parts: AgentParts) -> str:
    now, reports = parts.clock(), parts.reports
    errors = [
        f"{kind} has not been watched for {now - since:.0f} s: {reason}"
        for kind, (reason, since) in reports.interruptions.items()
        if now - since > parts.settings.max_lag
    ]
    if failed := sorted(reports.failed_watches):
        errors.append(f"a defect of ringfence ended the watch of {', '.join(failed)}: see the log")
    return "; ".join(errors)


def _objects_left_out(parts: AgentParts) -> str:
    defects = parts.view.defects
    if not defects:
        return ""
    kind, namespace, name = next(iter(defects))
    return f"a defect of ringfence leaves out {len(defects)} objects, such as {kind} {namespace}/{name}: see the log"


def _bridges_bypass(parts: AgentParts) -> str:
    bridges = parts.node.bypassing_bridges
    return bypass(bridges) if bridges else ""


def _source_routes(parts: AgentParts) -> str:
    return SOURCE_ROUTES if parts.node.follows_source_routes else ""


def _veth_pairs_unread(parts: AgentParts) -> str:
    failure = parts.reports.veth_pairs_failure
    return f"the links of pods cannot be read, so new pods stay closed: {failure}" if failure else ""


CONDITIONS: Final[Mapping[str, Condition]] = {
    "list": _unlisted,
    "node": _unknown_node,
    "check": _unsettled,
    "second_look": _second_look,
    "adoption": _adopting,
    "rules": _rules_missing,
    "pod_ranges": _pod_ranges_unknown,
    "stuck": _stuck,
    "lag": _lagging,
    "connections": _connections_unjudged,
    "new_pods": _new_pods_wait,
    "watch": _unwatched,
    "defect": _objects_left_out,
    "bridges": _bridges_bypass,
    "source_routes": _source_routes,
    "links": _veth_pairs_unread,
}
"""The conditions by reason, as in `ringfence_not_ready`. They are shown in this order, causes before consequences."""
