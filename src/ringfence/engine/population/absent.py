"""Pods that exist and take no part: those that have ended, and in a running cluster those that have no address yet.

A pod that has ended keeps its name and even its address, which another pod may already have. `kubectl get pods` lists
both kinds, so a question about one must not be answered as if it did not exist.
"""

import msgspec

from ringfence.engine.population.claims import is_over
from ringfence.engine.population.pods import Member, is_finished
from ringfence.model.objects import Pod


class AbsentPod(msgspec.Struct, frozen=True):
    """A pod that takes no part, and the reason: a clause whose subject is the pod."""

    pod: Member
    reason: str

    def __str__(self) -> str:
        return f"pod {self.pod} {self.reason}"


def ended(pod: Pod, member: Member) -> AbsentPod | None:
    """The pod, if it has ended: it has no network any more."""
    if is_finished(pod):
        return AbsentPod(member, f"has finished ({pod.status.phase}) and takes no part")
    if pod.metadata.deletion_timestamp is not None and is_over(pod):
        return AbsentPod(member, "is being deleted, has no container that runs and takes no part")
    return None


def without_address(member: Member, phase: str) -> AbsentPod:
    """A pod of a running cluster that has not been given an address."""
    return AbsentPod(member, f"has no address yet ({phase}) and takes no part")
