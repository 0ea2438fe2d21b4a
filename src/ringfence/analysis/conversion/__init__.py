"""AdminNetworkPolicies and BaselineAdminNetworkPolicies as ClusterNetworkPolicies, proven to mean the same."""

from ringfence.analysis.conversion.comments import moved_comments
from ringfence.analysis.conversion.conversion import Conversion, Converted, Remark, convert
from ringfence.analysis.conversion.proof import ConversionDefect

__all__ = [
    "Conversion",
    "ConversionDefect",
    "Converted",
    "Remark",
    "convert",
    "moved_comments",
]
