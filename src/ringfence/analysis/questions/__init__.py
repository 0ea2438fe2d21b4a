"""Questions about a source and a destination, and their answers."""

from ringfence.analysis.questions.questions import (
    Answer,
    ExplainedPair,
    Pair,
    Part,
    check_unchanged,
    with_possible_pods,
)
from ringfence.analysis.questions.reason_groups import PodsOf, ReasonGroup

__all__ = [
    "Answer",
    "ExplainedPair",
    "Pair",
    "Part",
    "PodsOf",
    "ReasonGroup",
    "check_unchanged",
    "with_possible_pods",
]
