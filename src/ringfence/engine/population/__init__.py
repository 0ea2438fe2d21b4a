"""Pods as the engine sees them: members, namespaces, workloads, and the identities that pods share."""

from ringfence.engine.population.absent import AbsentPod, ended, without_address
from ringfence.engine.population.changes import ChangeRecord
from ringfence.engine.population.claims import likely_owners
from ringfence.engine.population.directory import Directory
from ringfence.engine.population.facts import Block, ReadableFact, fact_read_by, facts_read_by
from ringfence.engine.population.identities import Identity
from ringfence.engine.population.namespaces import NAME_LABEL, Namespaces
from ringfence.engine.population.nodes import addresses_of, addresses_of_matching
from ringfence.engine.population.pods import (
    POSSIBLE_PODS,
    DeclaredPort,
    Member,
    NamedPort,
    PortName,
    Reference,
    example_of_possible_pods,
    is_one_pod,
    is_same,
    member_of_pod,
    member_of_workload,
    possible_pod,
)
from ringfence.engine.population.population import Population
from ringfence.engine.population.workloads import Workloads

__all__ = [
    "NAME_LABEL",
    "POSSIBLE_PODS",
    "AbsentPod",
    "Block",
    "ChangeRecord",
    "DeclaredPort",
    "Directory",
    "Identity",
    "Member",
    "NamedPort",
    "Namespaces",
    "Population",
    "PortName",
    "ReadableFact",
    "Reference",
    "Workloads",
    "addresses_of",
    "addresses_of_matching",
    "ended",
    "example_of_possible_pods",
    "fact_read_by",
    "facts_read_by",
    "is_one_pod",
    "is_same",
    "likely_owners",
    "member_of_pod",
    "member_of_workload",
    "possible_pod",
    "without_address",
]
