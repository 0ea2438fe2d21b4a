"""Lists of connections by what is listed as one: a namespace, a workload or a pod."""

from collections.abc import Iterator

from ringfence.analysis.lists.connection_filters import ConnectionFilter
from ringfence.analysis.lists.connections import Connection, connections
from ringfence.analysis.lists.namespace_connections import namespace_connections
from ringfence.engine.state import State
from ringfence.errors import InputError


def list_connections(state: State, wanted: ConnectionFilter, by: str) -> Iterator[Connection]:
    """The connections that are wanted, by `namespace`, `workload` or `pod`, streamed. Raises InputError for others."""
    match by:
        case "namespace":
            return namespace_connections(state, wanted)
        case "workload" | "pod":
            return connections(state, wanted, pods=by == "pod")
    raise InputError(f"{by!r} is not a way to list connections: use namespace, workload or pod")
