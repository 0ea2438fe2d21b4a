"""Programs and their changes as nf_tables netlink messages, and back."""

from ringfence.dataplane.nftables.read_back import FoundTable, has_table, read_counts, read_generation, read_table
from ringfence.dataplane.nftables.transaction import commit, failure

__all__ = [
    "FoundTable",
    "commit",
    "failure",
    "has_table",
    "read_counts",
    "read_generation",
    "read_table",
]
