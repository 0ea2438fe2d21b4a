"""The result of probing: for each probe the expectation of the engine, the observation, and the denying policies.

These are plain values. The laboratory fills them in, `render` writes them, and a laboratory in the background sends
them to the command that asked.
"""

from functools import cached_property

import msgspec

from ringfence.analysis.probes.laboratory_network import LaboratoryNetwork


class IsolatingPolicy(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A policy as `NAMESPACE/NAME`, and the place that it was read from (`FILE:LINE`) if that is known."""

    name: str
    place: str = ""


class DenyingSide(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """One end of a denied connection: its direction (`ingress` or `egress`) and the policies that isolate it there."""

    direction: str
    policies: tuple[IsolatingPolicy, ...]

    def __str__(self) -> str:
        return f"{self.direction} isolated by {', '.join(policy.name for policy in self.policies)}"


class ProbeResult(msgspec.Struct, frozen=True):
    """One probe.

    `family` is 4 or 6 where the laboratory has both families, else None. `denied_by` is empty if the engine allows the
    connection.
    """

    source: str
    destination: str
    protocol: str
    port: int
    expected: bool
    observed: bool
    family: int | None = None
    denied_by: tuple[DenyingSide, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the kernel did what the engine says."""
        return self.expected is self.observed

    def __str__(self) -> str:
        over = f" over IPv{self.family}" if self.family else ""
        return f"{self.source} -> {self.destination} {self.port}/{self.protocol}{over}"


class RefusedProgram(msgspec.Struct, frozen=True):
    """The kernel of a node refused a part of the policies' program; `reason` is its message.

    The pods of that part are closed: no connection to or from them is allowed.
    """

    node: str
    reason: str

    def __str__(self) -> str:
        return f"node {self.node}: the kernel refused a part of the policies: {self.reason}"


class ProbeReport(msgspec.Struct, frozen=True, dict=True):
    """All probes of one run, the programs that the kernel refused during it, and the assumptions of the engine."""

    results: tuple[ProbeResult, ...]
    refused: tuple[RefusedProgram, ...] = ()
    assumptions: tuple[str, ...] = ()
    network: LaboratoryNetwork = LaboratoryNetwork()

    @cached_property
    def disagreements(self) -> tuple[ProbeResult, ...]:
        """The probes whose result differs from what the engine says."""
        return tuple(result for result in self.results if not result.agrees)

    @property
    def is_proof(self) -> bool:
        """Whether the kernel enforces all policies and every probe had the result that the engine expects."""
        return not self.disagreements and not self.refused
