"""The edit of policies that reverses an answer and changes the least for others."""

from ringfence.analysis.edits.administrator_edits import AdministratorRule
from ringfence.analysis.edits.edited_policies import Edit
from ringfence.analysis.edits.edits import Proposal, smallest_edit
from ringfence.analysis.edits.policy_effects import Omissions, SideEffects, side_effects, weight

__all__ = [
    "AdministratorRule",
    "Edit",
    "Omissions",
    "Proposal",
    "SideEffects",
    "side_effects",
    "smallest_edit",
    "weight",
]
