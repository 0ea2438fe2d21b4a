"""Safe updates: the steps from one program to the next, and the addresses whose connections they affect."""

from ringfence.dataplane.update.affected import NONE_AFFECTED, AffectedAddresses, affected_addresses, union_of
from ringfence.dataplane.update.commands import (
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
    RenameChain,
    ReplaceElements,
    SetRules,
    WakeTable,
    commands_between,
    is_compatible,
)
from ringfence.dataplane.update.comparison import fits_always
from ringfence.dataplane.update.exclusion import (
    is_needed,
    profiles_using,
    with_all_profiles_closed,
    with_profiles_closed,
    without_unneeded,
)
from ringfence.dataplane.update.plan import UpdatePlan, plan_update
from ringfence.dataplane.update.stages import Stage, stages_between
from ringfence.dataplane.update.steps import StepKind, UpdateStep

__all__ = [
    "NONE_AFFECTED",
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
    "RenameChain",
    "ReplaceElements",
    "SetRules",
    "Stage",
    "StepKind",
    "UpdatePlan",
    "UpdateStep",
    "WakeTable",
    "affected_addresses",
    "commands_between",
    "fits_always",
    "is_compatible",
    "is_needed",
    "plan_update",
    "profiles_using",
    "stages_between",
    "union_of",
    "with_all_profiles_closed",
    "with_profiles_closed",
    "without_unneeded",
]
