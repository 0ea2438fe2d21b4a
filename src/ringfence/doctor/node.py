"""Checks whether the agent can enforce policies on this node. It makes the same checks as the agent's preflight.

The checks change nothing: each is a transaction that the kernel itself undoes (`dataplane/preflight.py`).
"""

from collections.abc import Iterator
from contextlib import closing

from ringfence.dataplane.forwarding import translates_with_ipvs, unfiltered_bridges
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.preflight import FOR_BRIDGES, FOR_LOGGING, REQUIRED
from ringfence.errors import KernelError
from ringfence.render.doctor_report import NodeFinding


def examine_node() -> list[NodeFinding]:
    """The findings on this node. Those that prevent the agent from enforcing policies come first."""
    try:
        with closing(Kernel()) as kernel:
            found = [*_of_kernel(kernel), *_of_network(), *_of_table(kernel)]
    except KernelError as error:
        found = [NodeFinding("kernel", prevents=True, text=str(error))]
    return sorted(found, key=lambda one: not one.prevents)


def _of_kernel(kernel: Kernel) -> Iterator[NodeFinding]:
    missing = kernel.missing(REQUIRED)
    for feature in missing:
        yield NodeFinding("kernel", prevents=True, text=f"it lacks {feature}: load the modules with modprobe")
    for features, purpose in ((FOR_LOGGING, "log denied packets"), (FOR_BRIDGES, "guard the ports of bridges")):
        for feature in kernel.missing(features):
            yield NodeFinding("kernel", prevents=False, text=f"it cannot {purpose}, for it lacks {feature}")
    if not missing:
        yield NodeFinding("kernel", prevents=False, text="it has all that the agent needs to enforce policies")


def _of_network() -> Iterator[NodeFinding]:
    if translates_with_ipvs():
        text = "IPVS translates Services, so packets to pods bypass the forward hook: set kube-proxy's mode to nftables"
        yield NodeFinding("services", prevents=True, text=text)
    if bridges := unfiltered_bridges():
        named = " and ".join(bridges)
        text = f"packets between pods on {named} bypass packet filters: modprobe br_netfilter, and turn it on"
        yield NodeFinding("bridges", prevents=True, text=text)


def _of_table(kernel: Kernel) -> Iterator[NodeFinding]:
    if not kernel.has_table:
        text = "no ringfence rules are in the kernel: no agent enforces policies here"
    elif kernel.is_dormant:
        text = "the ringfence rules are dormant, so no packet meets them: the agent repairs this"
    else:
        text = "ringfence rules are in force"
    yield NodeFinding("rules", prevents=False, text=text)
