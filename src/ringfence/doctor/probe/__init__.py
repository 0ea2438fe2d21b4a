"""The experiment that asks the cluster itself: pods that connect, a policy that forbids it, and what happens.

manifests <- cases, ground <- experiment <- running
"""

from ringfence.doctor.probe.experiment import Measured
from ringfence.doctor.probe.ground import leftovers, remove
from ringfence.doctor.probe.manifests import DEFAULT_IMAGE
from ringfence.doctor.probe.running import (
    DEFAULT_PATIENCE,
    NO_EXPERIMENT,
    Experiment,
    Results,
    choose_nodes,
    planned_objects,
    run_experiment,
)

__all__ = [
    "DEFAULT_IMAGE",
    "DEFAULT_PATIENCE",
    "NO_EXPERIMENT",
    "Experiment",
    "Measured",
    "Results",
    "choose_nodes",
    "leftovers",
    "planned_objects",
    "remove",
    "run_experiment",
]
