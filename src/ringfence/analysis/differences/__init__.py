"""What a change does: the connections that it opens and closes, and why; and which removals change nothing."""

from ringfence.analysis.differences.affected import AffectedRule, AffectingTrait, affecting_traits
from ringfence.analysis.differences.arrow_values import ArrowBundle, ArrowKind, ChangedArrow, ChangedArrows
from ringfence.analysis.differences.arrows_of_change import changed_arrows, several_in_both
from ringfence.analysis.differences.causes import Cause, Change, ConnectionChange, Effect, When
from ringfence.analysis.differences.changed_exposure import ChangedExposure
from ringfence.analysis.differences.changed_plugin import with_plugin_causes
from ringfence.analysis.differences.changed_routes import ChangedRoute, RoutedService
from ringfence.analysis.differences.changed_services import ChangedService, ServiceChange, TargetOfService
from ringfence.analysis.differences.changes_of_policies import changes_of_policies_alone
from ringfence.analysis.differences.cluster_differences import PolicyChange, difference, difference_in_policies
from ringfence.analysis.differences.matched_workloads import RenamedWorkload
from ringfence.analysis.differences.object_places import ObjectPlaces
from ringfence.analysis.differences.redundant_here import RedundancyHere, redundancy_here
from ringfence.analysis.differences.snapshots import (
    ClusterSnapshot,
    PossibleConnections,
    SnapshotDifference,
    SnapshotEnds,
    compare_snapshots,
    take_snapshot,
)
from ringfence.analysis.differences.unread_changes import UnreadChange
from ringfence.analysis.differences.what_changed import (
    SAME_FILES,
    ChangedConnections,
    ChangedIsolation,
    ClusterDifference,
    Ends,
    LostDns,
    PolicyCount,
    ReviewedChange,
)

__all__ = [
    "SAME_FILES",
    "AffectedRule",
    "AffectingTrait",
    "ArrowBundle",
    "ArrowKind",
    "Cause",
    "Change",
    "ChangedArrow",
    "ChangedArrows",
    "ChangedConnections",
    "ChangedExposure",
    "ChangedIsolation",
    "ChangedRoute",
    "ChangedService",
    "ClusterDifference",
    "ClusterSnapshot",
    "ConnectionChange",
    "Effect",
    "Ends",
    "LostDns",
    "ObjectPlaces",
    "PolicyChange",
    "PolicyCount",
    "PossibleConnections",
    "RedundancyHere",
    "RenamedWorkload",
    "ReviewedChange",
    "RoutedService",
    "ServiceChange",
    "SnapshotDifference",
    "SnapshotEnds",
    "TargetOfService",
    "UnreadChange",
    "When",
    "affecting_traits",
    "changed_arrows",
    "changes_of_policies_alone",
    "compare_snapshots",
    "difference",
    "difference_in_policies",
    "redundancy_here",
    "several_in_both",
    "take_snapshot",
    "with_plugin_causes",
]
