"""What a change does: the connections that it opens and closes, for whom, and why."""

from ringfence.analysis.differences.causes import Cause, Change, Effect, When
from ringfence.analysis.differences.cluster_differences import (
    ChangedConnections,
    ChangedIsolation,
    ClusterDifference,
    ConnectionChange,
    Ends,
    PolicyCount,
    difference,
)
from ringfence.analysis.differences.unread_changes import UnreadChange

__all__ = [
    "Cause",
    "Change",
    "ChangedConnections",
    "ChangedIsolation",
    "ClusterDifference",
    "ConnectionChange",
    "Effect",
    "Ends",
    "PolicyCount",
    "UnreadChange",
    "When",
    "difference",
]
