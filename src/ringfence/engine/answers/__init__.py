"""Answers from the state of the engine: verdicts, connectivity, and explanations."""

from ringfence.engine.answers.explanations import explain
from ringfence.engine.answers.reasons import PairReason, PolicyReason, RuleReason, SideReason
from ringfence.engine.answers.verdicts import is_exempt, node_addresses
from ringfence.engine.policies import End, end_text

__all__ = [
    "End",
    "PairReason",
    "PolicyReason",
    "RuleReason",
    "SideReason",
    "end_text",
    "explain",
    "is_exempt",
    "node_addresses",
]
