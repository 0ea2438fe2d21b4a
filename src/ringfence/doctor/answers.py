"""The three answers to the question whether policies are enforced."""

from collections.abc import Iterable
from enum import StrEnum


class IsEnforced(StrEnum):
    """Whether policies are enforced, on a node or in a cluster."""

    YES = "enforced"
    NO = "not enforced"
    UNKNOWN = "inconclusive"


def on_all(answers: Iterable[str]) -> IsEnforced:
    """The answer for a cluster, from the answers for its nodes: yes only if there are nodes and all of them enforce."""
    found = set(answers)
    if IsEnforced.NO in found:
        return IsEnforced.NO
    return IsEnforced.YES if found == {IsEnforced.YES} else IsEnforced.UNKNOWN
