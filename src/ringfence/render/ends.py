"""The ends of a connection and the traffic between them, in JSON. In text, `str` writes them."""

from ringfence.analysis.endpoints import AskedPorts
from ringfence.analysis.lists import Connection
from ringfence.engine.answers import End
from ringfence.engine.population import POSSIBLE_PODS, Member, Reference
from ringfence.render.formats import Json
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import PROTOCOLS, Traffic, port_list


def end_json(end: Reference | Addresses) -> Json:
    """An end as JSON: an object by its name, or addresses."""
    if isinstance(end, Addresses):
        return {"addresses": end.cidrs()}
    if end.kind == POSSIBLE_PODS:
        return {"namespace": "", "kind": end.kind, "name": end.name}  # the namespace is that of an example
    return {"namespace": end.namespace, "kind": end.kind, "name": end.name}


def endpoint_json(reference: Reference | None, ends: list[End]) -> Json:
    """An endpoint: one object, addresses, or several pods."""
    if reference:
        return end_json(reference)
    different = list(dict.fromkeys(ends))
    return one_end_json(different[0]) if len(different) == 1 else {"pods": [one_end_json(end) for end in different]}


def one_end_json(end: End) -> Json:
    """One end of an endpoint as JSON."""
    return end_json(end.reference if isinstance(end, Member) else end)


def traffic_json(traffic: Traffic) -> list[Json]:
    """Traffic by protocol; all traffic is the three protocols with all ports."""
    return [
        {"protocol": protocol, "ports": port_list(traffic.ports(protocol))}
        for protocol in PROTOCOLS
        if traffic.ports(protocol)
    ]


def ports_json(ports: AskedPorts) -> Json:
    """The ports of a question, by number and by name."""
    return {"numbers": traffic_json(ports.numbers), "names": list(map(str, ports.names))}


def connection_json(connection: Connection) -> Json:
    """One connection as JSON."""
    written: Json = {
        "source": end_json(connection.source),
        "destination": end_json(connection.destination),
        "traffic": traffic_json(connection.traffic),
    }
    if connection.is_partial:
        written["partial"] = True
    return written
