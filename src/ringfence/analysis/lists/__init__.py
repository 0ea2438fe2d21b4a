"""Lists of a cluster: allowed connections, sources and destinations of a pod, exposure, and isolation."""

from ringfence.analysis.lists.arrows import Arrow, ArrowMark, Arrows, Group, Passing, folded_arrows
from ringfence.analysis.lists.connection_filters import (
    ALL_CONNECTIONS,
    ClusterPart,
    ConnectionFilter,
    ListedSide,
    connection_filter,
    list_selector,
)
from ringfence.analysis.lists.connection_lists import list_connections
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.exposed_workloads import ExposedTo, Exposure, ExposureList, exposure, exposure_of
from ringfence.analysis.lists.folded_lists import FoldedList, folded
from ringfence.analysis.lists.folded_views import (
    BY_NAMESPACE,
    BY_POD,
    BY_WORKLOAD,
    FoldedView,
    graph_view,
    matrix_sides,
    matrix_view,
)
from ringfence.analysis.lists.gathered_lists import LimitedList, by_namespace, limited
from ringfence.analysis.lists.grouped_pods import PodGroup, pod_groups
from ringfence.analysis.lists.isolated_workloads import (
    Isolated,
    IsolationList,
    NamedPolicy,
    TierPolicy,
    isolation,
    isolation_of,
    label_assumptions,
)
from ringfence.analysis.lists.listed_assumptions import (
    ListAssumptions,
    connection_assumptions,
    list_assumptions,
    subject_assumptions,
)
from ringfence.analysis.lists.orders import MatrixOrder, ordered
from ringfence.analysis.lists.reach import PodCollection, Reach, peers_allowed
from ringfence.analysis.lists.reach_rows import AllowingRule, Permission, ReachQuestion, ReachRow

__all__ = [
    "ALL_CONNECTIONS",
    "BY_NAMESPACE",
    "BY_POD",
    "BY_WORKLOAD",
    "AllowingRule",
    "Arrow",
    "ArrowMark",
    "Arrows",
    "ClusterPart",
    "Connection",
    "ConnectionFilter",
    "ExposedTo",
    "Exposure",
    "ExposureList",
    "FoldedList",
    "FoldedView",
    "Group",
    "Isolated",
    "IsolationList",
    "LimitedList",
    "ListAssumptions",
    "ListedSide",
    "MatrixOrder",
    "NamedPolicy",
    "Passing",
    "Permission",
    "PodCollection",
    "PodGroup",
    "Reach",
    "ReachQuestion",
    "ReachRow",
    "TierPolicy",
    "by_namespace",
    "connection_assumptions",
    "connection_filter",
    "exposure",
    "exposure_of",
    "folded",
    "folded_arrows",
    "graph_view",
    "isolation",
    "isolation_of",
    "label_assumptions",
    "limited",
    "list_assumptions",
    "list_connections",
    "list_selector",
    "matrix_sides",
    "matrix_view",
    "ordered",
    "peers_allowed",
    "pod_groups",
    "subject_assumptions",
]
