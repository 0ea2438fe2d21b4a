"""Questions about all possible pods, in whatever cluster the policies are applied."""

from ringfence.analysis.possible.comparison import Comparison, Counterexample, Outcome, Relation, compare
from ringfence.analysis.possible.counterexamples import end_name, objects_of
from ringfence.analysis.possible.policy_parts import (
    PartKind,
    RemovablePart,
    ask_about_parts,
    entry_parts,
    number_of_entries,
    part_alone,
    peers_alone,
    rule_parts,
    without_parts,
)
from ringfence.analysis.possible.policy_sets import PolicySet, policy_set, set_of_policies
from ringfence.analysis.possible.redundant_parts import (
    Cover,
    EntryPlace,
    Redundancy,
    RedundantPart,
    needed,
    redundancy,
    written_part,
)

__all__ = [
    "Comparison",
    "Counterexample",
    "Cover",
    "EntryPlace",
    "Outcome",
    "PartKind",
    "PolicySet",
    "Redundancy",
    "RedundantPart",
    "Relation",
    "RemovablePart",
    "ask_about_parts",
    "compare",
    "end_name",
    "entry_parts",
    "needed",
    "number_of_entries",
    "objects_of",
    "part_alone",
    "peers_alone",
    "policy_set",
    "redundancy",
    "rule_parts",
    "set_of_policies",
    "without_parts",
    "written_part",
]
