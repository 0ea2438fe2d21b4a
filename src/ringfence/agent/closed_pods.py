"""Why pods of this node are closed: they are allowed nothing, even if their policies allow something."""

from typing import NamedTuple

from ringfence.agent.enforcement import Enforcement
from ringfence.agent.new_pods import NewPods
from ringfence.agent.view import EXCESSIVE, View
from ringfence.dataplane.compile import PodPlacement
from ringfence.dataplane.program import CLOSED
from ringfence.sets.addresses import address_text


class ClosedReason(NamedTuple):
    """The reason as one word, as in `ringfence_closed_pods`, and as a sentence with the remedy."""

    reason: str
    message: str


class ClosedReasons:
    """Finds the reason for each address of a pod in each direction. Only the loop may use it."""

    def __init__(self, view: View, new_pods: NewPods, enforcement: Enforcement) -> None:
        self._view = view
        self._new_pods = new_pods
        self._enforcement = enforcement

    def of(self, placement: PodPlacement) -> ClosedReason | None:
        """Why an address is closed in a direction; None if it is not closed."""
        pod, direction = placement.pod, placement.direction
        if not self._new_pods.is_released(pod):
            return ClosedReason("new", f"it is not certain that all policies are known: {self._new_pods.reasons}")
        # These namespaces also count as closed, so the more precise reason is asked first.
        if pod.namespace in self._view.excessive:
            return ClosedReason("size", EXCESSIVE)
        if pod.namespace in self._enforcement.closed:
            return ClosedReason(
                "share",
                "the policies of its namespace have used their share of the agent's time, and wait behind those of "
                "other namespaces: use fewer or smaller policies, and change them less often",
            )
        if placement.is_disputed:
            return ClosedReason(
                "address",
                f"another pod reports the same address {address_text(*placement.address)}, and policies treat the two "
                "pods differently: delete the pod that has ended",
            )
        if placement.refusal:
            return ClosedReason("rules", str(placement.refusal))
        in_force = self._enforcement.chain_in_force(direction, placement.address)
        # If both are the same, the compiler has closed the address, for a reason above.
        if in_force == CLOSED[direction] and placement.chain != in_force:
            failures = "; ".join(map(str, self._enforcement.failures))
            return ClosedReason(
                "kernel", f"the kernel refuses the rules of its policies: {failures or 'not tried again yet'}"
            )
        return None
