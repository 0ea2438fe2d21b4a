"""The contents of a running laboratory, as plain values for `render` and for the protocol of laboratory sessions."""

import msgspec

from ringfence.analysis.probes.laboratory_network import LaboratoryNetwork
from ringfence.analysis.probes.probe_report import RefusedProgram
from ringfence.model.problems import Problem


class NodeSummary(msgspec.Struct, frozen=True):
    """A node of a laboratory."""

    name: str
    addresses: tuple[str, ...]


class PodSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pod of a laboratory; ports are written `80/TCP`.

    `workload` is the workload, as `NAMESPACE/NAME`, if this pod and another one stand for all of its pods; else empty.
    """

    name: str
    node: str
    addresses: tuple[str, ...]
    ports: tuple[str, ...]
    workload: str = ""


class ServiceSummary(msgspec.Struct, frozen=True):
    """A Service of a laboratory; ports are written `80/TCP`."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[str, ...]


class LaboratoryStatus(msgspec.Struct, frozen=True):
    """The contents of a laboratory.

    `outside` are the addresses of hosts outside the cluster, `policies` the policies in force as `NAMESPACE/NAME`.
    `problems` are those of the input: objects with an error are not in the laboratory.
    """

    nodes: tuple[NodeSummary, ...]
    pods: tuple[PodSummary, ...]
    services: tuple[ServiceSummary, ...]
    outside: tuple[str, ...]
    policies: tuple[str, ...]
    refused: tuple[RefusedProgram, ...] = ()
    problems: tuple[Problem, ...] = ()
    network: LaboratoryNetwork = LaboratoryNetwork()
