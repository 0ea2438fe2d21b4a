"""Updating the metrics when they are read. Values that events do not update are collected only then."""

from ringfence.agent.intake import Intake
from ringfence.agent.log import log
from ringfence.agent.metrics import Metrics
from ringfence.agent.readiness import AgentParts
from ringfence.dataplane.kernel import Kernel
from ringfence.errors import KernelError


def update_metrics(metrics: Metrics, parts: AgentParts, intake: Intake, kernel: Kernel) -> None:
    """Set the metrics from the parts of the agent and from the kernel. Only the loop may call it."""
    view, enforcement = parts.view, parts.enforcement
    metrics.show_objects(view.counts(), view.state.population.everyone.bit_count(), len(view.problems))
    metrics.show_program(kernel.present, kernel.transactions, kernel.ended)
    metrics.show_log()
    metrics.show_waiting(len(intake))
    excessive = view.excessive
    metrics.show_closed_pods("size", enforcement.pods_in(excessive))
    metrics.show_closed_pods("share", enforcement.pods_in(enforcement.closed - excessive))
    metrics.show_closed_pods("new", len(parts.new_pods))
    metrics.synced.set(view.complete)
    metrics.in_order.set(enforcement.in_order)
    try:
        _show_packets(metrics, kernel)
    except KernelError as error:
        metrics.failures.labels("count").inc()
        log.error(f"cannot read the counters of dropped packets: {error}")


def _show_packets(metrics: Metrics, kernel: Kernel) -> None:
    metrics.show_drops(kernel.counts.drops())
    metrics.show_spoofed(kernel.counts.spoofed())
    metrics.show_untracked(kernel.counts.untracked())
    metrics.show_held("unknown", kernel.counts.held())
    metrics.show_held("closed", kernel.counts.closed())
    metrics.show_bridges(kernel.counts.bridges())
