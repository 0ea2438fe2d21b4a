"""Programs and their changes as nf_tables netlink messages, and back."""

from ringfence.dataplane.nftables.read_back import read_counts, read_generation, read_program
from ringfence.dataplane.nftables.transaction import commit, failure

__all__ = ["commit", "failure", "read_counts", "read_generation", "read_program"]
