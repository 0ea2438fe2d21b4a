"""Servers and probes inside the laboratory's namespaces, and what each probe is expected to observe."""

from ringfence.lab.probing.asking import one_pod, questions_between
from ringfence.lab.probing.event_loop import READABLE, Loop
from ringfence.lab.probing.expectations import Expectations
from ringfence.lab.probing.prober import PATIENCE, Probe, Progress, observe
from ringfence.lab.probing.questions import Question, ask_all, name_of
from ringfence.lab.probing.serving import Serving

__all__ = [
    "PATIENCE",
    "READABLE",
    "Expectations",
    "Loop",
    "Probe",
    "Progress",
    "Question",
    "Serving",
    "ask_all",
    "name_of",
    "observe",
    "one_pod",
    "questions_between",
]
