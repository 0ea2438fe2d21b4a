"""Determines whether a cluster enforces policies, by which plugin, and on which nodes.

The diagnosis reads the objects of the cluster. The experiment (`probe`) tries connections. Modules depend only on
modules to the left of them:

answers, objects <- observed <- rights, sightings <- signatures <- evidence <- recognition <- diagnosis, service_proxy,
probe <- observing, deviations <- reporting
"""

from ringfence.doctor.answers import IsEnforced
from ringfence.doctor.deviations import PolicyFindings, policy_findings, trait_documents
from ringfence.doctor.diagnosis import Candidate, Diagnosis, NodeDiagnosis, diagnose, nodes_for_experiment
from ringfence.doctor.node import examine_node
from ringfence.doctor.observed import Observed, Unseen
from ringfence.doctor.observing import observe
from ringfence.doctor.reporting import report
from ringfence.doctor.sightings import Presence, Sighting

__all__ = [
    "Candidate",
    "Diagnosis",
    "IsEnforced",
    "NodeDiagnosis",
    "Observed",
    "PolicyFindings",
    "Presence",
    "Sighting",
    "Unseen",
    "diagnose",
    "examine_node",
    "nodes_for_experiment",
    "observe",
    "policy_findings",
    "report",
    "trait_documents",
]
