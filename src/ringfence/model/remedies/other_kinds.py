"""Remedies for mistakes in Services, pods and workloads."""

from ringfence.model.problems import ProblemCode
from ringfence.model.remedies.mistakes import Mistake
from ringfence.model.remedies.rules import closest
from ringfence.sets.traffic import PROTOCOLS

_PORT_NAME = "at most 15 lower-case letters, digits and dashes, with a letter among them"


def port(mistake: Mistake) -> str:
    """For the port of a Service, and of the port of a pod to which it leads."""
    if isinstance(mistake.meant, int):
        return f'remove the quotes: {mistake.meant} is a port number, "{mistake.text}" is the name of a port'
    if mistake.text:
        return f"use a port number, or the name of a container port: {_PORT_NAME}"
    return "use a port from 1 to 65535"


def port_name(mistake: Mistake) -> str:
    """For the name of a port of a Service or a container."""
    if mistake.code == ProblemCode.REQUIRED_VALUE:
        return "give each of several ports a `name`"
    return f"use {_PORT_NAME}"


def protocol(mistake: Mistake) -> str:
    """For the protocol of a port."""
    return closest(mistake.text, PROTOCOLS) or f"write one of {', '.join(PROTOCOLS)}"


def selector(mistake: Mistake) -> str:
    """For the selector of a workload."""
    if mistake.code == ProblemCode.REQUIRED_VALUE:
        return "add `selector.matchLabels` with labels of the template"
    return "write labels into `selector.matchLabels`, and the same ones into `template.metadata.labels`"


def template_labels(mistake: Mistake) -> str:
    """For the labels of a template that the selector of its workload does not match."""
    matches = "does not match" not in mistake.detail
    return "" if matches else "write the labels of `selector.matchLabels` into `template.metadata.labels`, too"


def service_ports(mistake: Mistake) -> str:
    """For a Service without ports."""
    return "add `ports`, or `clusterIP: None` for a Service without an address of its own"


def missing(mistake: Mistake) -> str:
    """For any other field that is missing."""
    return f"add `{mistake.field}`"
