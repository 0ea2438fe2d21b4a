"""Lists of connections by namespace, by workload or by pod."""

from collections.abc import Iterator

from ringfence.analysis.lists.connection_filters import ConnectionFilter
from ringfence.analysis.lists.connections import Connection, ConnectionRow, connection_rows, connections
from ringfence.analysis.lists.namespace_connections import namespace_connections
from ringfence.engine.state import State
from ringfence.errors import InputError


def list_connections(state: State, wanted: ConnectionFilter, by: str) -> Iterator[Connection]:
    """The connections that a filter selects, by `namespace`, `workload` or `pod`, streamed. Raises InputError."""
    match by:
        case "namespace":
            return namespace_connections(state, wanted)
        case "workload" | "pod":
            return connections(state, wanted, pods=by == "pod")
    raise InputError(f"{by!r} is not a way to list connections: use namespace, workload or pod")


def list_rows(state: State, wanted: ConnectionFilter, by: str) -> Iterator[ConnectionRow | Connection]:
    """The same as `list_connections`, but one row has all connections of a pod or workload inside the cluster."""
    if by in ("workload", "pod"):
        return connection_rows(state, wanted, pods=by == "pod")
    return list_connections(state, wanted, by)
