"""Whether the policies of the node are in force: the conditions of `/readyz`, each of which says why they may not be.

The threads of the HTTP server ask while the loop goes on, so a condition reads only attributes that the loop replaces
as a whole, and copies before it iterates.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ringfence.agent.enforcement import Enforcement
from ringfence.agent.heartbeat import LONGEST_WAIT, Heartbeat
from ringfence.agent.lag import Lag
from ringfence.agent.newcomers import Newcomers
from ringfence.agent.node_checks import SOURCE_ROUTES, NodeChecks, bypass
from ringfence.agent.reports import Reports
from ringfence.agent.second_look import SecondLook
from ringfence.agent.settings import Settings
from ringfence.agent.view import View


class AgentParts(NamedTuple):
    """What the conditions read. `clock` returns monotonic seconds."""

    settings: Settings
    view: View
    node: NodeChecks
    newcomers: Newcomers
    second_look: SecondLook
    enforcement: Enforcement
    lag: Lag
    heartbeat: Heartbeat
    reports: Reports
    clock: Callable[[], float]

    @property
    def may_enforce(self) -> bool:
        """Whether enough is known to change the kernel."""
        is_known = self.view.complete and not self.node.mistake and self.newcomers.is_settled
        return is_known and not self.second_look.is_waiting and not self.is_adopting

    @property
    def is_adopting(self) -> bool:
        """Whether connections are being found that were open before the kernel tracked any."""
        until = self.enforcement.adopts_until
        return until is not None and self.clock() < until


Condition = Callable[[AgentParts], str]
"""Why the agent is not ready; empty if it may be ready."""


def readiness_errors(parts: AgentParts) -> dict[str, str]:
    """Why the node's policies may not all be in force, by the names of the reasons; empty if they are."""
    return {reason: error for reason, condition in CONDITIONS.items() if (error := condition(parts))}


# --- conditions -------------------------------------------------------------------------------------------------------


def _unlisted(parts: AgentParts) -> str:
    return "" if parts.view.complete else f"not listed yet: {', '.join(parts.view.missing)}"


def _unknown_node(parts: AgentParts) -> str:
    mistake = parts.node.mistake
    return mistake and f"{mistake}: until then the rules in the kernel stay as they are"


def _unsettled(parts: AgentParts) -> str:
    if parts.newcomers.is_settled or not parts.view.complete:
        return ""
    return f"it is not certain that all policies are known: {parts.newcomers.reasons}"


def _second_look(parts: AgentParts) -> str:
    lost = parts.second_look.reason
    return lost and f"{lost}: the rules in the kernel stay as they are until everything was listed once more"


def _adopting(parts: AgentParts) -> str:
    if not parts.is_adopting:
        return ""
    return "nothing is dropped yet: for some seconds, connections are found that the kernel has not tracked before"


def _rules_missing(parts: AgentParts) -> str:
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
    silence, limit = parts.heartbeat.silence, parts.settings.max_lag
    return f"the loop has not turned for {silence:.0f} s" if silence > LONGEST_WAIT + limit else ""


def _lagging(parts: AgentParts) -> str:
    lag, limit = parts.lag.seconds(), parts.settings.max_lag
    return f"a change has not been in force for {lag:.0f} s: more than {limit:g} s (--max-lag)" if lag > limit else ""


def _connections_unjudged(parts: AgentParts) -> str:
    error = parts.enforcement.review_error
    begun = parts.enforcement.has_begun  # before that, no connection can be judged
    return f"connections that policies forbid may be open: {error}" if begun and error else ""


def _newcomers_wait(parts: AgentParts) -> str:
    waiting = parts.newcomers.overdue(parts.clock(), parts.settings.max_lag)
    if not waiting:
        return ""
    some = f"{len(waiting)} new pods, such as {waiting[0]}, are closed until all policies are known"
    return f"{some}: {parts.newcomers.reasons}"


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


def _cables_unread(parts: AgentParts) -> str:
    failure = parts.reports.cables_failure
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
    "new_pods": _newcomers_wait,
    "watch": _unwatched,
    "defect": _objects_left_out,
    "bridges": _bridges_bypass,
    "source_routes": _source_routes,
    "links": _cables_unread,
}
"""By the names of the reasons in metrics, in the order in which they are shown: what others follow from comes first."""
