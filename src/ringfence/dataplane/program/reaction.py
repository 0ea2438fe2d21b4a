"""The reaction to packets that are not allowed."""

from typing import Final

import msgspec

from ringfence.dataplane.program.rules import RuleVerdict
from ringfence.model.policies import Direction


class Logging(msgspec.Struct, frozen=True):
    """The log group for copies of denied packets, and the most copies per second for each cause and direction."""

    group: int
    packets: int


class Reaction(msgspec.Struct, frozen=True):
    """What the kernel does with packets that are not allowed. If they are not dropped, they are counted and pass."""

    drops: bool = True
    logging: Logging | None = None
    checks_sources: bool = True
    """Whether the source address of a packet must belong to the link of the pod that sent it."""

    @property
    def verdict(self) -> RuleVerdict:
        """The verdict on a denied packet. A packet that returns continues to the policies of the other direction."""
        return RuleVerdict.DROP if self.drops else RuleVerdict.RETURN


ENFORCING: Final = Reaction()

DENIED_PREFIX: Final = {direction: f"ringfence denied {direction.field}" for direction in Direction}
CLOSED_PREFIX: Final = {direction: f"ringfence closed {direction.field}" for direction in Direction}
HELD_PREFIX: Final = {direction: f"ringfence held {direction.field}" for direction in Direction}
SPOOFED_PREFIX: Final = "ringfence spoofed"
"""The log prefixes of packets, by the cause of the denial and the direction."""
