"""Compilation of the engine's state into the program for the pods of one node."""

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.compile.peers import PROTOCOL_NUMBERS
from ringfence.dataplane.compile.subjects import MayBuild, always

__all__ = ["PROTOCOL_NUMBERS", "Compiler", "MayBuild", "always"]
