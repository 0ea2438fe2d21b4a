"""The types of the values that the Python API returns: names for annotations, and for `isinstance`.

A program makes none of them itself but `SharedInput`, so they are kept out of `ringfence`, which has the few names that
it starts from.
Importing this module imports the engine. The errors are in `ringfence.errors`.
"""

from ringfence.analysis.conversion import Conversion, Converted, Remark
from ringfence.analysis.differences import (
    AffectedRule,
    AffectingTrait,
    Cause,
    ChangedConnections,
    ChangedExposure,
    ChangedIsolation,
    ClusterDifference,
    ClusterSnapshot,
    ConnectionChange,
    PolicyCount,
    PossibleConnections,
    RedundancyHere,
    RenamedWorkload,
    SnapshotDifference,
    UnreadChange,
)
from ringfence.analysis.edits import Edit, Proposal, SideEffects
from ringfence.analysis.endpoints import AskedPorts, Endpoint, PortArgument, PortName
from ringfence.analysis.lists import (
    AllowingRule,
    Connection,
    ExposedTo,
    Exposure,
    ExposureList,
    Isolated,
    IsolationList,
    NamedPolicy,
    Permission,
    PodCollection,
    Reach,
    ReachRow,
    TierPolicy,
)
from ringfence.analysis.mutants import Mutant, MutatedPart, Mutation
from ringfence.analysis.possible import Comparison, Counterexample, Outcome, Redundancy, RedundantPart, RemovablePart
from ringfence.analysis.questions import ExplainedPair, Pair, Part, PodsOf, ReasonGroup
from ringfence.cluster import Cluster
from ringfence.engine.answers import PairReason, PeerReason, PolicyReason, RuleReason, SideReason
from ringfence.engine.population import Member, Reference
from ringfence.engine.possible import (
    ExactAddress,
    ExactPod,
    ExamplePod,
    NamedPorts,
    PossibleConnection,
    PossiblePods,
    PossibleTraffic,
)
from ringfence.lint import (
    BaselineEntry,
    FindingLevel,
    LintFinding,
    LintFindings,
    RelatedPlace,
    SkippedRules,
    SuppressedFinding,
    SuppressionKind,
)
from ringfence.model.cluster_policies import (
    AdminNetworkPolicy,
    AwsClusterNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
)
from ringfence.model.objects import NetworkPolicy
from ringfence.model.origin import Place, Range
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.text_edits import TextEdit
from ringfence.plugins import ChosenTrait, PluginTrait, PluginTraits
from ringfence.sets.addresses import Addresses, Family
from ringfence.sets.traffic import Traffic
from ringfence.shared_input import SharedInput
from ringfence.testing.coverage import Coverage, Fate, PartCount, TriedMutant
from ringfence.testing.outcomes import JudgedTest, JudgedTests, Status
from ringfence.testing.reachability_tests import ReachabilityTest
from ringfence.verdict import Verdict

__all__ = [
    "Addresses",
    "AdminNetworkPolicy",
    "AffectedRule",
    "AffectingTrait",
    "AllowingRule",
    "AskedPorts",
    "AwsClusterNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "BaselineEntry",
    "Cause",
    "ChangedConnections",
    "ChangedExposure",
    "ChangedIsolation",
    "ChosenTrait",
    "Cluster",
    "ClusterDifference",
    "ClusterNetworkPolicy",
    "ClusterSnapshot",
    "Comparison",
    "Connection",
    "ConnectionChange",
    "Conversion",
    "Converted",
    "Counterexample",
    "Coverage",
    "Edit",
    "Endpoint",
    "ExactAddress",
    "ExactPod",
    "ExamplePod",
    "ExplainedPair",
    "ExposedTo",
    "Exposure",
    "ExposureList",
    "Family",
    "Fate",
    "FindingLevel",
    "Isolated",
    "IsolationList",
    "JudgedTest",
    "JudgedTests",
    "LintFinding",
    "LintFindings",
    "Member",
    "Mutant",
    "MutatedPart",
    "Mutation",
    "NamedPolicy",
    "NamedPorts",
    "NetworkPolicy",
    "Outcome",
    "Pair",
    "PairReason",
    "Part",
    "PartCount",
    "PeerReason",
    "Permission",
    "Place",
    "PluginTrait",
    "PluginTraits",
    "PodCollection",
    "PodsOf",
    "PolicyCount",
    "PolicyReason",
    "PortArgument",
    "PortName",
    "PossibleConnection",
    "PossibleConnections",
    "PossiblePods",
    "PossibleTraffic",
    "Problem",
    "ProblemCode",
    "Proposal",
    "Range",
    "Reach",
    "ReachRow",
    "ReachabilityTest",
    "ReasonGroup",
    "Redundancy",
    "RedundancyHere",
    "RedundantPart",
    "Reference",
    "RelatedPlace",
    "Remark",
    "RemovablePart",
    "RenamedWorkload",
    "RuleReason",
    "Severity",
    "SharedInput",
    "SideEffects",
    "SideReason",
    "SkippedRules",
    "SnapshotDifference",
    "Status",
    "SuppressedFinding",
    "SuppressionKind",
    "TextEdit",
    "TierPolicy",
    "Traffic",
    "TriedMutant",
    "UnreadChange",
    "Verdict",
]
