"""Encodes programs and their changes as nf_tables netlink messages, and decodes such messages."""

from ringfence.dataplane.nftables.changes import ChangedBy, TableChanges, Touched
from ringfence.dataplane.nftables.constants import NFNLGRP_NFTABLES
from ringfence.dataplane.nftables.exemptions import exempts_from_tracking
from ringfence.dataplane.nftables.read_back import (
    FoundTable,
    Outline,
    element_question,
    has_foreign_parts,
    has_table,
    is_dormant,
    read_counts,
    read_elements,
    read_generation,
    read_handle,
    read_outline,
    read_parts,
    read_table,
    rules_question,
    table_attribute,
    table_question,
)
from ringfence.dataplane.nftables.transaction import (
    Transaction,
    commit,
    commit_transaction,
    encoded_transaction,
    failure,
    fits_at_once,
    transactions,
)

__all__ = [
    "NFNLGRP_NFTABLES",
    "ChangedBy",
    "FoundTable",
    "Outline",
    "TableChanges",
    "Touched",
    "Transaction",
    "commit",
    "commit_transaction",
    "element_question",
    "encoded_transaction",
    "exempts_from_tracking",
    "failure",
    "fits_at_once",
    "has_foreign_parts",
    "has_table",
    "is_dormant",
    "read_counts",
    "read_elements",
    "read_generation",
    "read_handle",
    "read_outline",
    "read_parts",
    "read_table",
    "rules_question",
    "table_attribute",
    "table_question",
    "transactions",
]
