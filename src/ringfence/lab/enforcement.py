"""Enforcement in the laboratory: the kernel of each node holds the program for the pods on that node only."""

from ringfence.analysis.probes import RefusedProgram
from ringfence.dataplane.compile import Compiler, NodeGuard
from ringfence.dataplane.kernel import Kernel, ProfilesRefused
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.preflight import FOR_BRIDGES
from ringfence.dataplane.veth_pairs import VethPairReader
from ringfence.engine.state import State
from ringfence.errors import KernelError


class NodeEnforcement:
    """Enforces policies on one node: the one in whose network namespace the calling thread creates this object."""

    def __init__(self, node: str, state: State, *, on_bridge: bool = False) -> None:
        """`on_bridge` says that the pods are on a bridge, whose ports have to be guarded.

        Raises KernelError if the kernel does not allow packet filtering.
        """
        self._node = node
        self._kernel = Kernel()
        self._ports = PodPorts() if on_bridge and not self._kernel.missing(FOR_BRIDGES) else None
        self._veth_pairs = VethPairReader()
        locate = self._ports.locate if self._ports else None
        self._compiler = Compiler(state, lambda member: member.node == node, NodeGuard(locate=locate))
        self._refused: tuple[RefusedProgram, ...] = ()
        self._not_maintained: tuple[RefusedProgram, ...] = ()

    @property
    def refused(self) -> tuple[RefusedProgram, ...]:
        """What the kernel refused and therefore does not enforce; empty if it holds the whole program."""
        return self._refused + self._not_maintained

    def enforce(self) -> None:
        """Enforce what the state says now, and end the open connections that it no longer allows.

        If the kernel refuses parts of the program, the pods of those parts are closed and `refused` has the reasons.
        Raises KernelError if the kernel refuses more than that; `refused` then has the reason, too.
        """
        self._not_maintained = ()
        try:
            if self._ports:
                self._ports.veth_pairs = self._veth_pairs.read()
            self._kernel.apply(self._compiler.program(), self._compiler.refusals())
            self._refused = ()
        except ProfilesRefused as error:
            self._refused = tuple(RefusedProgram(self._node, str(one)) for one in error.refusals)
        except KernelError as error:
            self._refused = (RefusedProgram(self._node, str(error)),)
            raise
        # After the rules: connections that open from here on are judged by them.
        self._kernel.revoke_forbidden()

    def remove_rules(self) -> None:
        """Enforce nothing on this node, until `enforce` is called."""
        self._kernel.remove()

    def maintain(self) -> None:
        """Undo what other programs changed in the table, and forget revoked connections that have ended.

        No command waits for the result: what the kernel refuses is in `refused` until it succeeds again.
        """
        try:
            self._kernel.repair()
            if self._kernel.revoked:
                self._kernel.revoke_forbidden()
            self._not_maintained = ()
        except KernelError as error:
            self._not_maintained = (RefusedProgram(self._node, str(error)),)

    def close(self) -> None:
        """Close the sockets to the kernel; its rules stay as long as the node's namespace."""
        self._kernel.close()
        self._veth_pairs.close()
