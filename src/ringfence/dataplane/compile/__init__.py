"""Compilation of the engine's state into the program for the pods of one node."""

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.compile.peers import PROTOCOL_NUMBERS

__all__ = ["PROTOCOL_NUMBERS", "Compiler"]
