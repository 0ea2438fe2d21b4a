"""Questions about a source and a destination, and their answers."""

from ringfence.analysis.questions.pairs import ExplainedPair, Pair, Part
from ringfence.analysis.questions.questions import Answer, check_unchanged, with_possible_pods
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
