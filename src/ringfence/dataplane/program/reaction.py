"""What becomes of packets that nothing allows."""

from typing import Final

import msgspec

from ringfence.dataplane.program.rules import RuleVerdict
from ringfence.model.policies import Direction


class Logging(msgspec.Struct, frozen=True):
    """Where copies of denied packets go, and how many a second at most, for each reason to deny them."""

    group: int
    packets: int


class Reaction(msgspec.Struct, frozen=True):
    """What becomes of packets that nothing allows. Those that are not dropped are counted, and go on."""

    drops: bool = True
    logging: Logging | None = None
    checks_sources: bool = True
    """Whether a source address must belong to the link over which a packet comes from a pod."""

    @property
    def verdict(self) -> RuleVerdict:
        """The verdict on a denied packet. A packet that returns continues to the policies of the other direction."""
        return RuleVerdict.DROP if self.drops else RuleVerdict.RETURN


ENFORCING: Final = Reaction()

DENIED_PREFIX: Final = {direction: f"ringfence denied {direction.field}" for direction in Direction}
CLOSED_PREFIX: Final = {direction: f"ringfence closed {direction.field}" for direction in Direction}
HELD_PREFIX: Final = {direction: f"ringfence held {direction.field}" for direction in Direction}
SPOOFED_PREFIX: Final = "ringfence spoofed"
"""What copies of packets are marked with, by the side that denies them, or because of their source address."""
