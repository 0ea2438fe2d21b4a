"""The meaning of policies for pods that do not exist yet: all possible connections, as boxes (`sets.boxes`).

`meaning` computes the boxes of connections that some policies allow or deny, `axes` defines the axes of boxes, and
`connections` finds a single connection in a box.

If one end is an existing pod, `counterparts` computes the possible pods with which it may connect, as regions of one
`universe` (`sets.regions`). `smallest` turns regions into label selectors, and `examples` into single pods.
"""

from ringfence.engine.possible.axes import (
    A_POD,
    ADDRESS,
    AN_ADDRESS,
    IS_NODE,
    KIND,
    TRAFFIC,
    YES,
    EndProperty,
    LabelAxis,
    Labelled,
    PropertyAxis,
    Role,
    domain_name_axis,
    is_about_end,
    is_about_port,
    label_axis,
    name_axis,
    port_name_axis,
    selection_box,
    subject_role,
)
from ringfence.engine.possible.budget import STEPS, Budget, Undecided
from ringfence.engine.possible.by_namespace import ByNamespace, ByTraffic, united
from ringfence.engine.possible.connections import (
    ExactAddress,
    ExactEnd,
    ExactPod,
    PossibleConnection,
    connection_box,
    connection_in,
    end_box,
    has_connection,
)
from ringfence.engine.possible.counterparts import Counterparts
from ringfence.engine.possible.differences import allowed_only_by, boxes_allowed_only_by, side_allowed_only_by
from ringfence.engine.possible.examples import ExamplePod, example, simplest_labels
from ringfence.engine.possible.meaning import DirectionMeaning, Meaning, direction_meaning
from ringfence.engine.possible.named_traffic import NO_POSSIBLE_TRAFFIC, NamedPorts, PossibleTraffic, by_labels
from ringfence.engine.possible.policy_boxes import RulePlace, compile_in_any_cluster, rule_boxes, subject_box
from ringfence.engine.possible.possible_sides import side_of_stack
from ringfence.engine.possible.removals import Removal, Removals
from ringfence.engine.possible.smallest import PossiblePods, Smallest
from ringfence.engine.possible.subjects import subjects_everywhere
from ringfence.engine.possible.universe import NAME, Universe

__all__ = [
    "ADDRESS",
    "AN_ADDRESS",
    "A_POD",
    "IS_NODE",
    "KIND",
    "NAME",
    "NO_POSSIBLE_TRAFFIC",
    "STEPS",
    "TRAFFIC",
    "YES",
    "Budget",
    "ByNamespace",
    "ByTraffic",
    "Counterparts",
    "DirectionMeaning",
    "EndProperty",
    "ExactAddress",
    "ExactEnd",
    "ExactPod",
    "ExamplePod",
    "LabelAxis",
    "Labelled",
    "Meaning",
    "NamedPorts",
    "PossibleConnection",
    "PossiblePods",
    "PossibleTraffic",
    "PropertyAxis",
    "Removal",
    "Removals",
    "Role",
    "RulePlace",
    "Smallest",
    "Undecided",
    "Universe",
    "allowed_only_by",
    "boxes_allowed_only_by",
    "by_labels",
    "compile_in_any_cluster",
    "connection_box",
    "connection_in",
    "direction_meaning",
    "domain_name_axis",
    "end_box",
    "example",
    "has_connection",
    "is_about_end",
    "is_about_port",
    "label_axis",
    "name_axis",
    "port_name_axis",
    "rule_boxes",
    "selection_box",
    "side_allowed_only_by",
    "side_of_stack",
    "simplest_labels",
    "subject_box",
    "subject_role",
    "subjects_everywhere",
    "united",
]
