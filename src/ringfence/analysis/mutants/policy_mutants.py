"""The mutants of a policy of any kind."""

from collections.abc import Iterator
from typing import Any

from ringfence.analysis.mutants.cluster_policy_mutants import mutants_of_cluster_policy
from ringfence.analysis.mutants.mutants import Mutant
from ringfence.analysis.mutants.network_policy_mutants import mutants_of_network_policy
from ringfence.engine.policies import CompiledPolicy
from ringfence.model.objects import NetworkPolicy


def mutants_of(policy: CompiledPolicy[Any]) -> Iterator[Mutant]:
    """Every mutant of a policy."""
    if isinstance(policy.policy, NetworkPolicy):
        return mutants_of_network_policy(policy)
    return mutants_of_cluster_policy(policy)
