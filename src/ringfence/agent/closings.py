"""Why pods of this node are closed: allowed nothing, although their policies may not say so."""

from typing import NamedTuple

from ringfence.agent.enforcement import Enforcement
from ringfence.agent.newcomers import Newcomers
from ringfence.agent.view import EXCESSIVE, View
from ringfence.dataplane.compile import PodPlacement
from ringfence.dataplane.program import CLOSED
from ringfence.sets.addresses import address_text


class Closing(NamedTuple):
    """The reason in one word, as in the metric of closed pods, and in a sentence with the remedy."""

    reason: str
    message: str


class Closings:
    """Asked by the loop, for each address of a pod in each direction."""

    def __init__(self, view: View, newcomers: Newcomers, enforcement: Enforcement) -> None:
        self._view = view
        self._newcomers = newcomers
        self._enforcement = enforcement

    def of(self, placement: PodPlacement) -> Closing | None:
        """Why an address is closed in a direction; None if it is not."""
        pod, direction = placement.pod, placement.direction
        if not self._newcomers.is_released(pod):
            return Closing("new", f"it is not certain that all policies are known: {self._newcomers.reasons}")
        if pod.namespace in self._view.excessive:
            return Closing("size", EXCESSIVE)
        if pod.namespace in self._enforcement.closed:
            return Closing(
                "share",
                "the policies of its namespace have used their share of the agent's time, and wait behind those of "
                "others: use fewer or smaller policies, and change them less often",
            )
        if placement.is_disputed:
            return Closing(
                "address",
                f"another pod claims its address {address_text(*placement.address)}, and policies treat the two "
                "differently: delete the pod that has ended",
            )
        if placement.refusal:
            return Closing("rules", str(placement.refusal))
        in_force = self._enforcement.chain_in_force(direction, placement.address)
        if in_force == CLOSED[direction] and placement.chain != in_force:
            failures = "; ".join(map(str, self._enforcement.failures))
            return Closing(
                "kernel", f"the kernel refuses the rules of its policies: {failures or 'not tried again yet'}"
            )
        return None
