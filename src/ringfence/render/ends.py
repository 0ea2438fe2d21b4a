"""The ends of a connection and the traffic between them, in text and in JSON."""

from ringfence.analysis.connections import Connection
from ringfence.engine.population import Reference
from ringfence.render.formats import Json
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import PROTOCOLS, Traffic, port_list

_MOST_CIDRS = 4


def short_text(end: Reference | Addresses) -> str:
    """An end for a table: `prod/web`, `prod/Deployment/api`, `any address`, `10.0.0.0/8 and 3 more`.

    An object is written as an endpoint, so that it can be copied into a question.
    """
    if isinstance(end, Reference):
        return str(end)
    if end == ALL_ADDRESSES:
        return "any address"
    cidrs = end.cidrs()
    more = f" and {len(cidrs) - _MOST_CIDRS} more" if len(cidrs) > _MOST_CIDRS else ""
    return ", ".join(cidrs[:_MOST_CIDRS]) + more


def full_text(end: Reference | Addresses) -> str:
    """An end with all its CIDRs, separated by spaces."""
    return str(end) if isinstance(end, Reference) else " ".join(end.cidrs())


def end_json(end: Reference | Addresses) -> Json:
    """An end as JSON: an object by its name, or addresses."""
    if isinstance(end, Addresses):
        return {"addresses": end.cidrs()}
    return {"namespace": end.namespace, "kind": end.kind, "name": end.name}


def traffic_json(traffic: Traffic) -> list[Json]:
    """Traffic by protocol; all traffic is the three protocols with all ports."""
    return [
        {"protocol": protocol, "ports": port_list(traffic.ports(protocol))}
        for protocol in PROTOCOLS
        if traffic.ports(protocol)
    ]


def connection_json(connection: Connection) -> Json:
    """One connection as JSON."""
    return {
        "source": end_json(connection.source),
        "destination": end_json(connection.destination),
        "traffic": traffic_json(connection.traffic),
    }
