"""Pods as the engine sees them: members, namespaces, workloads, and the identities that pods share."""

from ringfence.engine.population.absent import AbsentPod
from ringfence.engine.population.changes import ChangeRecord
from ringfence.engine.population.claims import likely_owners
from ringfence.engine.population.facts import Block, ReadableFact, fact_read_by, facts_read_by
from ringfence.engine.population.identities import Identity
from ringfence.engine.population.members import Members
from ringfence.engine.population.namespaces import NAME_LABEL, Namespaces
from ringfence.engine.population.nodes import Nodes, addresses_of
from ringfence.engine.population.pods import (
    POSSIBLE_PODS,
    DeclaredPort,
    Member,
    NamedPort,
    PortName,
    Reference,
    example_of_possible_pods,
    is_one_pod,
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
    "Identity",
    "Member",
    "Members",
    "NamedPort",
    "Namespaces",
    "Nodes",
    "Population",
    "PortName",
    "ReadableFact",
    "Reference",
    "Workloads",
    "addresses_of",
    "example_of_possible_pods",
    "fact_read_by",
    "facts_read_by",
    "is_one_pod",
    "likely_owners",
    "possible_pod",
]
