"""Safe updates: the steps that lead from one program to the next."""

from ringfence.dataplane.update.affected import NONE_AFFECTED, AffectedAddresses, affected_addresses, union_of
from ringfence.dataplane.update.commands import (
    NOTHING,
    AddChain,
    AddCollection,
    AddElements,
    AddTable,
    Command,
    DeleteChain,
    DeleteCollection,
    DeleteTable,
    Flush,
    RemoveElements,
    ReplaceElements,
    SetRules,
    commands,
    is_compatible,
)
from ringfence.dataplane.update.exclusion import closing, profiles_with
from ringfence.dataplane.update.plan import path

__all__ = [
    "NONE_AFFECTED",
    "NOTHING",
    "AddChain",
    "AddCollection",
    "AddElements",
    "AddTable",
    "AffectedAddresses",
    "Command",
    "DeleteChain",
    "DeleteCollection",
    "DeleteTable",
    "Flush",
    "RemoveElements",
    "ReplaceElements",
    "SetRules",
    "affected_addresses",
    "closing",
    "commands",
    "is_compatible",
    "path",
    "profiles_with",
    "union_of",
]
