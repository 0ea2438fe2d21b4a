"""Lists of connections by what is listed as one: a namespace, a workload or a pod."""

from collections.abc import Iterator

from ringfence.analysis.lists.connection_filters import ConnectionFilter
from ringfence.analysis.lists.connections import Connection, ConnectionRow, connection_rows, connections
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


def list_rows(state: State, wanted: ConnectionFilter, by: str) -> Iterator[ConnectionRow | Connection]:
    """The same as `list_connections`, with all that one pod or workload opens to others of the cluster at once."""
    if by in ("workload", "pod"):
        return connection_rows(state, wanted, pods=by == "pod")
    return list_connections(state, wanted, by)
