"""Policies compiled and indexed: rules, selections, profiles, and the tiers that evaluate them."""

from ringfence.engine.policies.network_policies import NetworkPolicyTier
from ringfence.engine.policies.profiles import Profile
from ringfence.engine.policies.rules import CompiledPolicy, CompiledRule, Peers, compile_policy
from ringfence.engine.policies.selection import PodSelection, Selections
from ringfence.engine.policies.tiers import Tiers

__all__ = [
    "CompiledPolicy",
    "CompiledRule",
    "NetworkPolicyTier",
    "Peers",
    "PodSelection",
    "Profile",
    "Selections",
    "Tiers",
    "compile_policy",
]
