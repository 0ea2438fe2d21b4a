"""Questions about all pods that could be, whatever cluster the policies are applied to."""

from ringfence.analysis.possible.comparison import Comparison, Counterexample, Outcome, Relation, compare
from ringfence.analysis.possible.counterexamples import end_name, objects_of
from ringfence.analysis.possible.policy_sets import PolicySet, policy_set

__all__ = [
    "Comparison",
    "Counterexample",
    "Outcome",
    "PolicySet",
    "Relation",
    "compare",
    "end_name",
    "objects_of",
    "policy_set",
]
