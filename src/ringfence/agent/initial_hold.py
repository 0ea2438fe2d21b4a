"""The initial hold: the addresses of a node's pods are closed until their policies are known.

After a boot the kernel has no rules, and all packets would pass until the agent has listed the policies. If rules of
the last run are there, they stay as they are.
"""

from ringfence.agent.log import log, values
from ringfence.agent.remembered_ranges import RememberedRanges
from ringfence.agent.settings import Settings
from ringfence.dataplane.compile import Compiler, NodeGuard, Ports
from ringfence.dataplane.kernel import Kernel
from ringfence.engine.state import State
from ringfence.sets.addresses import NO_ADDRESSES, Addresses


def hold_from_start(
    settings: Settings, kernel: Kernel, remembered: RememberedRanges | None, *, guards_bridges: bool = False
) -> None:
    """Close the pod ranges that are known without the API server, if pods are to be held and there are no rules yet.

    With `guards_bridges`, all bridge ports are closed, too, because no pod is known yet. Raises KernelError if the
    kernel refuses the rules.
    """
    if kernel.has_table or not settings.holds or not settings.drops:
        return
    ranges = _known_ranges(settings, remembered)
    if ranges:
        locate = (lambda pods: Ports()) if guards_bridges else None
        guard = NodeGuard(ranges, settings.reaction, locate)
        kernel.apply(Compiler(State(live=True), lambda member: False, guard).program())
        log.warning(
            "there are no rules yet: all pods are closed until their policies are known",
            extra=values(ranges=", ".join(ranges.cidrs())),
        )


def _known_ranges(settings: Settings, remembered: RememberedRanges | None) -> Addresses:
    if settings.pod_ranges is not None:
        return settings.pod_ranges
    return remembered.recall() if remembered else NO_ADDRESSES
