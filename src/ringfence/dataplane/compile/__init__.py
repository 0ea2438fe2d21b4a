"""Compiles the engine's state into the nftables program for the pods of one node."""

from ringfence.dataplane.compile.compiler import Compiler, NodeGuard
from ringfence.dataplane.compile.computations import InSteps, never
from ringfence.dataplane.compile.peers import PROTOCOL_NUMBERS
from ringfence.dataplane.compile.ports import PodPort, Ports, remembered_ports
from ringfence.dataplane.compile.subjects import Address, MayBuild, PodPlacement, always

__all__ = [
    "PROTOCOL_NUMBERS",
    "Address",
    "Compiler",
    "InSteps",
    "MayBuild",
    "NodeGuard",
    "PodPlacement",
    "PodPort",
    "Ports",
    "always",
    "never",
    "remembered_ports",
]
