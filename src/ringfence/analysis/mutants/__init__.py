"""Mutants: policies with one change, to find out which mistakes tests would notice, and what each mutant changes."""

from ringfence.analysis.mutants.changed_sides import ChangedSides, changed_sides
from ringfence.analysis.mutants.cluster_policy_mutants import mutants_of_cluster_policy
from ringfence.analysis.mutants.equal_meanings import EqualMeanings
from ringfence.analysis.mutants.mutants import Mutant, MutatedPart, Mutation
from ringfence.analysis.mutants.network_policy_mutants import mutants_of_network_policy
from ringfence.analysis.mutants.policy_mutants import mutants_of

__all__ = [
    "ChangedSides",
    "EqualMeanings",
    "Mutant",
    "MutatedPart",
    "Mutation",
    "changed_sides",
    "mutants_of",
    "mutants_of_cluster_policy",
    "mutants_of_network_policy",
]
