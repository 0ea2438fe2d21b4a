"""The settings of an agent, as chosen on its command line."""

from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from ringfence.dataplane.program import Logging, Reaction
from ringfence.sets.addresses import Addresses

DEFAULT_LOG_GROUP: Final = 9810
"""Other programs use smaller numbers: ulogd 0, Calico 1 and 2, weave-npc 86, kube-router 100."""


class Mode(StrEnum):
    """Whether packets that policies deny are dropped, or only counted and logged."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class UnknownPods(StrEnum):
    """Whether an address in the node's pod ranges is closed while no known pod has it."""

    HOLD = "hold"
    ALLOW = "allow"


class ExistingConnections(StrEnum):
    """Whether open connections that a changed policy no longer allows are ended."""

    END = "end"
    KEEP = "keep"


class SpoofedSources(StrEnum):
    """Whether packets of pods are dropped if their source address does not belong to their link."""

    DROP = "drop"
    ALLOW = "allow"


class Settings(msgspec.Struct, frozen=True):
    """The settings. Without `pod_ranges`, the `podCIDRs` of the Node object are the ranges of the node's pods."""

    node: str
    mode: Mode = Mode.ENFORCE
    unknown_pods: UnknownPods = UnknownPods.HOLD
    existing_connections: ExistingConnections = ExistingConnections.END
    spoofed_sources: SpoofedSources = SpoofedSources.DROP
    pod_ranges: Addresses | None = None
    state_file: Path | None = None
    """The file that stores the pod ranges of the Node for the next boot."""
    max_lag: float = 5.0
    """Seconds: the agent is not ready while a change has not been in force for longer than this."""
    second_look: float = 30.0
    """Seconds after which everything is listed again if a list would remove most of what the kernel enforces."""
    events: bool = True
    """Whether Kubernetes Events are written about policies that cannot be enforced and pods that are closed."""
    remove_taint: bool = False
    """Whether the agent removes its taint from the Node when it is ready (`taint`)."""
    log_denied: bool = False
    log_group: int = DEFAULT_LOG_GROUP
    log_rate: int = 10
    """Packets that are logged per second at most, in each direction."""

    @property
    def reaction(self) -> Reaction:
        """What the kernel does with packets that are not allowed."""
        logging = Logging(self.log_group, self.log_rate) if self.log_denied else None
        return Reaction(self.drops, logging, self.spoofed_sources is SpoofedSources.DROP)

    @property
    def drops(self) -> bool:
        """Whether denied packets are dropped."""
        return self.mode is Mode.ENFORCE

    @property
    def holds(self) -> bool:
        """Whether addresses without a known pod are closed."""
        return self.unknown_pods is UnknownPods.HOLD

    @property
    def ends_connections(self) -> bool:
        """Whether connections that are no longer allowed end."""
        return self.drops and self.existing_connections is ExistingConnections.END
