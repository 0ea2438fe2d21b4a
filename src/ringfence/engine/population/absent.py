"""Pods that exist and take no part: finished ones, and in a running cluster those that have no address yet.

A finished pod keeps its name and even its address, which another pod may already have. `kubectl get pods` lists both
kinds, so a question about one must not be answered as if it did not exist.
"""

import msgspec

from ringfence.engine.population.pods import Member


class AbsentPod(msgspec.Struct, frozen=True):
    """A pod that takes no part, and why: a clause of which it is the subject."""

    pod: Member
    reason: str

    def __str__(self) -> str:
        return f"pod {self.pod} {self.reason}"


def finished(pod: Member, phase: str) -> AbsentPod:
    """A pod that has ended: it has no network any more."""
    return AbsentPod(pod, f"has finished ({phase}) and takes no part")


def without_address(pod: Member, phase: str) -> AbsentPod:
    """A pod of a running cluster that has not been given an address."""
    return AbsentPod(pod, f"has no address yet ({phase}) and takes no part")
