"""The experiment: pods open connections, a policy denies them, and the experiment observes whether they are denied.

Modules depend only on modules to the left of them:

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
