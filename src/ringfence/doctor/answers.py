"""The three answers to the question whether policies are enforced."""

from collections.abc import Iterable
from enum import StrEnum


class IsEnforced(StrEnum):
    """Whether policies are enforced, on a node or in a cluster."""

    YES = "enforced"
    NO = "not enforced"
    UNKNOWN = "inconclusive"


def on_all(answers: Iterable[str]) -> IsEnforced:
    """The answer for a cluster from those for its nodes: yes only if it is on every node, and there is one."""
    found = set(answers)
    if IsEnforced.NO in found:
        return IsEnforced.NO
    return IsEnforced.YES if found == {IsEnforced.YES} else IsEnforced.UNKNOWN
