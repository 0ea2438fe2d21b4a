"""Policies compiled and indexed: rules, selections, profiles, the tiers that evaluate them, and those in force."""

from ringfence.engine.policies.cluster_policies import compile_cluster_policy, compile_subject, compile_without_nodes
from ringfence.engine.policies.matching import (
    Assumption,
    End,
    PeerMatch,
    end_text,
    host_network_assumption,
    mismatch,
    namespace_assumption,
    pods_text,
)
from ringfence.engine.policies.network_policies import (
    NETWORK_POLICY_TIER,
    NetworkPolicyTier,
    compile_peer,
    compile_policy,
    network_policy_tier,
)
from ringfence.engine.policies.network_policies_in_force import MOST_DIVIDED
from ringfence.engine.policies.node_peers import NodePeers
from ringfence.engine.policies.policies_in_force import PoliciesInForce, Supposition
from ringfence.engine.policies.profiles import (
    NO_OWN_PORTS,
    AddressRule,
    OwnPorts,
    PortQuestion,
    Profile,
    Stack,
    is_union,
    own_ports,
)
from ringfence.engine.policies.rules import EVERYONE, Action, CompiledPolicy, CompiledRule, Peers
from ringfence.engine.policies.rulings import own_traffic, settled
from ringfence.engine.policies.selection import IdentitySelections, PodSelection, Selections
from ringfence.engine.policies.tier import RuleContext
from ringfence.engine.policies.tiers import BEFORE_EVERYTHING, Tiers, TiersVersion

__all__ = [
    "BEFORE_EVERYTHING",
    "EVERYONE",
    "MOST_DIVIDED",
    "NETWORK_POLICY_TIER",
    "NO_OWN_PORTS",
    "Action",
    "AddressRule",
    "Assumption",
    "CompiledPolicy",
    "CompiledRule",
    "End",
    "IdentitySelections",
    "NetworkPolicyTier",
    "NodePeers",
    "OwnPorts",
    "PeerMatch",
    "Peers",
    "PodSelection",
    "PoliciesInForce",
    "PortQuestion",
    "Profile",
    "RuleContext",
    "Selections",
    "Stack",
    "Supposition",
    "Tiers",
    "TiersVersion",
    "compile_cluster_policy",
    "compile_peer",
    "compile_policy",
    "compile_subject",
    "compile_without_nodes",
    "end_text",
    "host_network_assumption",
    "is_union",
    "mismatch",
    "namespace_assumption",
    "network_policy_tier",
    "own_ports",
    "own_traffic",
    "pods_text",
    "settled",
]
