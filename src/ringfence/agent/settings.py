"""What the operator of an agent chose."""

from enum import StrEnum

import msgspec

from ringfence.dataplane.program import Logging, Reaction
from ringfence.sets.addresses import Addresses


class Mode(StrEnum):
    """Whether what policies deny is dropped, or passes and is only counted and logged."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class UnknownPods(StrEnum):
    """What becomes of an address in the node's pod ranges while the agent knows no pod that has it."""

    HOLD = "hold"
    ALLOW = "allow"


class ExistingConnections(StrEnum):
    """What becomes of open connections that a tightened policy no longer allows."""

    END = "end"
    KEEP = "keep"


class Settings(msgspec.Struct, frozen=True):
    """The choices. `pod_ranges` is None where the Node object says from which ranges the node's pods have addresses."""

    node: str
    mode: Mode = Mode.ENFORCE
    unknown_pods: UnknownPods = UnknownPods.HOLD
    existing_connections: ExistingConnections = ExistingConnections.END
    pod_ranges: Addresses | None = None
    log_denied: bool = False
    log_group: int = 100
    log_rate: int = 10
    """Packets per second that are logged at most, for each direction."""

    @property
    def reaction(self) -> Reaction:
        """What becomes of packets that nothing allows."""
        return Reaction(self.drops, Logging(self.log_group, self.log_rate) if self.log_denied else None)

    @property
    def drops(self) -> bool:
        """Whether denied packets are dropped."""
        return self.mode is Mode.ENFORCE

    @property
    def holds(self) -> bool:
        """Whether unknown pods wait."""
        return self.unknown_pods is UnknownPods.HOLD

    @property
    def ends_connections(self) -> bool:
        """Whether connections that are no longer allowed end."""
        return self.drops and self.existing_connections is ExistingConnections.END
