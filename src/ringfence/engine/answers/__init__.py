"""Answers from the state of the engine: verdicts, connectivity, and explanations."""

from ringfence.engine.answers.assumed_matches import AssumedMatches
from ringfence.engine.answers.assumptions import assumed_port
from ringfence.engine.answers.certainty import Certainty
from ringfence.engine.answers.connectivity import ConnectivityRow, allowed_addresses, connectivity_rows, side_row
from ringfence.engine.answers.deciding_traits import TraitEffects, trait_effects
from ringfence.engine.answers.equal_priorities import UndefinedOrder
from ringfence.engine.answers.explanations import (
    JudgedPart,
    explain,
    explain_parts,
    explain_through_service,
    judge_parts,
)
from ringfence.engine.answers.listed_matches import (
    ListedPairs,
    SubjectMatches,
    list_matches,
    subject_matches,
    unapplied_matches,
)
from ringfence.engine.answers.listed_nodes import assumed_of_hosts, listed_node_assumptions
from ringfence.engine.answers.listed_outside import outside_assumptions
from ringfence.engine.answers.listed_priorities import assumed_orders, priorities_of_stack, priorities_outside
from ringfence.engine.answers.moments import Moment, changed_addresses, changed_peers, stacks_of
from ringfence.engine.answers.own_nodes import assumed_about_own_node
from ringfence.engine.answers.reasons import Bystander, PairReason, PeerReason, PolicyReason, RuleReason, SideReason
from ringfence.engine.answers.rule_reasons import port_names_as_written
from ringfence.engine.answers.tier_reasons import DecidingRule, TierReason, allowing_rules, reasons_by_tier
from ringfence.engine.answers.unknown_labels import AssumedLabel, values_named
from ringfence.engine.answers.verdicts import (
    Families,
    LedPort,
    allows,
    exempt_addresses,
    is_exempt,
    node_addresses,
    side_traffic,
    traffic_between,
    traffic_between_two,
    traffic_by_part,
    traffic_through_service,
)
from ringfence.engine.policies import End, end_text

__all__ = [
    "AssumedLabel",
    "AssumedMatches",
    "Bystander",
    "Certainty",
    "ConnectivityRow",
    "DecidingRule",
    "End",
    "Families",
    "JudgedPart",
    "LedPort",
    "ListedPairs",
    "Moment",
    "PairReason",
    "PeerReason",
    "PolicyReason",
    "RuleReason",
    "SideReason",
    "SubjectMatches",
    "TierReason",
    "TraitEffects",
    "UndefinedOrder",
    "allowed_addresses",
    "allowing_rules",
    "allows",
    "assumed_about_own_node",
    "assumed_of_hosts",
    "assumed_orders",
    "assumed_port",
    "changed_addresses",
    "changed_peers",
    "connectivity_rows",
    "end_text",
    "exempt_addresses",
    "explain",
    "explain_parts",
    "explain_through_service",
    "is_exempt",
    "judge_parts",
    "list_matches",
    "listed_node_assumptions",
    "node_addresses",
    "outside_assumptions",
    "port_names_as_written",
    "priorities_of_stack",
    "priorities_outside",
    "reasons_by_tier",
    "side_row",
    "side_traffic",
    "stacks_of",
    "subject_matches",
    "traffic_between",
    "traffic_between_two",
    "traffic_by_part",
    "traffic_through_service",
    "trait_effects",
    "unapplied_matches",
    "values_named",
]
