"""Whether the policies of the node are in force: the conditions of `/readyz`, each of which says why they may not be.

The threads of the HTTP server ask while the loop goes on, so a condition reads only attributes that the loop replaces
as a whole, and copies before it iterates.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringfence.agent.enforcement import Enforcement
from ringfence.agent.lag import Lag
from ringfence.agent.newcomers import Newcomers
from ringfence.agent.node_checks import NodeChecks
from ringfence.agent.reports import Reports
from ringfence.agent.settings import Settings
from ringfence.agent.view import View


class AgentParts(NamedTuple):
    """What the conditions read. `clock` returns monotonic seconds."""

    settings: Settings
    view: View
    node: NodeChecks
    newcomers: Newcomers
    enforcement: Enforcement
    lag: Lag
    reports: Reports
    clock: Callable[[], float]

    @property
    def may_enforce(self) -> bool:
        """Whether enough is known to change the kernel."""
        return self.view.complete and not self.node.mistake and self.newcomers.is_settled


Condition = Callable[[AgentParts], str]
"""Why the agent is not ready; empty if this is no reason."""


def readiness_error(parts: AgentParts) -> str:
    """Why the node's policies may not all be in force, by the first condition that is not met; empty if they are."""
    return next(filter(None, (condition(parts) for condition in CONDITIONS)), "")


# --- conditions -------------------------------------------------------------------------------------------------------


def _unlisted(parts: AgentParts) -> str:
    return "" if parts.view.complete else f"not listed yet: {', '.join(parts.view.missing)}"


def _unknown_node(parts: AgentParts) -> str:
    mistake = parts.node.mistake
    return mistake and f"{mistake}: until then the rules in the kernel stay as they are"


def _unsettled(parts: AgentParts) -> str:
    if parts.newcomers.is_settled:
        return ""
    return f"it is not certain that all policies are known: {parts.newcomers.reasons}"


def _rules_missing(parts: AgentParts) -> str:
    if parts.enforcement.in_order:
        return ""
    failures = "; ".join(map(str, parts.enforcement.failures))
    return f"the kernel does not hold all rules: {failures or 'not enforced yet'}"


def _lagging(parts: AgentParts) -> str:
    lag, limit = parts.lag.seconds(), parts.settings.max_lag
    return f"a change has not been in force for {lag:.0f} s: more than {limit:g} s (--max-lag)" if lag > limit else ""


def _connections_unjudged(parts: AgentParts) -> str:
    error = parts.enforcement.review_error
    return error and f"connections that policies forbid may be open: {error}"


def _newcomers_wait(parts: AgentParts) -> str:
    waiting = parts.newcomers.overdue(parts.clock(), parts.settings.max_lag)
    if not waiting:
        return ""
    some = f"{len(waiting)} new pods, such as {waiting[0]}, are closed until all policies are known"
    return f"{some}: {parts.newcomers.reasons}"


def _watch_failed(parts: AgentParts) -> str:
    failed = sorted(parts.reports.failed_watches)
    return f"a defect of ringfence ended the watch of {', '.join(failed)}: see the log" if failed else ""


def _objects_left_out(parts: AgentParts) -> str:
    defects = parts.view.defects
    if not defects:
        return ""
    kind, namespace, name = next(iter(defects))
    return f"a defect of ringfence leaves out {len(defects)} objects, such as {kind} {namespace}/{name}: see the log"


CONDITIONS: Final[tuple[Condition, ...]] = (
    _unlisted,
    _unknown_node,
    _unsettled,
    _rules_missing,
    _lagging,
    _connections_unjudged,
    _newcomers_wait,
    _watch_failed,
    _objects_left_out,
)
"""In the order in which they are asked: what the others follow from comes first."""
