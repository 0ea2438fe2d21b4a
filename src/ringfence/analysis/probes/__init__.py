"""The results of a laboratory's probes, and its contents, as values to be printed."""

from ringfence.analysis.probes.laboratory_network import LaboratoryNetwork
from ringfence.analysis.probes.laboratory_status import LaboratoryStatus, NodeSummary, PodSummary, ServiceSummary
from ringfence.analysis.probes.probe_report import (
    DenyingSide,
    IsolatingPolicy,
    ProbeReport,
    ProbeResult,
    RefusedProgram,
)

__all__ = [
    "DenyingSide",
    "IsolatingPolicy",
    "LaboratoryNetwork",
    "LaboratoryStatus",
    "NodeSummary",
    "PodSummary",
    "ProbeReport",
    "ProbeResult",
    "RefusedProgram",
    "ServiceSummary",
]
