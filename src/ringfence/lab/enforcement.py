"""Enforcement: a node's kernel holds the program of the engine's rules for the pods on that node, and for no others."""

from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.engine.state import State


class NodeEnforcement:
    """Enforces policies on one node: on the one whose network namespace the calling thread is in when this is made."""

    def __init__(self, node: str, state: State) -> None:
        """Raises KernelError where the kernel does not allow packet filtering."""
        self._compiler = Compiler(state, lambda member: member.node == node)
        self._kernel = Kernel()

    def enforce(self) -> None:
        """Enforce what the state says now, and end the open connections that it no longer allows."""
        self._kernel.apply(self._compiler.program())
        self._kernel.revoke_forbidden()

    def tend(self) -> None:
        """Undo what somebody else did to the table, and forget revoked connections that have ended."""
        self._kernel.repair()
        if self._kernel.revoked:
            self._kernel.revoke_forbidden()

    def close(self) -> None:
        """Let go of the kernel."""
        self._kernel.close()
