"""Enforcement: each node's kernel holds the program of the engine's rules for its own pods."""

from ringfence.engine.state import State


class Enforcement:
    """The programs of all nodes."""

    def enforce(self, node: str, state: State) -> None:
        """Program the kernel for the pods of a node, in the calling thread's network namespace."""

    def close(self) -> None:
        """Let the kernels go."""
