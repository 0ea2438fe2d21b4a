"""The objects of a laboratory, in tables or as JSON."""

import msgspec

from ringfence.analysis.probes import LaboratoryNetwork, LaboratoryStatus
from ringfence.render.formats import document_json, table
from ringfence.render.problems import problem_json


def text(status: LaboratoryStatus) -> str:
    """One table for each kind of object, and one for a network that was chosen; empty tables are left out."""
    nodes = [(node.name, ",".join(node.addresses)) for node in status.nodes]
    pods = [[pod.name, pod.node, ",".join(pod.addresses), ",".join(pod.ports), pod.workload] for pod in status.pods]
    columns = ["POD", "NODE", "ADDRESSES", "PORTS", "STANDS FOR"]
    if not any(pod.workload for pod in status.pods):
        columns, pods = columns[:-1], [row[:-1] for row in pods]
    services = [
        (service.name, ",".join(service.addresses) or "None", ",".join(service.ports)) for service in status.services
    ]
    network = [] if status.network == LaboratoryNetwork() else [(str(status.network),)]
    tables = (
        table(("NETWORK",), network),
        table(("NODE", "ADDRESSES"), nodes),
        table(columns, pods),
        table(("SERVICE", "ADDRESSES", "PORTS"), services),
        table(("OUTSIDE",), [(host,) for host in status.outside]),
        table(("POLICY",), [(policy,) for policy in status.policies]),
        table(("NODE", "REFUSED BY THE KERNEL"), [(refused.node, refused.reason) for refused in status.refused]),
    )
    return "\n".join(filter(None, tables))


def json(status: LaboratoryStatus) -> str:
    """The same as a JSON document."""
    written = msgspec.to_builtins(status) | {"problems": [problem_json(one) for one in status.problems]}
    return document_json(written) + "\n"
