"""Answers from the state of the engine: verdicts, connectivity, and explanations."""

from ringfence.engine.answers.explanations import PairReason, PolicyReason, RuleReason, SideReason, explain
from ringfence.engine.answers.matching import end_text
from ringfence.engine.answers.verdicts import End, is_exempt, node_addresses

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
