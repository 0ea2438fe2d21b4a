"""What policies mean for pods that do not exist yet: all possible connections, as boxes (`sets.boxes`).

`meaning` gives the boxes of connections that some policies allow or deny, `axes` says what they are products of, and
`connections` finds a single connection in a box.
"""

from ringfence.engine.possible.axes import (
    A_POD,
    ADDRESS,
    AN_ADDRESS,
    IS_NODE,
    KIND,
    TRAFFIC,
    YES,
    LabelAxis,
    Labelled,
    Role,
    Trait,
    TraitAxis,
    domain_name_axis,
    label_axis,
    name_axis,
    port_name_axis,
    selection_box,
    subject_role,
)
from ringfence.engine.possible.budget import Budget, Undecided
from ringfence.engine.possible.connections import (
    ExactAddress,
    ExactEnd,
    ExactPod,
    PossibleConnection,
    connection_box,
    connection_in,
    end_box,
)
from ringfence.engine.possible.differences import allowed_only_by, side_allowed_only_by
from ringfence.engine.possible.meaning import DirectionMeaning, Meaning
from ringfence.engine.possible.policy_boxes import RulePlace, compile_in_any_cluster, rule_boxes, subject_box

__all__ = [
    "ADDRESS",
    "AN_ADDRESS",
    "A_POD",
    "IS_NODE",
    "KIND",
    "TRAFFIC",
    "YES",
    "Budget",
    "DirectionMeaning",
    "ExactAddress",
    "ExactEnd",
    "ExactPod",
    "LabelAxis",
    "Labelled",
    "Meaning",
    "PossibleConnection",
    "Role",
    "RulePlace",
    "Trait",
    "TraitAxis",
    "Undecided",
    "allowed_only_by",
    "compile_in_any_cluster",
    "connection_box",
    "connection_in",
    "domain_name_axis",
    "end_box",
    "label_axis",
    "name_axis",
    "port_name_axis",
    "rule_boxes",
    "selection_box",
    "side_allowed_only_by",
    "subject_box",
    "subject_role",
]
