"""The parts of a cluster policy that the agent cannot enforce. The policy fails closed in these parts.

The agent does not know the addresses of domain names. It therefore treats a peer of domain names as a peer without a
known field. For such a peer, the API demands that an accepting rule does not match, and that any other rule denies
everything.

Source: network-policy-api v0.2.0, the descriptions of ClusterNetworkPolicyEgressPeer and of its field `domainNames`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from ringfence.model.cluster_policies import ClusterPolicy, ClusterPolicyRule, RuleAction, WorkloadPeer
from ringfence.model.cluster_rules import cluster_rules_of, domain_names_of
from ringfence.model.policies import Direction

_MOST_PARTS: Final = 10
"""Peers that a message names at most: a policy may have thousands."""

_ACCEPTING: Final = (RuleAction.ACCEPT, RuleAction.ALLOW)


def enforceable(policy: ClusterPolicy) -> ClusterPolicy:
    """The policy with each peer of domain names replaced by a peer without a known field."""
    egress = tuple([_without_names(rule) for rule in policy.spec.egress])
    return msgspec.structs.replace(policy, spec=msgspec.structs.replace(policy.spec, egress=egress))


def _without_names(rule: ClusterPolicyRule) -> ClusterPolicyRule:
    if not any(map(domain_names_of, rule.peers)):
        return rule
    peers = tuple([WorkloadPeer() if domain_names_of(peer) else peer for peer in rule.peers])
    return msgspec.structs.replace(rule, peers=peers)


def problem_of_cluster_policy(errors: str, remaining: ClusterPolicy | None) -> str:
    """Which parts of a policy cannot be enforced, and what is in force instead; empty if all of it is enforced.

    `errors` are the validation errors of the policy, and `remaining` is its usable part; None if nothing is usable.
    """
    if remaining is None:
        return f"{errors}: this version of it is not in force"
    parts = list(islice(_unenforceable_parts(remaining), _MOST_PARTS + 1))
    return "; ".join(
        [
            *([f"{errors}: rules with errors deny everything, or accept nothing"] if errors else []),
            *parts[:_MOST_PARTS],
            *(["and more"] if len(parts) > _MOST_PARTS else []),
        ]
    )


def _unenforceable_parts(policy: ClusterPolicy) -> Iterator[str]:
    for index, rule in enumerate(cluster_rules_of(policy, Direction.EGRESS)):
        consequence = "the rule accepts nothing by it" if rule.action in _ACCEPTING else "the rule denies everything"
        for number, peer in enumerate(rule.peers):
            if domain_names_of(peer):
                path = f"spec.egress[{index}].to[{number}].domainNames"
                yield f"{path}: the agent does not know the addresses of domain names, so {consequence}"
